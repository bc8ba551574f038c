"""Event files (report.tensorboard): PyPI's tensorboard reads in them what metrics.jsonl, the pictures and the configuration
hold, on any number of ranks, and of runs that were stopped, killed and gone on with each step once.

tests/run.sh puts tensorboard into build/wheels/tensorboard (or ELBO_TENSORBOARD_PYTHON names a Python that has it).
"""
import json
import os
import signal
import struct
import subprocess
import unittest

import elbo_cli

READ = """
import json, sys
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.plugins.hparams import metadata
events = event_accumulator.EventAccumulator(sys.argv[1], size_guidance=dict.fromkeys(event_accumulator.DEFAULT_SIZE_GUIDANCE, 0))
events.Reload()
tags = events.Tags()
def hparams(tag):
    return events.SummaryMetadata(tag).plugin_data.content
start = metadata.parse_session_start_info_plugin_data(hparams(metadata.SESSION_START_INFO_TAG))
ended = metadata.SESSION_END_INFO_TAG in events._tensor_summaries or metadata.SESSION_END_INFO_TAG in events.summary_metadata
json.dump({
    "scalars": {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in tags["scalars"]},
    "times": [e.wall_time for tag in tags["scalars"] for e in events.Scalars(tag)],
    "images": {tag: [(e.step, e.width, e.height, e.encoded_image_string.hex()) for e in events.Images(tag)]
               for tag in tags["images"]},
    "histograms": {tag: [(e.step, e.histogram_value.num, e.histogram_value.min, e.histogram_value.max,
                          e.histogram_value.sum, e.histogram_value.sum_squares,
                          list(zip(e.histogram_value.bucket_limit, e.histogram_value.bucket)))
                         for e in events.Histograms(tag)] for tag in tags["histograms"]},
    "text": events.Tensors("configuration")[0].tensor_proto.string_val[0].decode(),
    "hparams": {name: getattr(value, value.WhichOneof("kind")) for name, value in start.hparams.items()},
    "status": metadata.parse_session_end_info_plugin_data(hparams(metadata.SESSION_END_INFO_TAG)).status if ended else None,
}, sys.stdout)
"""


def single(number):
    """As the nearest float of 32 bits, which event files hold."""
    return struct.unpack("f", struct.pack("f", number))[0]


def expected_scalars(run, leave_out=()):
    """Points of every curve that a run's metrics.jsonl stands for."""
    curves = {}
    for line in elbo_cli.metrics(run):
        kind = "epoch" if line.get("over") == "epoch" else line["kind"]
        for name, value in line.items():
            if name not in ("kind", "over", "epoch", "step", "samples", *leave_out):
                curves.setdefault(f"{name}/{kind}", []).append([line["step"], single(value)])
    return curves


def without_timing(curves):
    return {tag: points for tag, points in curves.items() if not tag.startswith(elbo_cli.TIMING)}


class TensorBoard(elbo_cli.Case):
    def setUp(self):
        super().setUp()
        self.python = os.environ.get("ELBO_TENSORBOARD_PYTHON") or str(
            elbo_cli.ROOT / "build/wheels/tensorboard/bin/python")
        if not os.path.exists(self.python):
            self.skipTest(f"no tensorboard at {self.python}: tests/run.sh gets it")
        self.small_run()

    def train(self, run, *arguments, **options):
        self.elbo("train", "small.yaml", f"output={run}", "report.every=2", "report.tensorboard=true", *arguments,
                  **options)
        return self.folder / run

    def read(self, run):
        finished = subprocess.run([self.python, "-c", READ, self.folder / run], capture_output=True, encoding="utf-8",
                                  check=False)
        self.assertEqual(finished.returncode, 0, finished.stderr)
        return json.loads(finished.stdout)

    def test_what_a_run_holds(self):
        found = []
        for ranks in (None, 2):
            run = self.train(f"runs/of{ranks}", "training.virtual_ranks=2", "evaluate.every=2", ranks=ranks)
            events = self.read(run)
            self.assertEqual(events["scalars"], expected_scalars(run))
            for tag in ("elbo/train", "kl/epoch", "rate/train", "bound_100/validation", "active_units/validation"):
                self.assertIn(tag, events["scalars"])
            self.assertEqual([(step, bytes.fromhex(png)) for step, _, _, png in events["images"]["samples"]],
                             [(4 * epoch, (run / f"samples/epoch-{epoch:04}.png").read_bytes()) for epoch in (1, 2)])
            self.assertIn((run / "configuration.yaml").read_text(encoding="utf-8"), events["text"])
            self.assertEqual(events["status"], 1)
            found.append(events)
        self.assertEqual(found[0]["histograms"], found[1]["histograms"])
        self.elbo("train", "small.yaml", "output=runs/without", "report.every=2", "training.virtual_ranks=2",
                  "evaluate.every=2")
        self.assertEqual(elbo_cli.bits(self.folder / "runs/without"), elbo_cli.bits(self.folder / "runs/of2"))
        self.assertEqual(len(list((self.folder / "runs/of2").glob("*tfevents*"))), 1)
        self.assertEqual(list((self.folder / "runs/without").glob("*tfevents*")), [])

    def test_histograms_are_of_the_posterior(self):
        run = self.train("runs/small", "training.epochs=3")
        events = self.read(run)
        self.assertEqual(len(events["histograms"]), 2 + 2 * 4)
        for tag, points in events["histograms"].items():
            samples = 50 if "dimension" in tag else 50 * 4
            self.assertEqual([(step, number) for step, number, *_ in points],
                             [(step, samples) for step in (4, 8, 12)])
            for _, number, least, greatest, total, squares, bins in points:
                edges = [least, *(limit for limit, _ in bins)]
                middles = [(low + high) / 2 for low, high in zip(edges, edges[1:])]
                self.assertAlmostEqual(total, sum(count * x for (_, count), x in zip(bins, middles)), places=9)
                self.assertAlmostEqual(squares, sum(count * x * x for (_, count), x in zip(bins, middles)), places=9)
                self.assertEqual(sum(count for _, count in bins), number)
                self.assertLess(least, bins[0][0])
                self.assertEqual(greatest, bins[-1][0])
        # The encoder's codes of the same samples. Bins are narrow: a twentieth, near 0.
        python = elbo_cli.python_with("h5py")
        if python is None:
            self.skipTest("no Python with h5py (Debian: python3-h5py)")
        self.elbo("encode", "runs/small", "sprites.h5:/test/x", "codes.h5", "--checkpoint", "latest")
        code = ("import h5py, json; file = h5py.File('codes.h5'); "
                "print(json.dumps([file['mean'][()].T.tolist(), file['log_variance'][()].T.tolist()]))")
        codes = json.loads(subprocess.run([python, "-c", code], cwd=self.folder, check=True, capture_output=True).stdout)
        for group, dimensions in zip(("posterior_mean", "posterior_log_variance"), codes):
            for number, values in enumerate(dimensions):
                _, _, least, greatest, *_, bins = events["histograms"][f"{group}/dimension_{number:02}"][-1]
                self.assertTrue(least - 1e-3 <= min(values) <= bins[0][0] + 1e-3, (values, bins))
                self.assertTrue(max(values) <= greatest + 1e-3, (values, bins))
                for limit, _ in bins:
                    # A value at a bin's very end may have been rounded to its other side.
                    below = sum(count for end, count in bins if end <= limit)
                    self.assertTrue(sum(value < limit - 1e-4 for value in values) <= below <=
                                    sum(value < limit + 1e-4 for value in values), (group, number, limit))

    def test_hyperparameters_are_what_decides(self):
        run = self.train("runs/small", "model.encoder=[{dense: 24}]", "objective.beta=0.5")
        found = self.read(run)["hparams"]
        for name, value in {"model.latent": 4, "objective.beta": 0.5, "optimizer.kind": "adam", "training.batch": 50,
                            "optimizer.rate.start": 1e-3, "numerics.allow_reference": False}.items():
            self.assertEqual(found[name], value)
        self.assertIn("dense: 24", found["model.encoder"])
        for name in ("output", "report.every", "report.tensorboard", "checkpoint.keep", "training.patience"):
            self.assertNotIn(name, found)

    def expect_once(self, run, whole):
        """Every curve has each step once, and the values of the undisturbed run."""
        events = self.read(run)
        self.assertEqual(events["scalars"], expected_scalars(run))
        self.assertEqual(without_timing(events["scalars"]), expected_scalars(whole, elbo_cli.TIMING))
        undisturbed = self.read(whole)
        for kind in ("histograms", "images"):
            self.assertEqual(events[kind], undisturbed[kind])

    def test_killed_runs_go_on(self):
        overrides = ("training.epochs=6", "training.virtual_ranks=2")
        whole = self.train("runs/whole", *overrides)
        # In the midst of an epoch, with lines behind the last checkpoint; and between an epoch's figures and its save.
        for number, (fault, ranks) in enumerate((("kill@forward:22", None), ("kill@saving:2", 2))):
            run = self.train(f"runs/killed{number}", *overrides, ranks=ranks, env={"ELBO_FAULT": fault}, expect=None)
            self.assertNotIn("done", (run / "status.json").read_text(encoding="utf-8"))
            self.assertTrue(run.exists())
            self.train(f"runs/killed{number}", *overrides, ranks=1 if ranks else 2)
            self.assertEqual(len(list(run.glob("*tfevents*"))), 2)
            self.expect_once(run, whole)

    def test_a_run_stopped_at_an_epochs_last_step_goes_on(self):
        # One step an epoch: a stop falls between the step and the epoch's end.
        overrides = ("training.epochs=40", "training.batch=200")
        whole = self.train("runs/whole", *overrides)
        run = self.folder / "runs/stopped"
        arguments = ("train", "small.yaml", f"output={run}", "report.every=2", "report.tensorboard=true", *overrides)
        process = elbo_cli.start(arguments, cwd=self.folder)
        elbo_cli.wait_until(lambda: run.is_dir() and (run / "metrics.jsonl").exists() and elbo_cli.metrics(run))
        process.send_signal(signal.SIGUSR1)
        said, _ = process.communicate()
        self.assertIn(process.returncode, (0, 75), said)
        self.elbo(*arguments, env={"ELBO_FAULT": "kill@saving:1"}, expect=None)
        self.elbo(*arguments)
        self.expect_once(run, whole)

    def test_switched_on_later_it_has_the_curves_from_the_start(self):
        whole = self.train("runs/whole", "training.epochs=4")
        self.train("runs/later", "report.tensorboard=false")
        run = self.train("runs/later", "training.epochs=4")
        events = self.read(run)
        self.assertEqual(events["scalars"], expected_scalars(run))
        self.assertEqual(without_timing(events["scalars"]), expected_scalars(whole, elbo_cli.TIMING))
        self.assertLess(min(events["times"]), max(events["times"]))
        self.assertEqual([step for step, *_ in events["images"]["samples"]], [12, 16])

    def test_a_run_that_began_anew_forgets_the_old(self):
        # Killed before its first checkpoint: the next start has other settings and begins at step 0.
        self.train("runs/small", env={"ELBO_FAULT": "kill@saving:1"}, expect=None)
        run = self.train("runs/small", "training.batch=100")
        self.assertEqual(self.read(run)["scalars"], expected_scalars(run))


if __name__ == "__main__":
    unittest.main()
