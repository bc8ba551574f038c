// Tables: how runs ended, where they differ, where their time went, and what they were told to do.

const last = (list) => (list && list.length ? list[list.length - 1] : null);
const median = (list) => {
    const sorted = (list ?? []).filter(isNumber).sort((a, b) => a - b);
    return sorted.length ? sorted[sorted.length >> 1] : null;
};
const accountings = (run) => run.events.filter(({event}) => event === "accounting");
/** Index of the validation with the largest ELBO. */
const bestValidation = (run) =>
    (figuresOf(run, "validation").elbo ??
     []).reduce((best, value, i, all) => (isNumber(value) && (best < 0 || value > all[best]) ? i : best), -1);
const atBest = (run, name) =>
    (bestValidation(run) < 0 ? null : figuresOf(run, "validation")[name]?.[bestValidation(run)]);

const stateCell = (run) => {
    const kind = {done: "done", failed: "failed", diverged: "failed", interrupted: "failed"}[run.state] ?? "";
    return [
        element("span", {class: `state ${kind}`}, String(run.state)),
        run.status?.message ? element("p", {class: "text"}, String(run.status.message)) : null
    ];
};

/** name; value(run): a number or nodes; better: 1 where larger is. */
const results = [
    {name: "State", value: stateCell},
    {name: "Folder", value: (run) => run.folder},
    {name: "Checkpoint drawn", value: (run) => run.checkpoint || "–"},
    {name: "Parameters", value: (run) => run.parameters || null},
    {
        name: "Epochs",
        value: (run) =>
            `${run.status?.epoch ?? last(figuresOf(run, "epochs").epoch) ?? 0} of ${run.status?.epochs ?? "?"}`
    },
    {
        name: "Steps",
        value: (run) => Math.max(0, ...["steps", "epochs"].map((kind) => last(figuresOf(run, kind).step) ?? 0))
    },
    {name: "Best validation ELBO", value: (run) => atBest(run, "elbo"), better: 1},
    {name: "… after epoch", value: (run) => atBest(run, "epoch")},
    {name: "… its reconstruction", value: (run) => atBest(run, "reconstruction")},
    {name: "… its KL", value: (run) => atBest(run, "kl")},
    {name: "… its active units", value: (run) => atBest(run, "active_units")},
    {
        name: "Largest L_K, validation",
        better: 1,
        value: (run) => {
            const figures = figuresOf(run, "validation"), values = (figures[boundName(figures)] ?? []).filter(isNumber);
            return values.length ? Math.max(...values) : null;
        }
    },
    {
        name: "Last training ELBO",
        value: (run) => last(figuresOf(run, "epochs").elbo) ?? last(figuresOf(run, "steps").elbo),
        better: 1
    },
    {
        name: "Samples a second, median",
        value: (run) =>
            median(figuresOf(run, "epochs").samples_per_second ?? figuresOf(run, "steps").samples_per_second),
        better: 1
    },
    {name: "Training time", value: (run) => duration(last(figuresOf(run, trainLines(run)).seconds))},
    {name: "Ranks", value: (run) => last(accountings(run))?.ranks ?? null},
    {name: "Begun", value: (run) => run.events[0]?.time ?? "–"},
];

const resultRows = () => results.flatMap(({name, value, better}) => {
    const values = runs.map(value);
    if (values.every((one) => one === null || one === undefined)) return [];
    const best = several && better ? Math.max(...values.filter(isNumber)) : null;
    return [row(
        name,
        values.map(
            (one) =>
                (isNumber(one) || one === null || one === undefined ?
                     element(
                         "td", {}, inWords(one),
                         one === best && better ? element("span", {class: "mark"}, " ★ best") : null) :
                     element("td", {}, one))))];
});

const drawResults = () => {
    const notes =
        runs.flatMap((run) => run.notes.map((note) => element("li", {}, several ? `${run.name}: ${note}` : note)));
    section(
        "results", several ? "Results side by side" : "Results",
        element(
            "div", {class: "card long"}, table("How the training stands", ["", ...runs.map(({name}) => name)], resultRows()),
            notes.length ? [element("p", {}, "Notes"), element("ul", {class: "notes"}, notes)] : null));
};

/** Keys whose values are not the same in all configurations. */
const drawDifferences = () => {
    if (!several) return;
    const maps = runs.map((run) => new Map(run.keys)),
          keys = [...new Set(runs.flatMap((run) => run.keys.map(([key]) => key)))];
    const differing = keys.filter((key) => new Set(maps.map((map) => map.get(key))).size > 1);
    const rows = differing.map((key) => row(key, maps.map((map) => element("td", {}, map.get(key) ?? "–"))));
    section(
        "differences", "Differences of the configurations",
        element(
            "div", {class: "card"},
            rows.length ?
                table(
                    "Keys with different values; all others are alike", ["key", ...runs.map(({name}) => name)], rows) :
                element("p", {}, "The configurations are alike.")));
};

/** Phases' seconds over all processes of a run, largest first. */
const phasesOf = (run) => {
    const sums = new Map();
    for (const {phases} of accountings(run))
        for (const [phase, seconds] of Object.entries(phases ?? {}))
            sums.set(phase, (sums.get(phase) ?? 0) + Number(seconds));
    return [...sums].filter(([, seconds]) => seconds > 0).sort((a, b) => b[1] - a[1]);
};

const timeCard = (run) => {
    const phases = phasesOf(run), all = phases.reduce((sum, [, seconds]) => sum + seconds, 0),
          end = last(accountings(run));
    if (phases.length === 0)
        return element(
            "div", {class: "card"}, element("h3", {}, run.name),
            element("p", {}, "No accounting yet: it is written when a training ends in order."));
    const rows = phases.map(([phase, seconds]) => {
        const bar = element("div", {});
        bar.style.width = `${(100 * seconds) / all}%`;
        return row(phase, [
            element("td", {class: "number"}, seconds < 0.005 ? "under 0.01 s" : duration(seconds)),
            element("td", {class: "number"}, `${((100 * seconds) / all).toFixed(1)} %`),
            element("td", {class: "bar"}, bar)
        ]);
    });
    const count = accountings(run).length;
    const said = [
        end.slowest ? `Work of the slowest: ${end.slowest}.` : null,
        end.fastest ? `Work of the fastest: ${end.fastest}.` : null
    ].filter(Boolean);
    return element(
        "div", {class: "card", "data-time": run.name}, element("h3", {}, run.name),
        table(
            `Mean of ${end.ranks} ${end.ranks === 1 ? "rank" : "ranks"}${
                count > 1 ? `, ${count} starts together` : ""}: ${duration(all)}`,
            ["phase", "time", "share", ""], rows, {class: "time", numeric: true}),
        said.map((text) => element("p", {class: "text"}, text)),
        element(
            "p", {class: end.advice ? "advice" : "text"},
            end.advice ? `Advice: ${end.advice}.` :
                         "Nothing to advise: no phase besides the model's own work stands out."));
};

const drawTime = () => section("time", "Where the time went", element("div", {class: "plots"}, runs.map(timeCard)));

const eventText = ({time, event, ...rest}) =>
    Object.entries(rest)
        .filter(([, value]) => typeof value !== "object")
        .map(([name, value]) => `${name} ${isNumber(value) ? inWords(value) : value}`)
        .join(", ");

const drawConfigurations = () => section(
    "configuration", several ? "Configurations and events" : "Configuration and events",
    runs.map(
        (run) => element(
            "div", {class: "card long"}, element("h3", {}, run.name),
            element(
                "details", {open: !several}, element("summary", {}, "configuration.yaml"),
                element("pre", {tabindex: "0"}, run.configuration || "There is none.")),
            element(
                "details", {}, element("summary", {}, "What happened (events.jsonl without saves)"),
                table(
                    "Events", ["time", "event", ""],
                    run.events.filter(({event}) => event !== "accounting")
                        .map((event) => row(String(event.time ?? "–"), [
                                 element("td", {}, String(event.event ?? "–")), element("td", {}, eventText(event))
                             ])))))));
