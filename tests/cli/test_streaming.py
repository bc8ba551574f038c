"""Data larger than data.memory: the same bits as from memory on any ranks and gone on with anywhere; blocks and windows
that are kept; files that change or cannot be read; who waits for a slow disk."""
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest

import elbo_cli

CONFIGURATION = """\
output: runs/streaming
data: {train: "sprites.h5:/train/x", validation: "sprites.h5:/test/x", binarize: dynamic,
       order: windowed, block: 16, window: 40}
model: {latent: 3, encoder: [{dense: 20}], decoder: [{dense: 20}]}
training: {epochs: 3, batch: 50, virtual_ranks: 4}
report: {every: 3, pictures: 0}
"""
# 431 samples of 64 bytes are 27.6 kB; two windows for each of four virtual ranks 20.5 kB; validation does not fit either.
STREAMED = "data.memory=22kB"
PRELOAD = os.environ.get("ELBO_FAULT_PRELOAD", "")
FAULTS = {"LD_PRELOAD": PRELOAD}
if elbo_cli.SANITIZED:  # its library may come second
    FAULTS["ASAN_OPTIONS"] = os.environ["ASAN_OPTIONS"] + ":verify_asan_link_order=0"


def plain(text):
    return " ".join(text.split())


def interpreter():
    """A Python that has h5py, or None."""
    for python in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([python, "-c", "import h5py"], capture_output=True, check=False).returncode == 0:
            return python
    return None


class Streaming(elbo_cli.Case):
    def setUp(self):
        super().setUp()
        self.small_run(CONFIGURATION, train=431, test=61)

    def train(self, name, *arguments, **options):
        self.said = self.elbo("train", "small.yaml", f"output=runs/{name}", *arguments, **options)
        return self.said

    def bits(self, name):
        return elbo_cli.bits(self.folder / "runs" / name)

    def event(self, name, kind):
        return [event for event in elbo_cli.events(self.folder / "runs" / name) if event["event"] == kind][-1]

    def expect_bits(self, expected, name):
        found = self.bits(name)
        self.assertEqual(expected[1], found[1], name)
        self.assertTrue(expected[0] == found[0], f"{name}: other arrays\n{self.said}")

    def test_the_same_bits_as_from_memory(self):
        self.train("memory")
        self.assertTrue(self.event("memory", "data")["in_memory"])
        expected = self.bits("memory")
        for ranks in (1, 2, 3, 4):
            for prefetch in ("never", "always"):
                name = f"streamed{ranks}{prefetch}"
                self.train(name, STREAMED, f"data.prefetch={prefetch}", ranks=ranks)
                self.assertFalse(self.event(name, "data")["in_memory"])
                self.assertRegex(self.said.out, r"data +26\.9 KiB read ahead: [\d.]+ KiB of 21\.5 KiB a node")
                self.assertIn("windows of 40 samples, blocks of 16", self.said.out)
                self.expect_bits(expected, name)
                self.assertEqual(self.event(name, "reading")["times"], 1.0)
        self.train("apart", STREAMED, "communication.shared=false", ranks=3)
        self.expect_bits(expected, "apart")
        self.train("full", "data.order=full", "data.block=~", "data.window=~")
        self.assertNotEqual(expected[0], self.bits("full")[0])

    def test_trainings_side_by_side_read_one_file(self):
        self.train("alone", STREAMED)
        started = [elbo_cli.start(["train", "small.yaml", f"output=runs/beside{i}", STREAMED], ranks=i, cwd=self.folder)
                   for i in (None, 2, 3)]
        for i, process in zip((None, 2, 3), started):
            said, _ = process.communicate(timeout=120)
            self.assertEqual(process.returncode, 0, said)
            self.expect_bits(self.bits("alone"), f"beside{i}")

    def test_a_full_order_row_by_row(self):
        order = ("data.order=full", "data.block=~", "data.window=~")
        self.train("memory", *order)
        self.assertNotIn("data.order is full", self.said.err)
        for ranks in (1, 3):
            self.train(f"rows{ranks}", STREAMED, *order, ranks=ranks)
            self.assertIn("rows are read one by one", plain(self.said.err))
            self.assertIn("set data.order=windowed", plain(self.said.err))
            self.expect_bits(self.bits("memory"), f"rows{ranks}")

    def test_goes_on_in_mid_epoch_on_other_ranks(self):
        self.train("whole")
        self.train("broken", STREAMED, "checkpoint.every.steps=2", ranks=2, expect=None,
                   env={"ELBO_FAULT": "exit@forward:30/0"})  # step 15, the second epoch's sixth
        self.assertNotEqual(self.said.status, 0)
        self.train("broken", STREAMED, "checkpoint.every.steps=2", ranks=3)
        resumed = self.event("broken", "resume")
        self.assertNotEqual(resumed["step"] % 9, 0, "in mid-epoch")
        self.expect_bits(self.bits("whole"), "broken")

    def test_other_batches_within_an_epoch_and_back(self):
        # Batches of 50 to position 150, one of 32, and 50 again: from 182 on no position is a bound of the order's.
        for name, memory in (("memory", "data.memory=1MB"), ("streamed", STREAMED)):
            for batch, fault in ((50, "throw@forward:13"), (32, "throw@forward:5"), (50, "")):
                self.train(name, memory, f"training.batch={batch}", "checkpoint.every.steps=1", "report.every=1",
                           env={"ELBO_FAULT": fault}, expect=1 if fault else 0)
        samples = [line["samples"] for line in elbo_cli.metrics(self.folder / "runs/memory", "train")
                   if line["over"] == "steps"]
        self.assertEqual(samples[:9], [50, 50, 50, 32, 50, 50, 50, 50, 49])
        self.expect_bits(self.bits("memory"), "streamed")

    def test_stops_on_a_signal_and_goes_on(self):
        self.train("whole", "training.epochs=40")
        process = elbo_cli.start(["train", "small.yaml", "output=runs/stopped", "training.epochs=40", STREAMED],
                                 cwd=self.folder)
        metrics = self.folder / "runs/stopped/metrics.jsonl"
        elbo_cli.wait_until(lambda: metrics.exists() and metrics.stat().st_size > 0, what="a line of metrics")
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=60)[0]
        self.assertIn(process.returncode, (75, 0), said)
        self.train("stopped", "training.epochs=40", STREAMED)
        self.expect_bits(self.bits("whole"), "stopped")

    def test_blocks_and_windows_are_chosen_once_and_kept(self):
        left_open = ("data.block=~", "data.window=~", "training.epochs=1")
        self.train("open", *left_open, ranks=2)
        kept = (self.folder / "runs/open/configuration.yaml").read_text(encoding="utf-8")
        self.assertIn("  block: 431\n", kept)  # all there are
        self.assertIn("  window: 431\n", kept)
        out = self.train("open", *left_open[:2], "training.epochs=2").out
        self.assertIn("training.epochs: 1 -> 2", out)
        self.assertNotIn("data.block", out)
        refused = self.train("open", "training.epochs=3", expect=2).err
        self.assertIn("data.block: 431 in the run, 16 now", plain(refused))
        # The file that a run leaves trains the same again.
        shutil.copy(self.folder / "runs/open/configuration.yaml", self.folder / "again.yaml")
        self.elbo("train", "again.yaml", "output=runs/again", "training.virtual_ranks=4")
        self.expect_bits(self.bits("open"), "again")

    def test_windows_that_have_no_room(self):
        for command in ("train", "inspect"):
            refused = plain(self.elbo(command, "small.yaml", "data.memory=5kB", "training.virtual_ranks=4",
                                      expect=2).err)
            self.assertRegex(refused, r"sprites\.h5:/train/x has 26\.9 KiB .*data\.window is 40 samples of 64 B")
            self.assertRegex(refused, r"set data\.memory to at least 20\.0 KiB, or for a new run data\.window to at most 9")
        self.assertFalse((self.folder / "runs").exists())
        out = self.elbo("inspect", "small.yaml", STREAMED).out
        self.assertRegex(out, r"data, read ahead of its turn +23\.8 KiB")
        self.assertRegex(self.elbo("inspect", "small.yaml").out, r"data in its own type, one copy +30\.8 KiB")

    def test_files_of_other_programs(self):
        python = interpreter()
        if python is None:
            self.skipTest("no Python with h5py (Debian: python3-h5py)")
        script = ("import h5py, numpy\n"
                  "x = numpy.random.default_rng(1).random((1003, 30), dtype=numpy.float32)\n"
                  "for name, options in (('gzip', dict(chunks=(37, 30), compression='gzip', shuffle=True)),\n"
                  "                      ('rows', dict(chunks=(1, 30))), ('parts', dict(chunks=(64, 7))),\n"
                  "                      ('whole', dict(chunks=(1003, 30), compression='gzip')), ('plain', {})):\n"
                  "    with h5py.File(name + '.h5', 'w') as file:\n"
                  "        file.create_dataset('train/x', data=x, **options)\n")
        subprocess.run([python, "-c", script], cwd=self.folder, check=True)
        more = ("data.validation=~", "data.binarize=none", "data.block=50", "data.window=90", "training.batch=77")
        self.train("memory", "data.train=plain.h5", *more)
        for name, ranks in (("plain", 2), ("gzip", 2), ("gzip", 3), ("rows", 1), ("parts", 2), ("whole", 1)):
            # 120,360 bytes; windows 86,400.
            self.train(f"{name}{ranks}", f"data.train={name}.h5", "data.memory=100kB", *more, ranks=ranks)
            self.expect_bits(self.bits("memory"), f"{name}{ranks}")


class Trouble(elbo_cli.Case):
    """What happens to the file while it is read."""

    def setUp(self):
        super().setUp()
        self.small_run(CONFIGURATION + "checkpoint: {every: 1000}\n", train=431, test=61)

    def start(self, name, *arguments, ranks=None, env=None):
        return elbo_cli.start(["train", "small.yaml", f"output=runs/{name}", STREAMED, "training.epochs=100000",
                               *arguments], ranks=ranks, cwd=self.folder, env=env)

    def wait_for_steps(self, name):
        metrics = self.folder / "runs" / name / "metrics.jsonl"
        elbo_cli.wait_until(lambda: metrics.exists() and metrics.stat().st_size > 1000, what="lines of metrics")

    def test_a_file_that_changes(self):
        file = self.folder / "sprites.h5"
        whole = file.read_bytes()

        def cut():
            os.truncate(file, 9000)

        def replace():
            (self.folder / "new.h5").write_bytes(whole)
            os.replace(self.folder / "new.h5", file)

        for name, change, message in (("cut", cut, "was cut short while it was read"),
                                      ("replaced", replace, "was replaced by another file while it was read"),
                                      ("removed", file.unlink, "was removed while it was read")):
            for ranks in (None, 2):
                file.write_bytes(whole)
                process = self.start(f"{name}{ranks}", ranks=ranks)
                self.wait_for_steps(f"{name}{ranks}")
                change()
                began = time.monotonic()
                said = process.communicate(timeout=60)[0]
                self.assertLess(time.monotonic() - began, 20)
                self.assertEqual(process.returncode, 2, said)
                self.assertIn(f"sprites.h5: {message}", plain(said))
                status = elbo_cli.status(self.folder / "runs" / f"{name}{ranks}")
                self.assertEqual((status["state"], status["exit"]), ("failed", 2))
                self.assertIn(message, status["message"])

    def test_a_source_of_a_virtual_dataset_that_changes(self):
        python = interpreter()
        if python is None:
            self.skipTest("no Python with h5py (Debian: python3-h5py)")
        script = ("import h5py\n"
                  "layout = h5py.VirtualLayout((431, 8, 8), 'u1')\n"
                  "layout[:] = h5py.VirtualSource('source.h5', 'train/x', (431, 8, 8))\n"
                  "h5py.File('virtual.h5', 'w').create_virtual_dataset('x', layout)\n")
        source = self.folder / "source.h5"
        shutil.copy(self.folder / "sprites.h5", source)
        subprocess.run([python, "-c", script], cwd=self.folder, check=True)
        for ranks in (None, 2):
            process = self.start(f"virtual{ranks}", "data.train=virtual.h5:/x", ranks=ranks)
            self.wait_for_steps(f"virtual{ranks}")
            os.utime(source, (1e9, 1e9))
            said = process.communicate(timeout=60)[0]
            self.assertEqual(process.returncode, 2, said)
            self.assertIn("source.h5: was written to while it was read", plain(said))
            os.utime(source)

    @unittest.skipUnless(PRELOAD, "no library that makes reads fail")
    def test_a_disk_that_cannot_read(self):
        for ranks, rank in ((None, 0), (3, 1)):
            process = self.start(f"unreadable{ranks}", "data.validation=~", ranks=ranks, env={
                **FAULTS, "FAULT_FOLDER": self.folder / "sprites.h5", "FAULT_CALL": "read",
                "FAULT_AT": "400", "FAULT_ACTION": "5", "FAULT_FOREVER": "1", "FAULT_RANK": rank})
            said = process.communicate(timeout=60)[0]
            self.assertEqual(process.returncode, 2, said)
            self.assertRegex(plain(said), r"sprites\.h5: /train/x: rows .* cannot be read: .*([Ii]nput/output|read)")
            if ranks:
                self.assertIn(f"rank {rank} on ", said)

    @unittest.skipUnless(PRELOAD, "no library that makes reads slow")
    def test_a_slow_disk(self):
        slow = {**FAULTS, "FAULT_FOLDER": self.folder / "sprites.h5", "FAULT_CALL": "read",
                "FAULT_AT": "150", "FAULT_ACTION": "slow", "FAULT_FOREVER": "1", "FAULT_RANK": "0"}
        watched = ("communication.stall_seconds=2", "data.validation=~")
        # Slow reads are progress; one that does not come back is named for what it is.
        process = self.start("slow", *watched, ranks=2, env={**slow, "FAULT_SECONDS": "0.3"})
        time.sleep(10)
        self.assertIsNone(process.poll())
        process.terminate()
        self.assertNotIn("no progress", process.communicate(timeout=60)[0])
        process = self.start("stuck", *watched, ranks=2, env={**slow, "FAULT_SECONDS": "90"})
        said = ""
        while "no progress" not in said:
            line = process.stdout.readline()
            self.assertTrue(line, said)
            said += line
        self.assertRegex(said, r"no progress for .*rank 0 \(process \d+\) has not arrived: in reading")
        process.terminate()
        process.communicate(timeout=60)


if __name__ == "__main__":
    if not shutil.which("h5dump"):
        raise SystemExit("h5dump is missing: install hdf5-tools")
    unittest.main()
