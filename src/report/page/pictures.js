// Pictures: what training drew after its epochs, samples from the prior, and what single dimensions do.

const picture = (uri, text) => element("img", {src: uri, alt: text});

const epochsFigure = (run) => {
    const list = run.pictures, last = list.length - 1,
          name = several ? `Over the epochs, ${run.name}` : "Over the epochs";
    const describe = (i) =>
        `Validation samples over their reconstructions, then samples from the prior, after epoch ${list[i].epoch}`;
    const image = picture(list[last].uri, describe(last)), said = element("output", {}, `epoch ${list[last].epoch}`);
    const show = (i) => {
        image.src = list[i].uri;
        image.alt = describe(i);
        said.textContent = `epoch ${list[i].epoch}`;
        slider.value = i;
        slider.setAttribute("aria-valuetext", said.textContent);
    };
    const slider = element("input", {
        type: "range",
        min: "0",
        max: String(last),
        step: "1",
        value: String(last),
        "aria-label": `Epoch of the picture: ${name}`,
        "aria-valuetext": said.textContent,
        oninput: (event) => show(Number(event.target.value))
    });
    const step = (text, label, by) => element(
        "button", {
            type: "button",
            "aria-label": label,
            onclick: () => show(Math.max(0, Math.min(last, Number(slider.value) + by)))
        },
        text);
    const some = run.all_pictures > list.length ? ` ${list.length} of ${run.all_pictures} pictures.` : "";
    return element(
        "figure", {"data-picture": "epochs"},
        element(
            "figcaption", {}, element("h3", {}, name),
            element(
                "p", {class: "text"},
                `Validation samples over their reconstructions, then samples from the prior, as training drew them.${
                    some}`)),
        last > 0 ?
            element(
                "div", {class: "epochs"}, step("‹", "earlier epoch", -1), slider, step("›", "later epoch", 1),
                said) :
            said,
        image);
};

const modelFigure = (run, kind, title) => {
    const {uri, text} = run[kind], name = several ? `${title}, ${run.name}` : title;
    return element(
        "figure", {"data-picture": kind},
        element("figcaption", {}, element("h3", {}, name), element("p", {class: "text"}, text)),
        uri ? picture(uri, `${name}. ${text}`) : null);
};

const drawPictures = () => {
    const figures = [
        ...runs.filter((run) => run.pictures.length).map(epochsFigure),
        ...runs.map((run) => modelFigure(run, "prior", "Samples from the prior")),
        ...runs.map((run) => modelFigure(run, "traversal", "Latent traversals"))
    ];
    section("pictures", "Pictures", element("div", {class: "plots"}, figures));
};
