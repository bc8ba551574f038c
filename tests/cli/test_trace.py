"""What a training says of its time: the accounting at its end, and --trace on 1 to 4 ranks."""
import collections
import json
import unittest

import elbo_cli

STEPS = {"batch", "forward", "backward", "exchange", "update"}


class Accounting(elbo_cli.Case):
    def test_the_table_and_the_event(self):
        config = self.small_run()
        for ranks in (1, 2, 4):
            run = f"runs/r{ranks}"
            out = self.elbo("train", config, f"output={run}", "report.every=1", ranks=ranks).out
            self.assertIn("where the time of 8 steps went", out)
            self.assertRegex(out, r"\n  all +[\d.]+ +100\.0")
            self.assertEqual("shortest s" in out, ranks > 1)
            for line in out.splitlines():
                self.assertLessEqual(len(line), 80, line)
            event, = [event for event in elbo_cli.events(self.folder / run) if event["event"] == "accounting"]
            self.assertEqual((event["ranks"], event["steps"]), (ranks, 8))
            self.assertAlmostEqual(sum(event["phases"].values()), event["seconds"])
            for phase in ("data", "forward", "backward", "update", "validation", "saving", "start"):
                self.assertGreater(event["phases"][phase], 0, phase)
            self.assertEqual("slowest" in event, ranks > 1)

    def test_a_resumed_run_accounts_for_its_own_process(self):
        config = self.small_run()
        self.elbo("train", config)
        out = self.elbo("train", config, "training.epochs=3").out
        self.assertIn("where the time of 4 steps went", out)
        found = [event["steps"] for event in elbo_cli.events(self.folder / "runs/small")
                 if event["event"] == "accounting"]
        self.assertEqual(found, [8, 4])

    def test_quiet(self):
        self.assertNotIn("where the time", self.elbo("train", self.small_run(), "-q").out)

    def test_metrics_do_not_depend_on_being_watched(self):
        config = self.small_run()
        for run, more in (("plain", ()), ("traced", ("--trace", "t.json", "--trace-steps", "2-3"))):
            self.elbo("train", config, f"output=runs/{run}", "training.virtual_ranks=2", *more, ranks=2)
        timing = ("seconds", "samples_per_second")
        plain, traced = ([{name: value for name, value in line.items() if name not in timing}
                          for line in elbo_cli.metrics(self.folder / f"runs/{run}")] for run in ("plain", "traced"))
        self.assertTrue(plain)
        self.assertEqual(plain, traced)


class Trace(elbo_cli.Case):
    def trace(self, *arguments, ranks=None):
        if not (self.folder / "small.yaml").exists():
            self.small_run(train=1000)
        self.elbo("train", "small.yaml", "--trace", "trace.json", "--fresh", *arguments, ranks=ranks)
        return json.loads((self.folder / "trace.json").read_text(encoding="utf-8"))

    def check_rows(self, events, steps, ranks, nodes):
        """Slices of each rank follow each other without gap or overlap, and every step has all its phases."""
        names = {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e["name"] == "thread_name"}
        self.assertEqual(sorted(name for name in names.values() if name.startswith("rank")),
                         [f"rank {rank}" for rank in range(ranks)])
        self.assertEqual(len({pid for pid, _ in names}), nodes)
        rows = collections.defaultdict(list)
        for event in events:
            if event["ph"] == "X":
                rows[event["pid"], event["tid"]].append(event)
        bounds = []
        for row, name in names.items():
            slices = sorted(rows[row], key=lambda slice: slice["ts"])
            for one, next_one in zip(slices, slices[1:]):
                # Microseconds as decimal fractions of nanoseconds: equal up to their rounding.
                self.assertLess(one["ts"] + one["dur"], next_one["ts"] + 2e-3, name)
                if name.startswith("rank"):
                    self.assertGreater(one["ts"] + one["dur"], next_one["ts"] - 2e-3, name)
            if not name.startswith("rank"):
                continue
            self.assertEqual(sorted({slice["args"]["step"] for slice in slices}), list(steps))
            for step in steps:
                own = {slice["name"] for slice in slices if slice["args"]["step"] == step}
                self.assertLessEqual(STEPS - ({"update"} if ranks > 1 else set()), own)
                self.assertLessEqual({slice["args"]["step"] for slice in slices if slice["name"] == "forward"},
                                     set(steps))
            bounds.append((slices[0]["ts"], slices[-1]["ts"] + slices[-1]["dur"]))
        # The ranks are in the same steps at the same time.
        self.assertLess(max(begin for begin, _ in bounds), min(end for _, end in bounds))
        self.assertAlmostEqual(min(begin for begin, _ in bounds), 0)

    def test_rows_of_the_threads_that_make_batches(self):
        # So large that there is room for one ahead: of small ones all may be made before the first traced step.
        self.small_run(train=1000, size=32)
        for ranks in (1, 2):
            events = self.trace("data.prefetch=always", "training.batch=500", "training.epochs=10", ranks=ranks)
            rows = {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e["name"] == "thread_name"}
            for rank in range(ranks):
                row, = [row for row, name in rows.items() if name == f"batches of rank {rank}"]
                slices = [e for e in events if e["ph"] == "X" and (e["pid"], e["tid"]) == row]
                self.assertGreater(len(slices), 0)
                self.assertEqual({e["name"] for e in slices}, {"batch"})
        names = {e["args"]["name"] for e in self.trace("data.prefetch=never")
                 if e["name"] == "thread_name"}
        self.assertNotIn("batches of rank 0", names)

    def test_rows_of_ranks(self):
        for ranks in (1, 2, 3, 4):
            self.check_rows(self.trace("--trace-steps", "5-9", ranks=ranks), range(5, 10), ranks, 1)

    def test_rows_of_nodes(self):
        events = self.trace("--trace-steps", "3", "communication.shared=false", ranks=3)
        self.check_rows(events, range(3, 4), 3, 3)
        rows = {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e["name"] == "thread_name"}
        for rank in range(3):
            row, = [row for row, name in rows.items() if name == f"network of rank {rank}"]
            flights = [e for e in events if e["ph"] == "X" and (e["pid"], e["tid"]) == row]
            self.assertGreater(len(flights), 0)
            self.assertEqual({(e["name"], e["args"]["step"]) for e in flights}, {("messages", 3)})
        names = {e["args"]["name"] for e in self.trace("--trace-steps", "3", ranks=3) if e["name"] == "thread_name"}
        self.assertNotIn("network of rank 0", names)

    def test_validation_pictures_and_checkpoints_show(self):
        # The first epoch ends with step 20.
        events = self.trace("--trace-steps", "19-22", "checkpoint.every.steps=21", ranks=2)
        self.check_rows(events, range(19, 23), 2, 1)
        names = {event["name"] for event in events if event["ph"] == "X"}
        self.assertLessEqual({"validation", "picture", "saving", "reporting"}, names)
        self.assertIn("checkpoint writer", {e["args"]["name"] for e in events if e["name"] == "thread_name"})
        self.assertIn("writing", names)

    def test_the_usual_steps(self):
        self.check_rows(self.trace(), range(11, 21), 1, 1)

    def test_a_training_that_ends_before(self):
        self.check_rows(self.trace("--trace-steps", "38-45"), range(38, 41), 1, 1)
        result = self.elbo("train", "small.yaml", "--fresh", "--trace", "none.json", "--trace-steps", "500")
        self.assertIn("none of the steps 500 to 500 was made", result.err)
        self.assertFalse((self.folder / "none.json").exists())

    def test_what_cannot_be_written_does_not_end_a_training(self):
        name = 250 * "t"  # leaves no room for a temporary name beside it
        result = self.elbo("train", self.small_run(), "--trace", name, "--trace-steps", "2", expect=1)
        self.assertIn(name, result.err)
        self.assertIn("training goes on", result.err)
        self.assertEqual(elbo_cli.metrics(self.folder / "runs/small")[-1]["epoch"], 2)

    def test_wrong_words(self):
        config = self.small_run()
        for arguments, words in ((("--trace-steps", "5"), "--trace FILE"),
                                 (("--trace", "t.json", "--trace-steps", "9-5"), "100-109"),
                                 (("--trace", "t.json", "--rehearse"), "--rehearse")):
            self.assertIn(words, self.elbo("train", config, *arguments, expect=2).err)


if __name__ == "__main__":
    unittest.main()
