// A chart with what people do to it: read values by pointer or arrow keys, zoom, a logarithmic axis, a table.

/** Which part of an axis is shown, of several charts at once. */
class Range {
    constructor() {
        this.plots = [];
        this.reset();
    }

    set(min, max) {
        this.min = min;
        this.max = max;
        for (const plot of this.plots) plot.update();
    }

    reset() { this.set(undefined, undefined); }

    /** How far the charts reach, with none of them zoomed. */
    most() { return Math.max(...this.plots.map((plot) => plot.reach())); }
}

const axisColours = () => ({
    grid: {color: palette().grid, borderColor: palette().soft, tickColor: palette().soft},
    ticks: {color: palette().soft, callback: (value) => inWords(value), maxRotation: 0, autoSkipPadding: 12},
});

class Plot {
    /**
       kind: Chart.js's. datasets(): Chart.js's, in the colours of the time. axes: titles. table(): {head, rows} of
       texts. range: a Range, where the chart can be zoomed. label(item): a point in words.
     */
    constructor({kind = "line", title, text, axes, datasets, table: figures, range = null, label, heading, labels}) {
        Object.assign(this, {kind, title, axes, datasets, range, label, heading, labels, logarithmic: false, at: -1});
        this.canvas = element("canvas", {"aria-hidden": "true"});
        this.area = element(
            "div", {
                class: "area",
                tabindex: "0",
                role: "group",
                "aria-roledescription": "chart",
                "aria-label": `${title}. ${text} Arrow keys read values${
                    range ? ", shift and arrow keys move, plus and minus zoom, 0 shows all" : ""}${
                    kind === "scatter" ? "" : ", L changes the axis"}.`,
                onkeydown: (event) => this.key(event)
            },
            this.canvas);
        this.reading = element("p", {class: "reading", "aria-live": "polite"});
        this.figure = element(
            "figure", {class: "plot", "data-plot": title},
            element(
                "figcaption", {}, element("div", {class: "head"}, element("h3", {}, title), this.tools()),
                element("p", {class: "text"}, text)),
            this.area, this.reading, this.details(figures));
    }

    /** Once its place in the page is known, since that is its size. */
    start() {
        this.chart = new Chart(
            this.canvas,
            {type: this.kind, data: {labels: this.labels, datasets: this.datasets()}, options: this.options()});
        this.canvas.addEventListener("dblclick", () => this.range?.reset());
        if (this.range) this.selectByDragging();
        themed.push(() => this.update());
    }

    options() {
        const {ink, card, soft} = palette();
        const title = (text) => ({display: Boolean(text), text, color: soft});
        return {
            animation: false,
            responsive: true,
            maintainAspectRatio: false,
            normalized: this.kind !== "scatter",
            parsing: this.kind === "bar",
            interaction: {mode: {line: "nearestOfEach", bar: "index", scatter: "nearest"}[this.kind], intersect: false},
            elements: {line: {tension: 0}},
            scales: {
                x: {
                    type: this.kind === "bar" ? "category" : "linear",
                    ...axisColours(),
                    title: title(this.axes().x),
                    ...this.across(),
                    ...(this.kind === "bar" ? {ticks: {color: soft, autoSkip: true}} : {})
                },
                y: {
                    type: this.logarithmic ? "signedLog" : "linear",
                    ...axisColours(),
                    title: title(this.axes().y),
                    ...this.up()
                },
            },
            plugins: {
                legend: {display: false},
                tooltip: {
                    backgroundColor: card,
                    titleColor: ink,
                    bodyColor: ink,
                    borderColor: soft,
                    borderWidth: 1,
                    usePointStyle: true,
                    filter: (item) => !item.dataset.raw,
                    callbacks: {
                        title: (items) => (items.length ? this.heading(items[0]) : ""),
                        label: (item) => this.label(item)
                    },
                },
            },
        };
    }

    /** Bounds of the lower axis: what is zoomed to, or what all charts that are zoomed together have. */
    across() {
        if (this.kind === "scatter") return {grace: "4%"};
        if (!this.range) return {};
        if (this.range.min !== undefined) return {min: this.range.min, max: this.range.max};
        return {suggestedMin: 0, suggestedMax: this.range.most()};
    }

    /** Room above and below, but none below 0 of what is never negative; figures that do not change have some too. */
    up() {
        const values = this.datasets().flatMap(({data: list}) => list.map((point) => point.y ?? point));
        const least = values.reduce((a, b) => Math.min(a, b), Infinity), margin = Math.abs(least) / 10 || 1;
        const most = values.reduce((a, b) => Math.max(a, b), -Infinity);
        if (this.kind === "line" && values.length && least === most)
            return {suggestedMin: least - margin, suggestedMax: least + margin};
        return {grace: least >= 0 ? 0 : "4%"};
    }

    update() {
        if (!this.chart) return;
        this.chart.data.datasets = this.datasets();
        this.chart.options = this.options();
        this.chart.update("none");
    }

    tools() {
        const button = (text, name, action) => element(
            "button", {type: "button", "aria-label": `${name}: ${this.title}`, title: name, onclick: action}, text);
        this.logButton = button("log", "logarithmic axis", () => this.toggleLog());
        this.logButton.setAttribute("aria-pressed", "false");
        return element(
            "div", {class: "tools"}, this.kind === "scatter" ? null : this.logButton,
            this.range ?
                [
                    button("+", "zoom in", () => this.zoom(0.5)), button("−", "zoom out", () => this.zoom(2)),
                    button("‹", "earlier", () => this.move(-0.25)), button("›", "later", () => this.move(0.25)),
                    button("all", "show all", () => this.range.reset())
                ] :
                []);
    }

    details(figures) {
        const made = element("details", {}, element("summary", {}, "Table of values"));
        made.addEventListener("toggle", () => {
            if (!made.open) return;
            while (made.children.length > 1) made.lastChild.remove();
            const {head, rows} = figures();
            made.append(table(
                this.title, head,
                rows.map(([name, ...cells]) => row(name, cells.map((cell) => element("td", {class: "number"}, cell)))),
                {numeric: true}));
        });
        return made;
    }

    toggleLog() {
        if (this.kind === "scatter") return;
        this.logarithmic = !this.logarithmic;
        this.logButton.setAttribute("aria-pressed", String(this.logarithmic));
        this.update();
    }

    /** The last place of all that is drawn. */
    reach() { return Math.max(0, ...this.datasets().map(({data: list}) => list[list.length - 1]?.x ?? 0)); }

    extent() {
        const places = this.chart.data.datasets.flatMap(
            ({data: points}) => (points.length ? [points[0].x, points[points.length - 1].x] : []));
        return places.length ? [Math.min(...places), Math.max(...places)] : [0, 1];
    }

    show(min, max) {
        const [first, last] = this.extent(), width = Math.min(max - min, last - first);
        const begin = Math.max(first, Math.min(min, last - width));
        if (width >= last - first)
            this.range.reset();
        else
            this.range.set(begin, begin + width);
    }

    zoom(factor) {
        const {min, max} = this.chart.scales.x, middle = (min + max) / 2, half = ((max - min) / 2) * factor;
        this.show(middle - half, middle + half);
    }

    move(part) {
        const {min, max} = this.chart.scales.x;
        if (this.range.min !== undefined) this.show(min + part * (max - min), max + part * (max - min));
    }

    selectByDragging() {
        const box = element("div", {class: "selection", hidden: true});
        this.area.append(box);
        let from = null;
        const within = (event) => {
            const {left, right} = this.chart.chartArea, x = event.clientX - this.canvas.getBoundingClientRect().left;
            return Math.max(left, Math.min(right, x));
        };
        this.canvas.addEventListener("pointerdown", (event) => {
            if (event.button !== 0) return;
            from = within(event);
            this.canvas.setPointerCapture(event.pointerId);
        });
        this.canvas.addEventListener("pointermove", (event) => {
            if (from === null) return;
            const to = within(event);
            box.hidden = Math.abs(to - from) < 6;
            box.style.left = `${Math.min(from, to)}px`;
            box.style.width = `${Math.abs(to - from)}px`;
        });
        this.canvas.addEventListener("pointercancel", () => {
            from = null;
            box.hidden = true;
        });
        this.canvas.addEventListener("pointerup", (event) => {
            if (from === null) return;
            const [a, b] =
                [from, within(event)].sort((p, q) => p - q).map((x) => this.chart.scales.x.getValueForPixel(x));
            if (!box.hidden) this.show(a, b);
            from = null;
            box.hidden = true;
        });
    }

    key(event) {
        if (event.ctrlKey || event.altKey || event.metaKey || event.target !== this.area) return;
        const direction = {ArrowLeft: -1, ArrowRight: 1}[event.key];
        if (direction && event.shiftKey && this.range)
            this.move(direction / 4);
        else if (direction)
            this.read(direction);
        else if (event.key.toLowerCase() === "l")
            this.toggleLog();
        else if (this.range && (event.key === "+" || event.key === "="))
            this.zoom(0.5);
        else if (this.range && event.key === "-")
            this.zoom(2);
        else if (this.range && event.key === "0")
            this.range.reset();
        else
            return;
        event.preventDefault();
    }

    /** Moves to the next or previous point in sight, and says what stands there. */
    read(direction) {
        const index = this.chart.data.datasets.findIndex(({raw, data: points}) => !raw && points.length > 0);
        if (index < 0) return;
        const points = this.chart.data.datasets[index].data, {min, max} = this.chart.scales.x;
        const places = points.map((point, i) => i)
                           .filter((i) => this.kind === "bar" || (points[i].x >= min && points[i].x <= max));
        if (places.length === 0) return;
        const here = places.indexOf(this.at);
        this.at = here < 0 ? places[direction > 0 ? 0 : places.length - 1] :
                             places[Math.max(0, Math.min(places.length - 1, here + direction))];
        const point = this.chart.getDatasetMeta(index).data[this.at].getCenterPoint();
        const items = this.chart.getElementsAtEventForMode(
            {x: point.x, y: point.y, native: null, type: "mousemove"}, this.options().interaction.mode,
            {intersect: false}, true);
        this.chart.setActiveElements(items);
        this.chart.tooltip.setActiveElements(items, point);
        this.chart.update("none");
        const {title, body} = this.chart.tooltip;
        this.reading.textContent =
            `${(title ?? []).join(" ")}: ${(body ?? []).map((part) => part.lines.join(" ")).join("; ")}`;
    }
}
