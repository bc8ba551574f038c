// A chart with what people do to it: read values by pointer or arrow keys, zoom, a logarithmic axis, a table.

const axisColours = () => ({
    grid: {color: palette().grid, borderColor: palette().soft, tickColor: palette().soft},
    ticks: {
        color: palette().soft,
        callback: (value) => inWords(value),
        maxRotation: 0,
        autoSkipPadding: 12,
        includeBounds: false
    },
});

class Plot {
    /**
       kind: Chart.js's. datasets(): Chart.js's, in the colours of the time. axes: titles. table(): {head, rows} of
       texts. range: a Range, where others are zoomed with it. label(item): a point in words.
     */
    constructor(
        {kind = "line", title, text, axes, datasets, table: figures, range = new Range(), label, heading, labels}) {
        Object.assign(this, {kind, title, axes, datasets, label, heading, labels, logarithmic: false, at: ""});
        this.zoom = new Zoom(this, range);
        this.canvas = element("canvas", {"aria-hidden": "true"});
        this.area = element(
            "div", {
                class: "area",
                tabindex: "0",
                role: "group",
                "aria-roledescription": "chart",
                "aria-label": `${title}. ${text} Arrow keys read values, shift and arrow keys move, ${
                    kind === "scatter" ? "" : "L changes the axis, "}plus and minus zoom, 0 shows all.`,
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
        this.zoom.listen(this.area, this.canvas);
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
            parsing: this.kind !== "line",  // else Chart.js takes points to be in order of x
            interaction: {mode: {line: "nearestOfEach", bar: "index", scatter: "nearest"}[this.kind], intersect: false},
            elements: {line: {tension: 0}},
            scales: {
                x: {
                    type: this.kind === "bar" ? "category" : "linear",
                    ...axisColours(),
                    title: title(this.axes().x),
                    ...this.across(),
                    ...this.zoom.bounds("x"),
                    ...(this.kind === "bar" ? {ticks: {color: soft, autoSkip: true, maxRotation: 0}} : {})
                },
                y: {
                    type: this.logarithmic ? "signedLog" : "linear",
                    ...axisColours(),
                    title: title(this.axes().y),
                    ...this.up(),
                    ...this.zoom.bounds("y")
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

    /** Room beside what is drawn; charts that are zoomed together have the same bounds. */
    across() {
        if (this.kind === "scatter") return {grace: "4%"};
        return this.kind === "bar" ? {} : {suggestedMin: 0, suggestedMax: this.zoom.range.most()};
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
            this.zoom.ways.map(([text, name, action]) => button(text, name, action)));
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

    key(event) {
        if (event.ctrlKey || event.altKey || event.metaKey || event.target !== this.area) return;
        const direction = {ArrowLeft: -1, ArrowRight: 1}[event.key];
        if (direction && !event.shiftKey)
            this.read(direction);
        else if (event.key.toLowerCase() === "l")
            this.toggleLog();
        else if (!this.zoom.key(event))
            return;
        event.preventDefault();
    }

    /** Points in sight, {datasetIndex, index}: of the first series, or of all from left to right. */
    inSight() {
        const {data, scales} = this.chart;
        const within = ({x, y}) => this.kind !== "scatter" || (y >= scales.y.min && y <= scales.y.max);
        const sets = data.datasets.map((set, datasetIndex) => ({...set, datasetIndex}))
                         .filter(({raw, hidden, data: points}) => !raw && !hidden && points.length > 0);
        const seen = (this.kind === "scatter" ? sets : sets.slice(0, 1))
                         .flatMap(
                             ({datasetIndex, data: points}) =>
                                 points.map((point, index) => ({datasetIndex, index, point, x: point.x ?? index})));
        const list = seen.filter(({point, x}) => x >= scales.x.min && x <= scales.x.max && within(point));
        return this.kind === "scatter" ? list.sort((a, b) => a.x - b.x) : list;
    }

    /** Moves to the next or previous point in sight, and says what stands there. */
    read(direction) {
        const places = this.inSight();
        if (places.length === 0) return;
        const nameOf = ({datasetIndex, index}) => `${datasetIndex} ${index}`;
        const here = places.findIndex((place) => nameOf(place) === this.at);
        const next = here < 0 ? places[direction > 0 ? 0 : places.length - 1] :
                                places[Math.max(0, Math.min(places.length - 1, here + direction))];
        this.at = nameOf(next);
        const point = this.chart.getDatasetMeta(next.datasetIndex).data[next.index].getCenterPoint();
        const items = this.kind === "scatter" ? [{datasetIndex: next.datasetIndex, index: next.index}] :
                                                this.chart.getElementsAtEventForMode(
                                                    {x: point.x, y: point.y, native: null, type: "mousemove"},
                                                    this.options().interaction.mode, {intersect: false}, true);
        this.chart.setActiveElements(items);
        this.chart.tooltip.setActiveElements(items, point);
        this.chart.update("none");
        const {title, body} = this.chart.tooltip;
        this.reading.textContent =
            `${(title ?? []).join(" ")}: ${(body ?? []).map((part) => part.lines.join(" ")).join("; ")}`;
    }
}
