// What the codes are like: how much each latent dimension carries, and where samples lie in two principal components.

const mostBars = 2048, mostClasses = 20, activeVariance = 0.01;

const klPlot = (run) => {
    const {kl, variance, samples, epoch} = run.latents;
    const order = kl.map((_, dimension) => dimension).sort((a, b) => kl[b] - kl[a]), bars = order.slice(0, mostBars);
    const active = variance.filter((value) => value > activeVariance).length;
    const isActive = (dimension) => variance[dimension] > activeVariance;
    const left = order.length > bars.length ? `, of which the first ${bars.length} are shown` : "";
    return new Plot({
        kind: "bar",
        title: several ? `KL of each dimension, ${run.name}` : "KL of each dimension",
        text: `Mean over ${inWords(Number(samples))} validation samples after epoch ${epoch}, the best one; ${
            order.length} dimensions${left}, ${active} active (filled): the posterior mean's variance is above ${
            activeVariance}.`,
        labels: bars.map((dimension) => `z${dimension}`),
        axes: () => ({x: "latent dimension, largest first", y: "nats"}),
        datasets: () => [{
            label: "KL",
            data: bars.map((dimension) => kl[dimension]),
            borderColor: colour(0),
            borderWidth: 1,
            backgroundColor: bars.map((dimension) => (isActive(dimension) ? colour(0) : "transparent"))
        }],
        heading: (item) => item.label,
        label: (item) =>
            ` KL ${inWords(item.parsed.y)} nats, variance of the mean ${inWords(variance[bars[item.dataIndex]])}`,
        table: () => ({
            head: ["dimension", "KL, nats", "variance of the mean"],
            rows: order.map((dimension) => [`z${dimension}`, inWords(kl[dimension]), inWords(variance[dimension])])
        }),
    });
};

/** "0: cat, 1: dog" by number. */
const meanings = (text) =>
    new Map((text ?? "").split(", ").map((part) => part.split(": ")).filter((pair) => pair.length === 2));

/** Samples in groups that are drawn alike: classes, or fifths of a label's range where there are many values. */
const groupsOf = ({values, name}, meaning) => {
    const different = [...new Set(values)].sort((a, b) => a - b), names = meanings(meaning);
    if (different.length <= mostClasses)
        return different.map(
            (value) => ({name: names.get(String(value)) ?? `${name} ${inWords(value)}`, holds: (x) => x === value}));
    const least = different[0], width = (different[different.length - 1] - least) / 5;
    return [0, 1, 2, 3, 4].map((part) => {
        const from = least + part * width, to = part === 4 ? Infinity : from + width;
        return {
            name: `${name} from ${inWords(from, 3)} to ${inWords(least + (part + 1) * width, 3)}`,
            holds: (x) => x >= from && x < to
        };
    });
};

const scatterPlot = (run) => {
    const {across, up, explained, labels, meaning, epoch} = run.latents, hidden = new Set();
    const numbers = across.map((_, i) => i);
    let groups = [], column = 0;
    const choose = (chosen) => {
        column = chosen;
        hidden.clear();
        groups = labels.length ? groupsOf(
                                     {...labels[column], name: labels.length > 1 ? labels[column].name : "label"},
                                     labels.length === 1 ? meaning : "") :
                                 [{name: "samples", holds: () => true}];
    };
    choose(0);
    const valueOf = (i) => (labels.length ? labels[column].values[i] : 0);
    const share = (part) => (isNumber(explained[part]) ? `${inWords(100 * explained[part], 3)} % of variance` : "");
    const plot = new Plot({
        kind: "scatter",
        title: several ? `Codes, ${run.name}` : "Codes",
        text: `Posterior means of the first ${inWords(across.length)} validation samples after epoch ${
            epoch} in their first two principal components${
            labels.length ? ", by label" : "; the data has no labels that were found"}.`,
        axes: () => ({x: `first, ${share(0)}`, y: `second, ${share(1)}`}),
        datasets: () => groups.map(
            (group, index) => ({
                label: group.name,
                hidden: hidden.has(index),
                pointStyle: marker(index),
                pointRadius: markerRadius(marker(index), 3),
                pointBorderWidth: 1.25,
                borderColor: colour(index),
                backgroundColor: `${colour(index)}90`,
                data: numbers.filter((i) => group.holds(valueOf(i))).map((i) => ({x: across[i], y: up[i], number: i}))
            })),
        heading: (item) => `sample ${item.raw.number}`,
        label: (item) => ` ${item.dataset.label}: ${inWords(item.parsed.x, 3)}, ${inWords(item.parsed.y, 3)}`,
        table: () => ({
            head: ["label", "samples", "mean, first component", "mean, second component"],
            rows: groups.map((group) => {
                const inside = numbers.filter((i) => group.holds(valueOf(i))),
                      mean = (list) => inWords(inside.reduce((sum, i) => sum + list[i], 0) / inside.length, 4);
                return [group.name, inWords(inside.length), mean(across), mean(up)];
            })
        }),
    });
    const keys = element("ul", {class: "keys", "aria-label": "Labels shown"});
    const fill = () => keys.replaceChildren(...(
        labels.length ? groups.map(
                            (group, index) => keyButton(
                                group.name, {colour: () => colour(index), dash: [], width: 0, marker: marker(index)},
                                (on) => {
                                    if (on)
                                        hidden.delete(index);
                                    else
                                        hidden.add(index);
                                    plot.update();
                                })) :
                        []));
    fill();
    if (labels.length > 1)
        plot.area.before(element(
            "label", {class: "text"}, "label ",
            element(
                "select", {
                    onchange: (event) => {
                        choose(Number(event.target.value));
                        fill();
                        plot.update();
                    }
                },
                labels.map(({name}, index) => element("option", {value: index}, name)))));
    plot.reading.before(keys);
    return plot;
};

const drawLatents = () => {
    const withCodes = runs.filter((run) => run.latents);
    const plots =
        withCodes.flatMap((run) => [klPlot(run), ...(run.latents.across.length > 1 ? [scatterPlot(run)] : [])]);
    const missing =
        runs.filter((run) => !run.latents)
            .map(
                (run) => element(
                    "p", {class: "card"},
                    `${run.name}: its folder has no latents.h5, which training writes after its best validation.`));
    section("latents", "Latents", element("div", {class: "plots"}, plots.map(({figure}) => figure)), missing);
    plots.forEach((plot) => plot.start());
};
