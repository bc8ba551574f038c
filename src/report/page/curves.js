// What a training computed, over its steps: a chart for each figure, all with the same axis and the same smoothing.

const settings = {
    axis: "step",
    smoothing: 0,
    hiddenRuns: new Set(),
    hiddenKinds: new Set()
};
const range = new Range();
const several = runs.length > 1;
const axisNames = {
    step: "step",
    epoch: "epoch",
    hours: "hours of training"
};

const figuresOf = (run, kind) => run.lines[kind].figures;
/** Lines of training: over steps, or over epochs where there are no others. */
const trainLines = (run) => (run.lines.steps.count > 1 ? "steps" : "epochs");

/** Epochs that were over at a step: between ends of epochs in proportion. */
const epochAt = (run) => {
    const ends = figuresOf(run, "epochs"), steps = [0, ...(ends.step ?? [])], epochs = [0, ...(ends.epoch ?? [])];
    return (step) => {
        let i = 1;
        while (i < steps.length - 1 && steps[i] < step) ++i;
        if (steps.length < 2) return null;
        return epochs[i - 1] + ((step - steps[i - 1]) / (steps[i] - steps[i - 1])) * (epochs[i] - epochs[i - 1]);
    };
};
const epochsOf = runs.map(epochAt);

/** Points of a figure: value(figures, i) at each line. */
const points = (runIndex, kind, value) => {
    const figures = figuresOf(runs[runIndex], kind), list = [];
    for (let i = 0; i < (figures.step ?? []).length; ++i) {
        const step = figures.step[i], y = value(figures, i);
        const x = {step, epoch: epochsOf[runIndex](step), hours: (figures.seconds?.[i] ?? NaN) / 3600}[settings.axis];
        if (isNumber(x) && isNumber(y)) list.push({x, y, step});
    }
    return list;
};

/** Exponential moving average, which begins without a pull towards zero. */
const smoothed = (list) => {
    let mean = 0, weight = 0;
    return list.map((point) => {
        mean = settings.smoothing * mean + (1 - settings.smoothing) * point.y;
        weight = settings.smoothing * weight + (1 - settings.smoothing);
        return {...point, y: mean / weight};
    });
};

const styleOf = (runIndex, kind) => {
    const index = several ? runIndex : Number(kind === "validation");
    return {
        colour: () => colour(index),
        dash: several ? dash(runIndex) : dash(0),
        width: kind === "validation" ? 2 : 1.25,
        marker: {validation: marker(several ? runIndex : 1), other: "star"}[kind] ?? null
    };
};

const nameOf = (runIndex, words) => (several ? `${runs[runIndex].name}, ${words}` : words);

/** Chart.js's datasets of one series; where it is smoothed, what it was stands pale behind. */
const lineSets = ({runIndex, kind, words, list}) => {
    const style = styleOf(runIndex, kind), every = Math.max(1, Math.ceil(list.length / 12));
    const line = {
        label: nameOf(runIndex, words),
        borderColor: style.colour(),
        backgroundColor: style.colour(),
        borderWidth: style.width,
        borderDash: style.dash
    };
    const radius = markerRadius(style.marker, 4), middle = Math.floor(every / 2);
    const marked = {
        pointStyle: style.marker ?? "circle",
        pointHoverRadius: 5,
        pointRadius: list.map((_, i) => (list.length === 1 || (style.marker && i % every === middle) ? radius : 0)),
        pointBorderWidth: 1.5
    };
    if (settings.smoothing === 0 || list.length < 3) return [{...line, ...marked, data: list}];
    return [
        {...line, ...marked, data: smoothed(list)}, {
            ...line,
            data: list,
            raw: true,
            borderColor: `${style.colour()}55`,
            borderWidth: 1,
            pointRadius: 0,
            pointHoverRadius: 0
        }
    ];
};

/** Series of a chart: of each run of each part, {kind, lines, words, value}, where a run has any points. */
const seriesOf = (parts) =>
    runs.flatMap(
            (run, runIndex) => parts.map(
                ({kind, lines, words, value}) => ({runIndex, kind, words, list: points(runIndex, lines(run), value)})))
        .filter(({list}) => list.length > 0);
const shownSeries = (parts) =>
    seriesOf(parts).filter(({runIndex, kind}) => !settings.hiddenRuns.has(runIndex) && !settings.hiddenKinds.has(kind));

/** At each point of the shortest series, but at most 200, what the others had come to. */
const tableOf = (parts) => {
    const series = shownSeries(parts);
    if (series.length === 0) return {head: [], rows: []};
    const shortest = [...series].sort((a, b) => a.list.length - b.list.length)[0].list,
          every = Math.ceil(shortest.length / 200);
    const rows =
        shortest.filter((_, i) => i % every === 0 || i === shortest.length - 1)
            .map(
                ({x}) =>
                    [inWords(x), ...series.map(({list}) => inWords(list.filter((point) => point.x <= x).pop()?.y))]);
    return {head: [axisNames[settings.axis], ...series.map(({runIndex, words}) => nameOf(runIndex, words))], rows};
};

const curvePlot = ({title, text, unit, parts}) => new Plot({
    title,
    text,
    range,
    axes: () => ({x: axisNames[settings.axis], y: unit}),
    datasets: () => shownSeries(parts).flatMap(lineSets),
    table: () => tableOf(parts),
    heading: (item) => `step ${inWords(item.raw.step)}`,
    label: (item) => ` ${item.dataset.label}: ${inWords(item.parsed.y)}`,
});

/** The generalisation gap needs a run's epochs beside its validation. */
const gapSeries = () => runs.map((run, runIndex) => ({
                                     kind: "validation",
                                     lines: (one) => (one === run ? "validation" : "none"),
                                     words: "training − validation",
                                     value: (figures, i) => epochGap(figures, i, run),
                                     runIndex
                                 }));

const curveControls = (plots) => {
    const redraw = () => plots.forEach((plot) => plot.update());
    const choose = element(
        "select", {
            onchange: (event) => {
                settings.axis = event.target.value;
                range.reset();
                redraw();
            }
        },
        Object.entries(axisNames).map(([value, name]) => element("option", {value}, name)));
    const shown = element("output", {}, "0");
    const smoothing = element("input", {
        type: "range",
        min: "0",
        max: "0.99",
        step: "0.01",
        value: "0",
        id: "smoothing",
        oninput: (event) => {
            settings.smoothing = Number(event.target.value);
            shown.textContent = event.target.value;
            redraw();
        }
    });
    const toggle = (set, value) => (on) => {
        if (on)
            set.delete(value);
        else
            set.add(value);
        redraw();
    };
    const keys = several ?
        runs.map(
            (run, index) => keyButton(
                run.name, {...styleOf(index, "validation"), width: 1.5}, toggle(settings.hiddenRuns, index))) :
        [];
    for (const kind of ["training", "validation"])
        keys.push(keyButton(
            kind,
            several ? {
                colour: () => palette().soft,
                dash: [],
                width: kind === "validation" ? 2 : 1.25,
                marker: kind === "validation" ? "circle" : null
            } :
                      styleOf(0, kind),
            toggle(settings.hiddenKinds, kind)));
    return element(
        "div", {class: "card controls"}, element("ul", {class: "keys", "aria-label": "Curves shown"}, keys),
        element("label", {}, "over ", choose), element("label", {}, "smoothing ", smoothing, shown),
        element("button", {type: "button", onclick: () => range.reset()}, "show all"),
        element("p", {class: "text"}, "Drag across a chart to zoom all of them; a double click shows all again."));
};

const thinned = () =>
    runs.filter((run) => run.lines.steps.each > 1)
        .map(
            (run) => element(
                "p", {class: "text"},
                `${run.name}: each point of training is the mean of ${run.lines.steps.each} lines of metrics.jsonl.`));

const drawCurves = () => {
    for (const run of runs) run.lines.none = {count: 0, each: 1, figures: {}};
    curves.find(({title}) => title === "Generalisation gap").parts = gapSeries();
    const drawn = curves
                      .filter(({parts, needs}) => {
                          const series = seriesOf(parts);
                          return series.length > 0 && (!needs || needs(series));
                      })
                      .map(curvePlot);
    if (drawn.length === 0) {
        section("curves", "Curves", element("p", {class: "card"}, "No figures yet."));
        return;
    }
    section(
        "curves", "Curves", curveControls(drawn), thinned(),
        element("div", {class: "plots"}, drawn.map(({figure}) => figure)));
    drawn.forEach((plot) => plot.start());
};
