// The page, from the top to the bottom.

const title = runs.length === 1 ? `${runs[0].name}: elbo report` : `${runs.length} runs: elbo report`;
document.title = title;
document.getElementById("title").textContent = title;
document.getElementById("made").textContent = `Made ${data.made} by elbo ${data.version} of the runs' folders alone.`;

drawResults();
drawDifferences();
drawCurves();
drawLatents();
drawPictures();
drawTime();
drawConfigurations();

const recolour = () => themed.forEach((change) => change());
darkness.addEventListener("change", recolour);
/** Paper is light, and charts on it have its width. */
const print = (begins) => {
    printing = begins;
    recolour();
    for (const chart of Object.values(Chart.instances)) {
        if (begins)
            chart.resize(310, 200);
        else
            chart.resize();
    }
};
addEventListener("beforeprint", () => print(true));
addEventListener("afterprint", () => print(false));
document.documentElement.dataset.ready = "true";
