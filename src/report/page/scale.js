// A logarithmic axis for numbers of either sign, as ELBOs are: sign(v) log10(1 + |v| / c). Where all have one sign, c
// is so small that this is the plain logarithm.

class SignedLogScale extends Chart.Scale {
    determineDataLimits() {
        const {min, max} = this.getMinMax(true);
        this.min = isNumber(min) ? min : 0;
        this.max = isNumber(max) ? max : 1;
        if (this.min === this.max) {
            const margin = Math.abs(this.min) / 2 || 1;
            this.min -= margin;
            this.max += margin;
        }
        const least = Math.min(Math.abs(this.min), Math.abs(this.max));
        this.unit = this.min * this.max > 0 ? least / 1000 : Math.max(Math.abs(this.min), Math.abs(this.max)) / 1000;
        const margin = (this.forward(this.max) - this.forward(this.min)) * 0.04;
        const low = this.inverse(this.forward(this.min) - margin), high = this.inverse(this.forward(this.max) + margin);
        this.min = low;
        this.max = high;
    }

    forward(value) { return Math.sign(value) * Math.log10(1 + Math.abs(value) / this.unit); }

    inverse(place) { return Math.sign(place) * this.unit * (10 ** Math.abs(place) - 1); }

    /** Numbers of these leading digits within the axis, 0 among them. */
    candidates(leading) {
        const values = this.min <= 0 && this.max >= 0 ? [0] : [];
        const most = Math.max(Math.abs(this.min), Math.abs(this.max));
        for (let power = Math.floor(Math.log10(this.unit)); power <= Math.ceil(Math.log10(most)); ++power)
            for (const digit of leading)
                for (const sign of [-1, 1]) values.push(sign * digit * 10 ** power);
        return values.filter((value) => value >= this.min && value <= this.max).sort((a, b) => a - b);
    }

    /** Steps of 1, 2 or 5: for a range within one power of ten. */
    even() {
        const rough = (this.max - this.min) / 5, power = 10 ** Math.floor(Math.log10(rough));
        const step = [1, 2, 5, 10].map((digit) => digit * power).find((size) => size >= rough);
        const values = [];
        for (let value = Math.ceil(this.min / step) * step; value <= this.max; value += step)
            values.push(Number(value.toPrecision(12)));
        return values;
    }

    buildTicks() {
        let values = this.candidates([1]);
        if (values.length < 3) values = this.candidates([1, 2, 5]);
        if (values.length < 3) values = this.even();
        const spread = this.forward(this.max) - this.forward(this.min), kept = [];
        for (const value of values)
            if (kept.length === 0 || this.forward(value) - this.forward(kept[kept.length - 1]) > spread / 12)
                kept.push(value);
        return kept.map((value) => ({value}));
    }

    configure() {
        super.configure();
        this.first = this.forward(this.min);
        this.spread = this.forward(this.max) - this.first;
    }

    getPixelForValue(value) { return this.getPixelForDecimal((this.forward(value) - this.first) / this.spread); }

    getValueForPixel(pixel) { return this.inverse(this.first + this.getDecimalForPixel(pixel) * this.spread); }
}
SignedLogScale.id = "signedLog";
SignedLogScale.defaults = {};
Chart.register(SignedLogScale);

/** Of every series the point nearest to the pointer's place along the axis. */
Chart.Interaction.modes.nearestOfEach = (chart, event) => {
    const at = chart.scales.x.getValueForPixel(event.x), items = [];
    for (const meta of chart.getSortedVisibleDatasetMetas()) {
        const points = chart.data.datasets[meta.index].data;
        if (chart.data.datasets[meta.index].raw || points.length === 0) continue;
        let low = 0, high = points.length - 1;
        while (low < high) {
            const middle = (low + high) >> 1;
            if (points[middle].x < at)
                low = middle + 1;
            else
                high = middle;
        }
        if (low > 0 && at - points[low - 1].x < points[low].x - at) --low;
        if (points[low].x < chart.scales.x.min || points[low].x > chart.scales.x.max) continue;
        items.push({element: meta.data[low], datasetIndex: meta.index, index: low});
    }
    return items;
};
