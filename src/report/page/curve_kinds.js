// The charts of curves: which figures of which lines each one shows.

const field = (name) => (figures, i) => figures[name]?.[i];
const training = (name) => ({kind: "training", lines: trainLines, words: "training", value: field(name)});
const validation = (name) => ({kind: "validation", lines: () => "validation", words: "validation", value: field(name)});
const boundName = (figures) => Object.keys(figures).find((name) => /^bound_\d+$/.test(name));
const epochGap = (figures, i, run) => {
    const epochs = figuresOf(run, "epochs"), at = (epochs.step ?? []).indexOf(figures.step[i]);
    return at < 0 ? null : epochs.elbo[at] - figures.elbo[i];
};
const bound = (value) => ({
    kind: "validation",
    lines: () => "validation",
    words: "L_K",
    value: (figures, i) => {
        const name = boundName(figures);
        return name && isNumber(figures[name][i]) ? value(figures[name][i], figures, i) : null;
    }
});

const curves = [
    {
        title: "ELBO",
        text: "Bound on the log-likelihood, larger is better.",
        unit: "nats a sample",
        parts: [training("elbo"), validation("elbo")]
    },
    {
        title: "Reconstruction",
        text: "Expected log-likelihood of a sample given its code.",
        unit: "nats a sample",
        parts: [training("reconstruction"), validation("reconstruction")]
    },
    {
        title: "KL",
        text: "Divergence of the posterior from the prior.",
        unit: "nats a sample",
        parts: [training("kl"), validation("kl")]
    },
    {
        title: "Bound L_K",
        text: "Importance-weighted bound of the validation data (stars), beside the ELBO.",
        unit: "nats a sample",
        parts: [{...bound((value) => value), kind: "other"}, validation("elbo")],
        needs: (series) => series.some(({kind}) => kind === "other")
    },
    {
        title: "Variational gap",
        text: "L_K less the ELBO, both of the validation data.",
        unit: "nats a sample",
        parts: [bound((value, figures, i) => value - figures.elbo[i])]
    },
    {
        title: "Generalisation gap",
        text: "ELBO of the training data over an epoch less that of the validation data after it.",
        unit: "nats a sample",
        parts: null
    },
    {title: "Learning rate", text: "Of the line's last step.", unit: "", parts: [training("rate")]},
    {
        title: "Gradient norm",
        text: "Of the line's last step, before clipping.",
        unit: "",
        parts: [training("gradient_norm")]
    },
    {
        title: "KL weight",
        text: "Weight of the KL in the objective.",
        unit: "",
        parts: [training("kl_weight")],
        needs: (series) => series.some(({list}) => list.some(({y}) => y !== list[0].y))
    },
    {
        title: "Samples a second",
        text: "Of training, all ranks together.",
        unit: "samples/s",
        parts: [training("samples_per_second")]
    },
    {
        title: "Active units",
        text: "Latent dimensions whose posterior mean varies over the validation data.",
        unit: "dimensions",
        parts: [validation("active_units")]
    },
];
