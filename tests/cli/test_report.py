"""`elbo report`: what training leaves for it, what the page holds, runs in every state, and what is refused."""
import json
import os
import re
import subprocess
import unittest

import elbo_cli

elbo_cli.need_modules("h5py", "numpy")
# pylint: disable=wrong-import-position
import h5py  # noqa: E402
import numpy  # noqa: E402


def data_of(page):
    """The block of JSON that the page's scripts draw."""
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>',
                                page.read_text(encoding="utf-8"), re.S)[1])


class Leaves(elbo_cli.Case):
    """What training writes for those who look at it later."""

    def train(self, name, *overrides, ranks=None):
        self.elbo("train", "small.yaml", f"output=runs/{name}", "training.virtual_ranks=4", "training.batch=40",
                  "report.every=2", *overrides, ranks=ranks)
        return self.folder / "runs" / name

    def test_the_same_codes_and_norms_on_any_number_of_ranks(self):
        self.small_run(train=200, test=150)
        alone = self.train("alone")
        lines = elbo_cli.metrics(alone, "train")
        self.assertTrue(all(line["gradient_norm"] > 0 for line in lines), lines)
        self.assertNotIn("gradient_norm", elbo_cli.metrics(alone, "validation")[0])
        for ranks in (2, 3):
            other = self.train(f"of-{ranks}", ranks=ranks)
            self.assertEqual((other / "latents.h5").read_bytes(), (alone / "latents.h5").read_bytes())
            self.assertEqual(elbo_cli.figures(other), elbo_cli.figures(alone))

    def test_the_norm_is_the_length_of_a_plain_step(self):
        """Of gradient descent, which moves by rate times gradient; a rate of nearly nothing leaves where it began."""
        self.small_run(train=40, test=10)
        values = {}
        for rate in ("1e-12", "0.01"):
            run = self.train(f"rate-{rate}", "training.epochs=1", "optimizer.kind=sgd", f"optimizer.rate={rate}")
            with h5py.File(run / "checkpoints/latest.h5") as file:
                parts = []
                file["/parameters"].visititems(
                    lambda _, item: parts.append(item[()].ravel()) if isinstance(item, h5py.Dataset) else None)
            values[rate] = numpy.concatenate(parts).astype(float)
        norm = elbo_cli.metrics(run, "train")[-1]["gradient_norm"]
        moved = numpy.linalg.norm(values["0.01"] - values["1e-12"]) / 0.01
        self.assertAlmostEqual(moved / norm, 1, delta=1e-3)  # parameters are floats
        clipped = self.train("clipped", "training.epochs=1", "optimizer.kind=sgd", "optimizer.clip=0.001")
        self.assertAlmostEqual(elbo_cli.metrics(clipped, "train")[-1]["gradient_norm"], norm, delta=1e-9 * norm)

    def test_codes_are_those_of_the_best_checkpoint(self):
        self.small_run(train=200, test=150)
        run = self.train("run")
        self.elbo("encode", run, "sprites.h5:/test/x", "means.npy")
        with h5py.File(run / "latents.h5") as file, h5py.File(self.folder / "sprites.h5") as data:
            mean = numpy.load(self.folder / "means.npy")
            numpy.testing.assert_allclose(file["/mean"][()], mean, atol=1e-5)
            numpy.testing.assert_allclose(file["/variance"][()], mean.astype(float).var(0), rtol=1e-4)
            numpy.testing.assert_array_equal(file["/label"][()].ravel(), data["/test/y"][()])
            validation = elbo_cli.metrics(run, "validation")
            best = max(validation, key=lambda line: line["elbo"])
            self.assertAlmostEqual(file["/kl"][()].sum(), best["kl"], delta=1e-6 * best["kl"])
            self.assertEqual((file.attrs["epoch"], file.attrs["samples"]), (str(best["epoch"]), "150"))

    def test_labels_of_a_part_of_the_training_data(self):
        self.small_run(train=200, test=10)
        with h5py.File(self.folder / "sprites.h5", "a") as file:
            file["/train/number"] = numpy.arange(200)
        run = self.train("run", "data.validation={fraction: 0.25}", "data.labels=sprites.h5:/train/number")
        self.elbo("encode", run, "sprites.h5:/train/x", "means.npy")
        with h5py.File(run / "latents.h5") as file:
            rows = file["/label"][()].ravel().astype(int)
            self.assertEqual((len(rows), len(set(rows))), (50, 50))
            numpy.testing.assert_allclose(file["/mean"][()], numpy.load(self.folder / "means.npy")[rows], atol=1e-5)


class Report(elbo_cli.PreparedCase):
    def prepare(self):
        self.elbo("train", self.small_run(train=200, test=60), "report.every=2")

    def report(self, *arguments, output="page.html", **options):
        said = self.elbo("report", *arguments, "-o", output, "--force", **options).out
        for line in said.splitlines():
            self.assertLessEqual(len(line), 80, line)
        return data_of(self.folder / output)

    def notes(self, *arguments):
        return "\n".join(self.report(*arguments)["runs"][0]["notes"])

    def test_a_page_of_one_run(self):
        said = self.elbo("report", "runs/small").out
        self.assertRegex(said, r"^wrote small-report\.html: the report of small, ")
        run, = data_of(self.folder / "small-report.html")["runs"]
        steps = [line for line in elbo_cli.metrics(self.folder / "runs/small", "train") if line["over"] == "steps"]
        numpy.testing.assert_allclose(run["lines"]["steps"]["figures"]["elbo"], [line["elbo"] for line in steps], rtol=1e-7)
        self.assertEqual(run["lines"]["validation"]["figures"]["epoch"], [1, 2])
        self.assertEqual([picture["epoch"] for picture in run["pictures"]], [1, 2])
        self.assertEqual((run["state"], run["notes"]), ("done", []))
        self.assertEqual(len(run["latents"]["kl"]), 4)
        self.assertEqual(len(run["latents"]["across"]), 60)
        self.assertTrue(run["prior"]["uri"].startswith("data:image/png;base64,iVBOR"))
        self.assertTrue(run["traversal"]["uri"].startswith("data:image/png;base64,iVBOR"))
        self.assertIn("epoch", run["checkpoint"])
        accounting, = [event for event in run["events"] if event["event"] == "accounting"]
        self.assertGreater(accounting["phases"]["backward"], 0)

    def test_components_are_those_of_the_means(self):
        latents = self.report("runs/small")["runs"][0]["latents"]
        with h5py.File(self.folder / "runs/small/latents.h5") as file:
            centred = file["/mean"][()].astype(float)
        centred -= centred.mean(0)
        _, lengths, directions = numpy.linalg.svd(centred, full_matrices=False)
        for found, direction in zip((latents["across"], latents["up"]), directions):
            expected = centred @ direction
            sign = numpy.sign(expected @ found)
            numpy.testing.assert_allclose(found, sign * expected, atol=1e-4)
        numpy.testing.assert_allclose(latents["explained"], (lengths**2 / (lengths**2).sum())[:2], rtol=1e-4)

    def test_several_ranks_write_the_same(self):
        alone = self.report("runs/small")
        together = self.report("runs/small", ranks=2)
        del alone["made"], together["made"]
        self.assertEqual(alone, together)

    def test_the_data_is_not_needed(self):
        with_data = self.report("runs/small")
        os.remove(self.folder / "sprites.h5")
        without = self.report("runs/small")
        self.assertEqual(without["runs"], with_data["runs"])

    def test_runs_beside_each_other(self):
        self.elbo("train", "small.yaml", "output=runs/other", "model.latent=3")
        self.assertIn("wrote report.html: a report of 2 runs", self.elbo("report", "runs/small", "runs/other").out)
        self.assertIn("wrote other-report.html: the report of other", self.elbo("report", "runs/other/").out)
        first, second = self.report("runs/small", "runs/other")["runs"]
        self.assertEqual((first["name"], second["name"]), ("small", "other"))
        keys = [dict(map(tuple, run["keys"])) for run in (first, second)]
        self.assertEqual({key for key in keys[0] if keys[0][key] != keys[1].get(key)}, {"output", "model.latent", "report.every"})

    def test_a_run_without_validation_has_traversals_by_their_effect(self):
        self.elbo("train", "small.yaml", "output=runs/bare", "data.validation=~")
        run, = self.report("runs/bare")["runs"]
        self.assertIn("no validation", "\n".join(run["notes"]))
        self.assertIsNone(run["latents"])
        self.assertIn("that change the picture most first", run["traversal"]["text"])
        self.assertTrue(run["traversal"]["uri"])

    def test_a_run_without_images(self):
        self.elbo("convert", "ppca", "vectors.h5", "--train", 100, "--test", 20)
        self.elbo("train", "small.yaml", "output=runs/vectors", "data.train=vectors.h5:/train/x",
                  "data.validation=vectors.h5:/test/x", "model.likelihood=gaussian")
        run, = self.report("runs/vectors")["runs"]
        self.assertEqual((run["prior"]["uri"], run["pictures"]), (None, []))
        self.assertIn("no images", run["prior"]["text"])
        self.assertEqual(len(run["latents"]["across"]), 20)

    def test_a_killed_run_with_a_torn_line_and_damaged_files(self):
        run = self.folder / "runs/small"
        with open(run / "metrics.jsonl", "a", encoding="utf-8") as file:
            file.write('{"kind":"train","over":"st')
        (run / "status.json").write_text('{"state": "running", "exit": null}', encoding="utf-8")
        for checkpoint in (run / "checkpoints").glob("step-*.h5"):
            checkpoint.write_bytes(checkpoint.read_bytes()[:-1])
        (run / "latents.h5").write_bytes(b"no HDF5")
        (run / "events.jsonl").unlink()
        said = self.notes("runs/small")
        for part in ("the last line of metrics.jsonl is torn", "the run ended without a word", "there is no events.jsonl",
                     "latents.h5", "step-"):
            self.assertIn(part, said)
        shown, = self.report("runs/small")["runs"]
        self.assertEqual((shown["state"], shown["checkpoint"], shown["latents"]), ("interrupted", "", None))
        self.assertIn("no checkpoint", shown["prior"]["text"])

    def test_latents_that_do_not_fit_are_told_of(self):
        with h5py.File(self.folder / "runs/small/latents.h5", "a") as file:
            del file["/kl"]
            file["/kl"] = numpy.zeros(7)
        self.assertIn("/mean has 4 dimensions, /kl 7", self.notes("runs/small"))
        with h5py.File(self.folder / "runs/small/latents.h5", "a") as file:
            file["/mean"][0, 0] = numpy.nan
        self.assertIn("infinite or NaN", self.notes("runs/small"))
        with h5py.File(self.folder / "runs/small/latents.h5", "a") as file:
            del file["/kl"], file["/label"]
            file["/mean"][0, 0], file["/kl"], file["/label"] = 0, numpy.zeros(4), numpy.zeros((59, 1))
        self.assertIn("/label has 59 rows, /mean 60", self.notes("runs/small"))

    def test_a_failed_run_says_why(self):
        self.elbo("train", "small.yaml", "output=runs/wild", "optimizer.kind=sgd", "optimizer.rate=1e30", expect=3)
        run, = self.report("runs/wild")["runs"]
        self.assertEqual(run["state"], "diverged")
        self.assertIn("training diverged", run["status"]["message"])

    def test_scripts_are_valid(self):
        self.report("runs/small")
        scripts = re.findall(r"<script>\n(.*?)</script>", (self.folder / "page.html").read_text(encoding="utf-8"), re.S)
        self.assertEqual(len(scripts), 2)
        try:
            checked = subprocess.run(["node", "--check", "-"], input=scripts[1], encoding="utf-8", capture_output=True, check=False)
        except FileNotFoundError:
            self.skipTest("no node")
        self.assertEqual((checked.returncode, checked.stderr), (0, ""))

    def refused(self, *arguments, **options):
        before = self.files()
        said = self.elbo("report", *arguments, expect=2, **options)
        self.assertEqual((said.out, self.files()), ("", before))
        return said.err

    def test_refusals(self):
        self.assertIn("no such run", self.refused("runs/none"))
        self.assertIn("is a file; expected a run's folder", self.refused("small.yaml"))
        self.assertIn("holds no run", self.refused("runs"))
        self.assertIn("expected a name that ends in .html", self.refused("runs/small", "-o", "page.pdf"))
        self.assertIn("there is no folder", self.refused("runs/small", "-o", "none/page.html"))
        self.assertIn("50 at most", self.refused(*["runs/small"] * 51))
        (self.folder / "page.html").write_text("mine", encoding="utf-8")
        self.assertIn("exists already", self.refused("runs/small", "-o", "page.html"))
        self.assertIn("exists already", self.refused("runs/small", "-o", "page.html", ranks=2))


if __name__ == "__main__":
    unittest.main()
