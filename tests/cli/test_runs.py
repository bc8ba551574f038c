"""`elbo runs`: every state that a run can be in, damaged and half-written folders with what is wrong, orders, JSON, and lines
of at most 80 columns."""
import json
import os
import shutil
import signal
import time
import unittest

import elbo_cli

COLUMNS = ["run", "model", "state", "epochs", "best ELBO", "samples/s", "age"]


class Runs(elbo_cli.Case):
    def setUp(self):
        super().setUp()
        self.small_run()

    def train(self, run, *arguments, **options):
        return self.elbo("train", "small.yaml", f"output=runs/{run}", *arguments, **options)

    def listed(self, *arguments):
        """Objects of --json by their names, in order."""
        return {run["run"]: run for run in json.loads(self.elbo("runs", "--json", *arguments).out)}

    def table(self, *arguments):
        """The lines of the table, and what stands below it. Nothing is wider than a terminal."""
        out = self.elbo("runs", *arguments).out
        for line in out.splitlines():
            self.assertLessEqual(len(line), 80, line)
        rows, _, rest = out.partition("\n\n")
        return rows.splitlines(), rest

    def copies(self, names, source="runs/small"):
        for name in names:
            shutil.copytree(self.folder / source, self.folder / "runs" / name, symlinks=True)

    def test_a_finished_run(self):
        self.train("small", "training.epochs=3")
        run, = self.listed().values()
        best = max(elbo_cli.metrics(self.folder / "runs/small", "validation"), key=lambda line: line["elbo"])
        speed = [line for line in elbo_cli.metrics(self.folder / "runs/small", "train") if line["over"] == "epoch"]
        self.assertEqual({key: run[key] for key in ("folder", "model", "state", "epoch", "epochs", "problems")},
                         {"folder": "runs/small", "model": "16-4-16", "state": "finished", "epoch": 3, "epochs": 3,
                          "problems": None})
        self.assertEqual((run["best_validation_elbo"], run["best_epoch"]), (best["elbo"], best["epoch"]))
        self.assertEqual(run["samples_per_second"], speed[-1]["samples_per_second"])
        self.assertIn("done: 3 epochs", run["message"])
        self.assertTrue(0 <= run["age_seconds"] < 60)
        rows, rest = self.table()
        self.assertEqual(rows[0].replace("best ELBO", "best-ELBO").split(), [name.replace(" ", "-") for name in COLUMNS])
        self.assertRegex(rows[1], rf"^small +16-4-16 +finished +3/3 +{best['elbo']:.2f} +[\d,]+ +\d+ s$")
        self.assertEqual(rest, "1 run: 1 finished\n")
        files = self.files()
        self.assertEqual(self.table("runs/small")[0][1].split()[0], "runs/small")
        self.assertEqual(files, self.files())

    def test_ages_in_the_largest_unit_that_tells_something(self):
        self.train("small", "training.epochs=1")
        for ago, age in ((20, r"2\d s"), (150, "2 min"), (47.5 * 3600, "47 h"), (48.5 * 3600, "2 d")):
            for path in (self.folder / "runs/small", *(self.folder / "runs/small").iterdir()):
                os.utime(path, (time.time() - ago, time.time() - ago))
            self.assertRegex(self.table()[0][1], rf" {age}$|{age.replace('59', '60').replace('60 s', '1 min')}$")

    def test_states(self):
        self.train("stopped", "training.epochs=100000", "training.time_limit=1s", expect=75)
        self.train("diverged", "optimizer.kind=sgd", "optimizer.rate=1e30", expect=3)
        self.train("failed", env={"ELBO_FAULT": "throw@forward:5"}, expect=None)
        process = elbo_cli.start(["train", "small.yaml", "output=runs/running", "training.epochs=50"], cwd=self.folder,
                                 env={"ELBO_FAULT": "stop@forward:12"})
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        elbo_cli.wait_until(lambda: (self.folder / "runs/running/status.json").exists() and
                            elbo_cli.status(self.folder / "runs/running").get("epoch") == 2)
        runs = self.listed()
        self.assertEqual({name: run["state"] for name, run in runs.items()},
                         {name: name for name in ("diverged", "failed", "running", "stopped")})
        self.assertEqual((runs["running"]["epoch"], runs["running"]["epochs"]), (2, 50))
        rest = " ".join(self.table()[1].split())
        self.assertIn("diverged: diverged: training diverged at step", rest)
        self.assertIn("failed: failed: ", rest)
        self.assertTrue(rest.endswith("4 runs: 1 diverged, 1 failed, 1 running, 1 stopped"), rest)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        self.assertEqual(self.listed()["running"]["state"], "killed")
        self.assertIn("running: killed: its process is gone", " ".join(self.table()[1].split()))

    def test_damaged_and_half_written_folders(self):
        self.train("small")
        runs = self.folder / "runs"
        self.copies(["garbled", "bare", "cut", "lost", "lines", "other", "unset"])
        (runs / "garbled/status.json").write_text("{\"state\": ", encoding="utf-8")
        for name in ("status.json", "metrics.jsonl", "events.jsonl"):
            (runs / "bare" / name).unlink()
        shutil.rmtree(runs / "bare/checkpoints")
        newest = runs / "cut/checkpoints/step-00000008.h5"
        newest.write_bytes(newest.read_bytes()[:-7])
        (runs / "lost/checkpoints/best.h5").unlink()
        (runs / "lost/checkpoints/best.h5").symlink_to("step-1.h5")
        (runs / "lines/metrics.jsonl").write_bytes(b"\x00\xff" * 1000 + b"\n")
        (runs / "other/configuration.yaml").write_text("model: {widgets: 7}\n", encoding="utf-8")
        (runs / "unset/status.json").write_text('{"state": "failed", "exit": 1, "message": "x"}', encoding="utf-8")
        (runs / "begun").mkdir()
        (runs / "begun/configuration.yaml").touch()
        found = self.listed()
        self.assertEqual({name for name, run in found.items() if run["state"] == "damaged"}, {"garbled", "bare", "begun"})
        for name, problem in {"garbled": "status.json: is no status of a run", "bare": "status.json: cannot be read",
                              "cut": "checkpoints/step-00000008.h5: the checkpoint is cut short",
                              "lost": "checkpoints/best.h5: leads to no file", "lines": "metrics.jsonl: its last lines",
                              "other": "configuration.yaml:1: model.widgets", "begun": "status.json: cannot be read"}.items():
            self.assertIn(problem, found[name]["problems"])
            self.assertIn(f"{name}: {problem}", " ".join(self.table()[1].split()))
        # What one file does not tell, another does.
        self.assertEqual(found["unset"]["best_validation_elbo"], found["small"]["best_validation_elbo"])
        self.assertEqual((found["unset"]["epoch"], found["garbled"]["epoch"], found["bare"]["epoch"]), (2, 2, None))
        self.assertEqual((found["other"]["model"], found["lines"]["samples_per_second"]), (None, None))
        self.assertEqual(len(self.table()[0]), 1 + 9)

    def test_orders(self):
        self.train("small", "training.epochs=1")
        self.copies(["run-10", "run-9", "deeper/down"])
        for name, best, epoch, age in (("run-10", -5.5, 3, 100), ("run-9", -70.25, 1, 7200), ("deeper/down", None, 20, 20)):
            path = self.folder / "runs" / name / "status.json"
            status = json.loads(path.read_text(encoding="utf-8"))
            status["epoch"], status["best_validation_elbo"] = epoch, best
            path.write_text(json.dumps(status), encoding="utf-8")
            times = (path.stat().st_mtime - age,) * 2
            for part in (*path.parent.iterdir(), path.parent):
                os.utime(part, times, follow_symlinks=False)
        self.assertEqual(list(self.listed()), ["deeper/down", "run-9", "run-10", "small"])
        self.assertEqual(list(self.listed("--reverse")), ["small", "run-10", "run-9", "deeper/down"])
        self.assertEqual(list(self.listed("--sort", "elbo")), ["run-10", "small", "run-9", "deeper/down"])
        self.assertEqual(list(self.listed("--sort", "epochs"))[:2], ["deeper/down", "run-10"])
        self.assertEqual(list(self.listed("--sort", "age")), ["small", "deeper/down", "run-10", "run-9"])
        rows, _ = self.table("--sort", "age", "--reverse")
        self.assertEqual([row.split()[0] for row in rows[1:]], ["run-9", "run-10", "deeper/down", "small"])
        self.assertEqual([row.split()[-2:] for row in rows[1:3]], [["2", "h"], ["1", "min"]])
        for column in ("run", "model", "state", "epochs", "elbo", "samples/s", "age"):
            self.assertEqual(len(self.listed("--sort", column)), 4)

    def test_hundreds_of_runs_with_long_names(self):
        self.train("small", "model.encoder=[{dense: 32}, {dense: 24}, {dense: 16}, {dense: 12}, {dense: 8}]")
        names = [f"sweep/{number}" for number in range(300)]
        names += [f"sweep/rate-{number}e-4-latent-20-batch-128-seed-{number}" for number in range(10)]
        names += ["a-name-" + "that-goes-on-and-on-" * 8]
        self.copies(names)
        out = self.elbo("runs").out
        self.assertIn("312 runs: 312 finished\n", out)
        lines = out.splitlines()
        self.assertLessEqual(max(len(line) for line in lines if "that-goes-on" not in line), 80)
        for name in names:
            self.assertTrue(any(line.split(" ")[0] == name for line in lines), name)
        self.assertIn("32-24-16-1..", out)
        self.assertEqual(len(self.listed()), 312)

    def test_what_is_no_run_is_left_out(self):
        self.train("small")
        self.copies(["small/kept", ".hidden"])
        (self.folder / "runs/around").symlink_to(self.folder / "runs")
        (self.folder / "runs/again").symlink_to(self.folder / "runs/small")
        (self.folder / "runs/notes").mkdir()
        self.assertEqual(len(self.listed()), 1)
        self.assertEqual(set(self.listed(".")) & {"runs/small"}, {"runs/small"})
        self.assertEqual(self.elbo("runs", "runs/notes").out, "runs/notes: no runs in it\n")
        self.assertEqual(self.listed("runs/notes"), {})

    def test_wrong_words_are_refused(self):
        self.assertIn("runs: no such folder; name the folder that runs are in", self.elbo("runs", expect=2).err)
        self.assertIn("small.yaml: is no folder", self.elbo("runs", "small.yaml", expect=2).err)
        refused = self.elbo("runs", ".", "--sort", "epoch", expect=2)
        self.assertIn("--sort epoch: no such column; did you mean epochs?", refused.err)
        self.assertIn("columns: run, model, state, epochs, elbo, samples/s, age",
                      self.elbo("runs", ".", "--sort", "best", expect=2).err)
        self.assertEqual(refused.out, "")


if __name__ == "__main__":
    unittest.main()
