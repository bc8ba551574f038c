// Which part of a chart is shown: zoomed by dragging, buttons and keys; curves all together, other charts each alone.

/** The part of its axes that charts show, {x: [from, to], y: [from, to]}; null: everything. */
class Range {
    constructor() {
        this.plots = [];
        this.shown = null;
    }

    set(shown) {
        this.shown = shown;
        for (const plot of this.plots) plot.update();
    }

    reset() { this.set(null); }

    /** How far the charts reach, with none of them zoomed. */
    most() { return Math.max(...this.plots.map((plot) => plot.reach())); }
}

class Zoom {
    /** Scattered points are zoomed along both axes, others along the lower one; of bars it counts edges. */
    constructor(plot, range) {
        Object.assign(this, {plot, range, axes: plot.kind === "scatter" ? ["x", "y"] : ["x"]});
        this.edge = plot.kind === "bar" ? 0.5 : 0;
        range.plots.push(plot);
        const [back, on] = plot.kind === "line" ? ["earlier", "later"] : ["left", "right"];
        /** Buttons: what stands on them, what they are called, what they do. */
        this.ways = [
            ["+", "zoom in", () => this.scale(0.5)], ["−", "zoom out", () => this.scale(2)],
            ["‹", back, () => this.move("x", -0.25)], ["›", on, () => this.move("x", 0.25)],
            ...(this.axes.length > 1 ?
                    [["↑", "up", () => this.move("y", 0.25)], ["↓", "down", () => this.move("y", -0.25)]] :
                    []),
            ["all", "show all", () => range.reset()]
        ];
    }

    /** Chart.js's bounds of an axis, where it is zoomed. */
    bounds(axis) {
        const shown = this.range.shown?.[axis];
        if (!shown) return {};
        const [from, to] = shown;
        return this.edge ? {min: Math.round(from + this.edge), max: Math.round(to - this.edge)} : {min: from, max: to};
    }

    /** What is in sight along an axis. */
    view(axis) {
        const {min, max} = this.plot.chart.scales[axis];
        return [min - this.edge, max + this.edge];
    }

    /** From the first to the last of what is drawn. */
    extent(axis) {
        const {labels, datasets} = this.plot.chart.data;
        if (this.edge) return [-this.edge, labels.length - this.edge];
        const places = datasets.flatMap(({data: points}) => points.map((point) => point[axis]));
        const least = places.reduce((a, b) => Math.min(a, b), Infinity);
        const most = places.reduce((a, b) => Math.max(a, b), -Infinity);
        if (places.length === 0) return [0, 1];
        const beside = this.plot.kind === "scatter" ? (most - least) / 25 : 0;
        return [least - beside, most + beside];
    }

    /** view: of each axis that is zoomed, from where to where; as much of it as there is. */
    show(view) {
        const shown = {};
        for (const axis of this.axes) {
            const [first, last] = this.extent(axis), [from, to] = view[axis];
            const least = this.edge ? 1 : (last - first) / 1e6;
            const width = Math.max(least, Math.min(to - from, last - first));
            const begin = Math.max(first, Math.min(from, last - width));
            shown[axis] = [begin, begin + width];
        }
        const whole = this.axes.every((axis) => {
            const [first, last] = this.extent(axis), [from, to] = shown[axis];
            return to - from >= last - first;
        });
        this.range.set(whole ? null : shown);
    }

    views() { return Object.fromEntries(this.axes.map((axis) => [axis, this.view(axis)])); }

    /** Bars are in order of their size, so that the first ones stay. */
    scale(factor) {
        const scaled = ([from, to]) => {
            if (this.edge) return [from, from + (to - from) * factor];
            const middle = (from + to) / 2, half = ((to - from) / 2) * factor;
            return [middle - half, middle + half];
        };
        this.show(Object.fromEntries(this.axes.map((axis) => [axis, scaled(this.view(axis))])));
    }

    move(axis, part) {
        if (!this.range.shown) return;
        const view = this.views(), [from, to] = view[axis], by = part * (to - from);
        this.show({...view, [axis]: [from + by, to + by]});
    }

    /** True where the key was one of its own. */
    key(event) {
        const moves = {ArrowLeft: ["x", -0.25], ArrowRight: ["x", 0.25], ArrowUp: ["y", 0.25], ArrowDown: ["y", -0.25]};
        const [axis, part] = moves[event.key] ?? [];
        if (axis && event.shiftKey && this.axes.includes(axis))
            this.move(axis, part);
        else if (event.key === "+" || event.key === "=")
            this.scale(0.5);
        else if (event.key === "-")
            this.scale(2);
        else if (event.key === "0")
            this.range.reset();
        else
            return false;
        return true;
    }

    /** The pointer's place within the axes, in pixels of the canvas. */
    within(event) {
        const {left, right, top, bottom} = this.plot.chart.chartArea, canvas = this.plot.canvas.getBoundingClientRect();
        const inside = (value, least, most) => Math.max(least, Math.min(most, value));
        return {
            x: inside(event.clientX - canvas.left, left, right),
            y: inside(event.clientY - canvas.top, top, bottom)
        };
    }

    /** What lies between two places. */
    between(one, other) {
        const {scales} = this.plot.chart;
        const values = (axis) => [one, other].map((place) => scales[axis].getValueForPixel(place[axis]));
        return Object.fromEntries(this.axes.map((axis) => {
            const [from, to] = values(axis).sort((a, b) => a - b);
            return [axis, [from - this.edge, to + this.edge]];
        }));
    }

    /** Listens for dragging, and for the double click that shows all. */
    listen(area, canvas) {
        const box = element("div", {class: "selection", hidden: true}), both = this.axes.length > 1;
        area.append(box);
        let from = null;
        const frame = (to) => {
            const {top, bottom} = this.plot.chart.chartArea;
            const width = Math.abs(to.x - from.x), height = both ? Math.abs(to.y - from.y) : bottom - top;
            box.hidden = width < 6 || height < 6;
            box.style.left = `${Math.min(from.x, to.x)}px`;
            box.style.top = `${both ? Math.min(from.y, to.y) : top}px`;
            box.style.width = `${width}px`;
            box.style.height = `${height}px`;
        };
        const end = () => {
            from = null;
            box.hidden = true;
        };
        canvas.addEventListener("pointerdown", (event) => {
            if (event.button !== 0) return;
            from = this.within(event);
            canvas.setPointerCapture(event.pointerId);
        });
        canvas.addEventListener("pointermove", (event) => {
            if (from) frame(this.within(event));
        });
        canvas.addEventListener("pointercancel", end);
        canvas.addEventListener("pointerup", (event) => {
            if (from && !box.hidden) this.show(this.between(from, this.within(event)));
            end();
        });
        canvas.addEventListener("dblclick", () => this.range.reset());
    }
}
