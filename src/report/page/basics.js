// Elements, numbers in words, and colours that do not carry meaning alone.

const data = JSON.parse(document.getElementById("data").textContent);
const runs = data.runs;

/** An element with attributes (on...: a listener) and children; texts are texts, whatever stands in them. */
const element = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
        if (value === false || value === null || value === undefined) continue;
        if (name.startsWith("on"))
            made.addEventListener(name.slice(2), value);
        else
            made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return made;
};

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

/** Six digits, in groups of three; very small and very large ones with an exponent. */
const inWords = (value, digits = 6) => {
    if (!isNumber(value)) return "–";
    if (value === 0) return "0";  // also where it is negative
    const size = Math.abs(value);
    if (size < 1e-4 || size >= 1e9) return value.toExponential(3).replace("-", "−").replace("e−", "e-");
    return value.toLocaleString("en-US", {maximumSignificantDigits: digits}).replace("-", "−");
};

const duration = (seconds) => {
    if (!isNumber(seconds)) return "–";
    if (seconds < 59.5) return `${inWords(seconds, 3)} s`;
    const whole = Math.round(seconds), minutes = Math.floor(whole / 60);
    if (minutes < 60) return `${minutes} min ${whole % 60} s`;
    return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
};

const palettes = {
    light: {
        series: [
            "#1f5fbf", "#b3480b", "#0b7468", "#9323a8", "#7a5c00", "#52606e", "#b01858", "#2b7a1f", "#5a43c4", "#00708f"
        ],
        ink: "#1b2430",
        soft: "#55606e",
        grid: "#e3e7ec",
        card: "#ffffff",
    },
    dark: {
        series: [
            "#8ab4f8", "#f5a76c", "#5fd0c0", "#dc9af0", "#e0c050", "#b5c0cd", "#f78fb8", "#94d97f", "#b3a4ff", "#6cc9e8"
        ],
        ink: "#e6eaf0",
        soft: "#a3aebc",
        grid: "#2c3541",
        card: "#1b212a",
    },
};
const darkness = matchMedia("(prefers-color-scheme: dark)");
let printing = false;
const palette = () => palettes[darkness.matches && !printing ? "dark" : "light"];
const colour = (index) => palette().series[index % palette().series.length];

// Readable without colour: a marker and a dash of its own for each.
const markers = ["circle", "triangle", "rect", "rectRot", "cross", "star", "crossRot", "rectRounded", "line", "dash"];
const dashes = [[], [8, 4], [2, 3], [10, 3, 2, 3], [5, 5], [14, 4], [2, 6], [10, 3, 2, 3, 2, 3]];
const marker = (index) => markers[index % markers.length];
/** Those of lines alone are larger, so that they weigh as much. */
const markerRadius = (style, filled) =>
    (["cross", "star", "crossRot", "line", "dash"].includes(style) ? filled + 1.5 : filled);
const dash = (index) => dashes[index % dashes.length];

/** A piece of line with its marker, as the charts draw it. */
const sample = (style) => {
    const canvas = element("canvas", {width: 60, height: 28, "aria-hidden": "true"});
    canvas.style.width = "30px";
    canvas.style.height = "14px";
    const draw = canvas.getContext("2d");
    draw.scale(2, 2);
    draw.strokeStyle = draw.fillStyle = style.colour();
    draw.lineWidth = style.width;
    if (style.width > 0) {
        draw.setLineDash(style.dash);
        draw.beginPath();
        draw.moveTo(1, 7);
        draw.lineTo(29, 7);
        draw.stroke();
        draw.setLineDash([]);
    }
    if (style.marker) {
        draw.lineWidth = 1.5;
        Chart.helpers.drawPoint(draw, {pointStyle: style.marker, radius: 4, borderWidth: 1.5, rotation: 0}, 15, 7);
    }
    return canvas;
};

/** A button that shows and hides what has this style. */
const keyButton = (label, style, toggled) => {
    const button = element("button", {type: "button", "aria-pressed": "true"}, sample(style), label);
    button.addEventListener("click", () => {
        const shown = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(shown));
        toggled(shown);
    });
    themed.push(() => button.replaceChild(sample(style), button.firstChild));
    return element("li", {}, button);
};

const themed = [];  // called when colours change

/** numeric: columns but the first are of numbers. */
const table = (caption, head, rows, {numeric = false, ...attributes} = {}) => {
    const names = head.map((name, i) => element("th", {scope: "col", class: numeric && i > 0 ? "number" : null}, name));
    return element(
        "div", {class: "scroll", tabindex: "0", role: "group", "aria-label": caption},
        element(
            "table", attributes, element("caption", {}, caption), element("thead", {}, element("tr", {}, names)),
            element("tbody", {}, rows)));
};

const row = (name, cells) => element("tr", {}, element("th", {scope: "row"}, name), cells);

const section = (id, title, ...children) => {
    document.getElementById("contents").append(element("a", {href: `#${id}`}, title));
    const made = element(
        "section", {id, "aria-labelledby": `${id}-title`}, element("h2", {id: `${id}-title`}, title), ...children);
    document.getElementById("report").append(made);
    return made;
};
