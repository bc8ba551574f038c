"""A disk that is full or turns read-only in the midst of a run: told of, training goes on, older checkpoints are whole;
the end says what is missing (status 1), or is as if nothing had been where the trouble passed. Root alone can mount.

The mounts live in a namespace of this script's own and go with it.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import elbo_cli
import faults

SIZE = 8 << 20
INSIDE = "ELBO_FAULT_MOUNTS"
# Long enough for trouble to come and go; a checkpoint is 0.13 MB.
EPOCHS, STEPS = 200, 2400
SETTINGS = (f"training.epochs={EPOCHS}", "report.pictures=0", "report.tensorboard=true")


def mount(*words):
    subprocess.run(["mount", *map(str, words)], check=True)


def missing():
    """Why disks cannot be mounted here, or None."""
    if os.geteuid() != 0:
        return "not root: a small disk must be mounted"
    if not shutil.which("unshare"):
        return "no unshare: install util-linux"
    if subprocess.run(["unshare", "--mount", "sh", "-c", "mount -t tmpfs tmpfs /mnt"], stdout=subprocess.DEVNULL,
                      stderr=subprocess.DEVNULL, check=False).returncode != 0:
        return "no privilege to mount a disk"
    return None


class Disk(faults.Case):
    def setUp(self):
        super().setUp()
        self.small_run()
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        mount("-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", self.disk)
        self.addCleanup(subprocess.run, ["umount", "--lazy", self.disk], check=True)
        self.run = self.disk / "run"
        self.train_once = (f"output={self.run}", *SETTINGS)

    def fill(self):
        """Takes every byte that is left, also what is given back meanwhile."""
        with open(self.disk / "big", "ab", buffering=0) as big:
            for piece in (1 << 20, 1 << 12, 1):
                try:
                    while True:
                        big.write(bytes(piece))
                except OSError:
                    continue

    def free(self):
        (self.disk / "big").unlink()

    def read_only(self, folder):
        """What is open stays writable, as with a disk whose errors made it read-only; new files cannot be made."""
        def refuses_new_files():
            """Not while one is being written through this mount: it is busy then."""
            mount("--bind", folder, folder)
            remount = subprocess.run(["mount", "-o", "remount,bind,ro", folder], stderr=subprocess.PIPE, check=False)
            if remount.returncode == 0:
                return True
            self.assertIn(b"busy", remount.stderr)
            self.writable_again(folder)
            return False

        elbo_cli.wait_until(refuses_new_files, 20, f"{folder} stays busy")

    def writable_again(self, folder):
        elbo_cli.wait_until(lambda: subprocess.run(["umount", folder], check=False).returncode == 0, 20,
                            f"{folder} cannot be unmounted")

    def expect_older_whole(self):
        """Every checkpoint that stands there, whatever its age."""
        steps = faults.checkpoint_steps(self.run)
        self.assertGreater(len(steps), 0)
        for step in steps:
            self.elbo("inspect", self.run / f"checkpoints/step-{step:08}.h5")
        return steps

    def expect_whole_records(self):
        """Event files end with a record's end (TFRecord: 8 bytes of length, 4 + 4 of checksums)."""
        files = list(self.run.glob("events.out.tfevents.*"))
        self.assertGreater(len(files), 0)
        for file in files:
            data, place = file.read_bytes(), 0
            while place < len(data):
                place += 16 + int.from_bytes(data[place:place + 8], "little")
            self.assertEqual(place, len(data), file)

    def until_the_end(self, name, ranks, trouble, repair, words):
        training = self.start(*self.train_once, ranks=ranks)
        training.wait_for_step(120, self.run)
        trouble()
        training.wait_for(f"elbo: warning: .*{words}.*training goes on")
        training.end(expect=1, seconds=60)
        self.assertRegex(training.said(), f"elbo: .*(the state after step {STEPS:,} could not be saved|not complete on "
                                          f"the disk): .*{words}")
        lost = STEPS - self.expect_older_whole()[-1]
        self.assertGreater(lost, 0)
        self.row(f"{name}, to the end", "told, training went on, status 1", lost=lost)
        repair()
        again = self.train(*self.train_once, ranks=ranks)
        self.assertIn("resume", again.out)
        self.expect_bits(self.expected, self.run, name)
        self.expect_tidy(self.run)
        self.expect_whole_records()
        shutil.rmtree(self.run)

    def in_the_middle(self, name, ranks, trouble, repair, words):
        # Rank 0 is frozen while the test works, since a run this short could end meanwhile. COUNT: step 120.
        training = self.start(*self.train_once, ranks=ranks,
                              env={"ELBO_FAULT": f"stop@forward:{480 // (ranks or 1)}/0"})
        writer = training.rank(0)
        training.wait_for(lambda: faults.state_of(writer) == "T")
        trouble()
        os.kill(writer, signal.SIGCONT)
        training.wait_for(f"elbo: warning: .*no checkpoint of step .*{words}.*training goes on")
        os.kill(writer, signal.SIGSTOP)
        before = self.expect_older_whole()[-1]
        repair()
        os.kill(writer, signal.SIGCONT)
        training.wait_for(lambda: faults.newest_step(self.run) > before)
        training.end(expect=0, seconds=60)
        self.expect_bits(self.expected, self.run, name)
        self.expect_tidy(self.run)
        self.expect_whole_records()
        self.assertEqual(elbo_cli.status(self.run)["state"], "done")
        self.assertIn("save_failed", [event["event"] for event in elbo_cli.events(self.run)])
        self.row(f"{name}, for a while", "told, went on, everything written, status 0")
        shutil.rmtree(self.run)

    def test_full(self):
        self.expected = self.undisturbed(*SETTINGS)
        words = "no space left on the device"
        self.in_the_middle("disk full", None, self.fill, self.free, words)
        self.until_the_end("disk full", 2, self.fill, self.free, words)

    def test_read_only(self):
        self.expected = self.undisturbed(*SETTINGS)
        words = "the file system is read-only"
        for ranks, what in ((None, "."), (2, "checkpoints")):
            name = "run's folder read-only" if what == "." else f"{what}/ read-only"

            def trouble(where=what):
                self.read_only(self.run / where)

            def repair(where=what):
                self.writable_again(self.run / where)
            self.in_the_middle(name, ranks, trouble, repair, words)
            self.until_the_end(name, ranks, trouble, repair, words)

    def test_a_disk_full_from_the_start(self):
        self.fill()
        for ranks in (None, 2):
            refused = self.train(*self.train_once, ranks=ranks, expect=1)
            self.assertRegex(refused.err, "elbo: .*no space left on the device")
        self.free()
        self.train(*self.train_once)
        self.row("disk full from the start", "told before training, status 1")


if __name__ == "__main__":
    if INSIDE not in os.environ:
        if reason := missing():
            faults.skip(reason)
        script = str(pathlib.Path(__file__).resolve())
        os.execvpe("unshare", ["unshare", "--mount", sys.executable, script, *sys.argv[1:]],
                   {**os.environ, INSIDE: "yes"})
    faults.main("__main__")
