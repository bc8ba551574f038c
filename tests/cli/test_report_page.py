"""The page of `elbo report` in a real browser: every figure is there and drawn, its controls work, by keyboard too, on a
phone, in the dark and on paper. ELBO_SCREENSHOTS names a folder for pictures of it, to be looked at."""
import base64
import importlib.util
import os
import pathlib
import shutil
import sys
import unittest

import elbo_cli

if not (shutil.which("chromedriver") and importlib.util.find_spec("selenium")):
    print("skipped: needs a browser (Debian: chromium chromium-driver python3-selenium)")
    sys.exit(77)

from selenium import webdriver  # noqa: E402
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

CURVES = ["ELBO", "Reconstruction", "KL", "Bound L_K", "Variational gap", "Generalisation gap", "Learning rate",
          "Gradient norm", "KL weight", "Samples a second", "Active units"]
# Of a chart by its title, as `chart`.
CHART = "const chart = Chart.getChart(document.querySelector(`[data-plot=\"${arguments[0]}\"] canvas`)); "


class Page(elbo_cli.Case):
    @classmethod
    def setUpClass(cls):
        options = webdriver.ChromeOptions()
        for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                     "--force-device-scale-factor=1"):
            options.add_argument(word)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        cls.browser = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        cls.addClassCleanup(cls.browser.quit)

    def setUp(self):
        super().setUp()
        self.small_run(train=400, test=100)
        self.train("first", "objective.warmup=2", "evaluate={every: 1, samples: 5}")

    def train(self, name, *overrides):
        self.elbo("train", "small.yaml", f"output=runs/{name}", "training.epochs=4", "report.every=2", *overrides)

    def open(self, *runs, width=1280, dark=False):
        """Shows a report of the runs, and makes sure that the browser has nothing to complain about."""
        self.elbo("report", *runs, "-o", "page.html", "--force")
        self.look("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})
        self.look("Emulation.setDeviceMetricsOverride",
                  {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600})
        self.browser.get((self.folder / "page.html").as_uri())
        elbo_cli.wait_until(lambda: self.script("return document.documentElement.dataset.ready"), what="a page")
        self.addCleanup(lambda: self.assertEqual(self.browser.get_log("browser"), []))

    def look(self, command, parameters):
        return self.browser.execute_cdp_cmd(command, parameters)

    def script(self, text, *arguments):
        return self.browser.execute_script(text, *arguments)

    def chart(self, title, text):
        return self.script(CHART + text, title)

    def keep(self, name):
        """The whole page as a picture, where somebody wants to see it."""
        if not os.environ.get("ELBO_SCREENSHOTS"):
            return
        size = self.look("Page.getLayoutMetrics", {})["cssContentSize"]
        self.look("Emulation.setDeviceMetricsOverride", {"width": size["width"], "height": size["height"],
                                                         "deviceScaleFactor": 1, "mobile": size["width"] < 600})
        self.script("return new Promise((done) => setTimeout(done, 500))")
        folder = pathlib.Path(os.environ["ELBO_SCREENSHOTS"])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(base64.b64decode(self.look("Page.captureScreenshot", {})["data"]))

    def drawn(self):
        """Titles of charts, each with how many of its pixels hold something."""
        return dict(self.script("""return [...document.querySelectorAll('[data-plot]')].map((figure) => {
            const canvas = figure.querySelector('canvas');
            const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            return [figure.dataset.plot, data.filter((value, i) => i % 4 === 3 && value > 0).length];
        })"""))

    def test_every_figure_is_drawn(self):
        self.open("runs/first")
        drawn = self.drawn()
        self.assertEqual(list(drawn), [*CURVES, "KL of each dimension", "Codes"])
        for title, pixels in drawn.items():
            self.assertGreater(pixels, 1000, title)
        for kind in ("epochs", "prior", "traversal"):
            width = self.script("return document.querySelector(`[data-picture=${arguments[0]}] img`).naturalWidth", kind)
            self.assertGreater(width, 100, kind)
        self.assertIn("backward", self.browser.find_element(By.CSS_SELECTOR, "[data-time=first]").text)
        self.assertIn("latent: 4", self.browser.find_element(By.CSS_SELECTOR, "#configuration pre").text)
        self.assertEqual(self.script("return performance.getEntriesByType('resource')"
                                     ".filter(({name}) => !name.startsWith('data:')).length"), 0)
        self.keep("one-1280-light.png")

    def test_a_logarithmic_axis_and_back(self):
        self.open("runs/first")
        places = "return chart.scales.y.ticks.map(({value}) => chart.scales.y.getPixelForValue(value))"
        before = self.chart("ELBO", places)
        button = self.browser.find_element(By.CSS_SELECTOR, "[data-plot=ELBO] .tools button")
        button.click()
        self.assertEqual(button.get_attribute("aria-pressed"), "true")
        self.assertEqual(self.chart("ELBO", "return chart.scales.y.type"), "signedLog")
        self.assertNotEqual(self.chart("ELBO", places), before)
        self.assertGreaterEqual(len(self.chart("ELBO", places)), 3)
        for value in (-1000, -55.5, -1e-3, 0, 7, 1e6):
            self.assertAlmostEqual(self.script(CHART + "const {y} = chart.scales; return y.inverse(y.forward(arguments[1]))",
                                               "ELBO", value), value, delta=1e-6 * abs(value))
        button.click()
        self.assertEqual(self.chart("ELBO", places), before)

    def axis(self, title="KL"):
        return self.chart(title, "return [chart.scales.x.min, chart.scales.x.max]")

    def test_zoom_by_keys_buttons_and_dragging(self):
        self.open("runs/first")
        first, last = self.axis()
        area = self.browser.find_element(By.CSS_SELECTOR, "[data-plot=ELBO] .area")
        area.send_keys("+")
        low, high = self.axis()
        self.assertLess(high - low, 0.6 * (last - first))  # of another chart: they are zoomed together
        area.send_keys(Keys.SHIFT + Keys.ARROW_RIGHT)
        self.assertGreater(self.axis()[0], low)
        area.send_keys("0")
        self.assertEqual(self.axis(), [first, last])
        self.browser.find_element(By.CSS_SELECTOR, "[data-plot=KL] .tools button[title='zoom in']").click()
        self.assertNotEqual(self.axis("ELBO"), [first, last])
        self.browser.find_element(By.CSS_SELECTOR, "[data-plot=KL] .tools button[title='show all']").click()
        ActionChains(self.browser).move_to_element(area).click_and_hold().move_by_offset(120, 0).release().perform()
        low, high = self.axis()
        self.assertAlmostEqual((high - low) / (last - first), 120 / self.chart("ELBO", "return chart.scales.x.width"), delta=0.03)

    def area(self, title):
        return self.browser.find_element(By.CSS_SELECTOR, f"[data-plot='{title}'] .area")

    def press(self, title, name):
        self.browser.find_element(By.CSS_SELECTOR, f"[data-plot='{title}'] .tools button[title='{name}']").click()

    def drag(self, title, across, down):
        """From its middle, so many pixels."""
        actions = ActionChains(self.browser).move_to_element(self.area(title))
        actions.click_and_hold().move_by_offset(across, down).release().perform()

    def test_scattered_codes_are_zoomed_both_ways(self):
        self.open("runs/first")
        sides = "return ['x', 'y'].map((axis) => [chart.scales[axis].min, chart.scales[axis].max])"
        points = self.chart("Codes", "return chart.data.datasets.flatMap(({data}) => data.map(({x, y}) => [x, y]))")
        whole = self.chart("Codes", sides)
        for axis, (least, most) in enumerate(whole):
            self.assertTrue(all(least < point[axis] < most for point in points), (axis, least, most))
        curves = self.axis()
        self.drag("Codes", 90, 60)
        zoomed = self.chart("Codes", sides)
        width, height = self.chart("Codes", "return [chart.scales.x.width, chart.scales.y.height]")
        for (low, high), (least, most), part in zip(zoomed, whole, (90 / width, 60 / height)):
            self.assertAlmostEqual((high - low) / (most - least), part, delta=0.03)
        self.assertEqual(self.axis(), curves)
        self.area("Codes").send_keys(Keys.SHIFT + Keys.ARROW_UP)
        moved = self.chart("Codes", sides)
        self.assertEqual(moved[0], zoomed[0])
        self.assertGreater(moved[1][0], zoomed[1][0])
        self.press("Codes", "zoom out")
        (low, high), _ = self.chart("Codes", sides)
        self.assertGreater(high - low, 1.9 * (zoomed[0][1] - zoomed[0][0]))
        self.area("Codes").send_keys("0")
        self.assertEqual(self.chart("Codes", sides), whole)
        self.area("Codes").send_keys("+")
        (low, high), (bottom, top) = self.chart("Codes", sides)
        inside = sorted(x for x, y in points if low <= x <= high and bottom <= y <= top)
        self.area("Codes").send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
        said = self.browser.find_element(By.CSS_SELECTOR, "[data-plot=Codes] .reading").text
        self.assertRegex(said, r"^sample \d+: ")
        self.assertIn(f": {inside[1]:.3g}, ".replace("-", "−"), said)
        ActionChains(self.browser).double_click(self.area("Codes")).perform()
        self.assertEqual(self.chart("Codes", sides), whole)

    def test_hundreds_of_dimensions_are_paged(self):
        self.train("wide", "model.latent=300")
        self.open("runs/wide")
        title = "KL of each dimension"
        shown = "return [chart.scales.x.min, chart.scales.x.max]"
        self.assertEqual(self.chart(title, shown), [0, 299])
        fills = self.chart(title, "return chart.data.datasets[0].backgroundColor")
        best = max(elbo_cli.metrics(self.folder / "runs/wide", "validation"), key=lambda line: line["elbo"])
        self.assertEqual(sum(fill != "transparent" for fill in fills), best["active_units"])
        self.area(title).send_keys("+", "+", "+", "+")
        first, last = self.chart(title, shown)
        self.assertEqual(first, 0)  # the largest
        self.assertAlmostEqual(last, 300 / 16, delta=1)
        heights = self.chart(title, "return chart.data.datasets[0].data")
        self.assertEqual(heights, sorted(heights, reverse=True))
        self.press(title, "right")
        self.assertGreater(self.chart(title, shown)[0], first)
        self.area(title).send_keys(Keys.ARROW_RIGHT)
        said = self.browser.find_element(By.CSS_SELECTOR, f"[data-plot='{title}'] .reading").text
        labels = self.chart(title, "return chart.data.labels")
        self.assertTrue(said.startswith(f"{labels[self.chart(title, shown)[0]]}: KL "), said)
        wide = last - first
        for _ in range(60):
            self.area(title).send_keys(Keys.SHIFT + Keys.ARROW_RIGHT)
        first, last = self.chart(title, shown)
        self.assertEqual((first, last), (299 - wide, 299))  # not beyond the last
        for _ in range(9):
            self.area(title).send_keys("+")
        low, high = self.chart(title, shown)
        self.assertEqual(low, high)
        for _ in range(9):
            self.press(title, "zoom out")
        self.assertEqual(self.chart(title, shown), [0, 299])
        self.drag(title, 60, 5)
        self.assertLess(self.chart(title, shown)[1] - self.chart(title, shown)[0], 60)
        self.press(title, "show all")
        self.assertEqual(self.chart(title, shown), [0, 299])

    def test_values_by_pointer_and_by_keys(self):
        self.open("runs/first")
        area = self.browser.find_element(By.CSS_SELECTOR, "[data-plot=ELBO] .area")
        ActionChains(self.browser).move_to_element(area).perform()
        shown = elbo_cli.wait_until(lambda: self.chart("ELBO", "return chart.tooltip.opacity && chart.tooltip.body.map(({lines}) => lines[0])"))
        self.assertEqual([line.split(":")[0].strip() for line in shown], ["training", "validation"])
        area.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
        steps = [line for line in elbo_cli.metrics(self.folder / "runs/first", "train") if line["over"] == "steps"]
        said = self.browser.find_element(By.CSS_SELECTOR, "[data-plot=ELBO] .reading").text
        self.assertTrue(said.startswith(f"step {steps[1]['step']}: training: −{abs(steps[1]['elbo']):.6g}"), said)
        for title in ("KL of each dimension", "Codes"):
            self.browser.find_element(By.CSS_SELECTOR, f"[data-plot='{title}'] .area").send_keys(Keys.ARROW_RIGHT)
            self.assertTrue(self.browser.find_element(By.CSS_SELECTOR, f"[data-plot='{title}'] .reading").text, title)

    def test_smoothing_axes_and_curves_shown(self):
        self.open("runs/first")
        values = "return chart.data.datasets[0].data.map(({y}) => y)"
        raw = self.chart("ELBO", values)
        slide = "const input = document.getElementById('smoothing'); input.value = arguments[0]; input.dispatchEvent(new Event('input'))"
        self.script(slide, 0.9)
        smooth = self.chart("ELBO", values)
        expected, mean, weight = [], 0, 0
        for value in raw:
            mean, weight = 0.9 * mean + 0.1 * value, 0.9 * weight + 0.1
            expected.append(mean / weight)
        for one, other in zip(smooth, expected):
            self.assertAlmostEqual(one, other, places=6)
        self.assertEqual(self.chart("ELBO", "return chart.data.datasets.filter(({raw}) => raw).length"), 2)
        self.script(slide, 0)
        for option, most in (("epoch", 4), ("hours", 1)):
            self.script("const choose = document.querySelector('.controls select'); choose.value = arguments[0];"
                        "choose.dispatchEvent(new Event('change'))", option)
            self.assertLessEqual(self.chart("ELBO", "return chart.data.datasets[0].data.at(-1).x"), most)
        self.browser.find_elements(By.CSS_SELECTOR, ".controls .keys button")[0].click()
        self.assertEqual(self.chart("ELBO", "return chart.data.datasets.map(({label}) => label)"), ["validation"])

    def test_tables_pictures_and_labels(self):
        self.open("runs/first")
        details = self.browser.find_element(By.CSS_SELECTOR, "[data-plot='Active units'] details")
        details.find_element(By.TAG_NAME, "summary").click()
        rows = elbo_cli.wait_until(lambda: details.find_elements(By.CSS_SELECTOR, "tbody tr"))
        self.assertEqual(len(rows), 4)
        self.assertEqual(rows[-1].text.split()[-1], str(elbo_cli.metrics(self.folder / "runs/first", "validation")[-1]["active_units"]))
        image = self.browser.find_element(By.CSS_SELECTOR, "[data-picture=epochs] img")
        latest = image.get_attribute("src")
        self.browser.find_element(By.CSS_SELECTOR, "[aria-label='earlier epoch']").click()
        self.assertNotEqual(image.get_attribute("src"), latest)
        self.assertIn("epoch 3", image.get_attribute("alt"))
        shown = "return chart.data.datasets.filter((one, i) => chart.isDatasetVisible(i)).length"
        classes = self.chart("Codes", shown)
        self.browser.find_element(By.CSS_SELECTOR, "[data-plot=Codes] .keys button").click()
        self.assertEqual(self.chart("Codes", shown), classes - 1)
        styles = self.chart("Codes", "return chart.data.datasets.map(({pointStyle}) => pointStyle)")
        self.assertEqual(len(set(styles)), len(styles))

    def test_two_runs_differ_by_more_than_colour(self):
        self.train("second", "optimizer.rate=3e-3")
        self.open("runs/first", "runs/second")
        lines = self.chart("ELBO", "return chart.data.datasets.map(({label, borderDash, pointStyle}) => [label, String(borderDash), pointStyle])")
        by_label = {label: (dash, style) for label, dash, style in lines}
        self.assertEqual(len(by_label), 4)
        self.assertNotEqual(by_label["first, validation"][0], by_label["second, validation"][0])
        self.assertNotEqual(by_label["first, validation"][1], by_label["second, validation"][1])
        differences = self.browser.find_element(By.ID, "differences").text
        self.assertIn("optimizer.rate.start 0.001 0.003", differences)
        self.assertNotIn("model.latent", differences)
        self.assertIn("★ best", self.browser.find_element(By.ID, "results").text)
        self.keep("two-1280-light.png")

    def test_on_a_phone_in_the_dark_and_on_paper(self):
        self.open("runs/first", width=390, dark=True)
        self.assertLessEqual(self.script("return document.documentElement.scrollWidth"), 390)
        self.assertEqual(self.script("return getComputedStyle(document.body).backgroundColor"), "rgb(18, 22, 28)")
        dark = self.chart("ELBO", "return chart.data.datasets[0].borderColor")
        for title, pixels in self.drawn().items():
            self.assertGreater(pixels, 1000, title)
        self.keep("one-390-dark.png")
        self.script("addEventListener('beforeprint', () => { window.onPaper = Chart.getChart(document.querySelector("
                    "'[data-plot=ELBO] canvas')).data.datasets[0].borderColor; })")
        pdf = base64.b64decode(self.look("Page.printToPDF", {"printBackground": True, "paperWidth": 8.27, "paperHeight": 11.69})["data"])
        self.assertTrue(pdf.startswith(b"%PDF") and len(pdf) > 100_000, len(pdf))
        self.assertNotEqual(self.script("return window.onPaper"), dark)
        self.assertEqual(self.chart("ELBO", "return chart.data.datasets[0].borderColor"), dark)
        self.open("runs/first", width=390)
        self.keep("one-390-light.png")
        self.open("runs/first", dark=True)
        self.keep("one-1280-dark.png")

    def test_what_a_folder_holds_is_text(self):
        hostile = "<img src=x onerror=window.caught=1>"
        shutil.copytree(self.folder / "runs/first", self.folder / "runs" / hostile)
        run = self.folder / "runs" / hostile
        (run / "configuration.yaml").write_text(f"seed: '</script>{hostile}'\n", encoding="utf-8")
        (run / "status.json").write_text(f'{{"state": "{hostile}", "message": ["{hostile}"]}}', encoding="utf-8")
        with open(run / "events.jsonl", "a", encoding="utf-8") as file:
            file.write(f'{{"event": {{"a": "{hostile}"}}, "time": 7, "message": "{hostile}"}}\n')
            file.write(f'{{"event": "accounting", "phases": "{hostile}", "advice": "{hostile}"}}\n')
        with open(run / "metrics.jsonl", "a", encoding="utf-8") as file:
            file.write('{"kind": "train", "over": "steps", "step": null, "elbo": 1e999}\n[1]\n')
        self.open(run, "runs/first")
        self.assertIsNone(self.script("return window.caught ?? null"))
        self.assertEqual(self.script("return document.querySelectorAll('img:not([src^=\"data:\"])').length"), 0)
        self.assertIn(hostile, self.browser.find_element(By.ID, "results").text)

    def test_runs_that_hold_little(self):
        bare = self.folder / "runs/bare"
        bare.mkdir()
        (bare / "metrics.jsonl").write_text("", encoding="utf-8")
        self.open(bare)
        self.assertIn("No figures yet", self.browser.find_element(By.ID, "curves").text)
        self.assertIn("No picture", self.browser.find_element(By.ID, "pictures").text)
        self.open(bare, "runs/first")
        self.assertEqual(len(self.drawn()), len(CURVES) + 2)


if __name__ == "__main__":
    unittest.main()
