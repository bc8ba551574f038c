"""Readers that go away, standard output that is full or closed, limits of file sizes: said, and nothing half-written."""
import os
import resource
import signal
import subprocess
import unittest

import elbo_cli


class LostOutput(elbo_cli.PreparedCase):
    def prepare(self):
        self.small_run()
        self.elbo("train", "small.yaml")

    def ended(self, *arguments, **streams):
        """Status and errors of elbo with these streams, started with the signals' default actions."""
        def defaults():
            for one in (signal.SIGPIPE, signal.SIGXFSZ):
                signal.signal(one, signal.SIG_DFL)

        streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "preexec_fn": defaults} | streams
        with subprocess.Popen(elbo_cli.command_line(arguments), cwd=self.folder, env=elbo_cli.environment(),
                              stdin=subprocess.DEVNULL, encoding="utf-8", **streams) as process:
            return process.wait(timeout=120), process.stderr.read() if process.stderr else ""

    def with_no_reader(self, *arguments):
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "w") as pipe:
            return self.ended(*arguments, stdout=pipe)

    def test_a_reader_that_goes_away_ends_no_work(self):
        self.assertEqual(self.with_no_reader("train", "small.yaml", "output=runs/alone"), (0, ""))
        self.assertEqual(elbo_cli.status(self.folder / "runs/alone")["state"], "done")
        self.assertEqual(self.with_no_reader("sample", "runs/small", "-n", 2000, "-o", "x.npy"), (0, ""))
        self.assertGreater((self.folder / "x.npy").stat().st_size, 2000 * 64 * 4)
        self.assertEqual([name for name in self.files() if ".tmp-" in name], [])

    def test_a_full_device_is_said(self):
        for arguments in (("inspect", "sprites.h5"), ("runs", "runs", "--json"), ("completion", "bash"), ("--help",),
                          ("train", "small.yaml", "--print-output"), ("train", "--reference"),
                          ("bench", "small.yaml", "--seconds", 0.1, "--json", "-")):
            with open("/dev/full", "w", encoding="utf-8") as full:
                status, said = self.ended(*arguments, stdout=full)
                self.assertEqual((status, said.count("elbo:")), (1, 1), (arguments, said))
                self.assertIn("could not be written to standard output", said)
                self.assertEqual(self.ended(*arguments, stdout=full, stderr=full)[0], 1)

    def test_a_training_outlives_its_log(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            self.assertEqual(self.ended("train", "small.yaml", "output=runs/full", stdout=full), (0, ""))
        self.assertEqual(elbo_cli.status(self.folder / "runs/full")["state"], "done")

    def test_a_limit_of_file_sizes_is_an_error_like_a_full_disk(self):
        def limited():
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

        before = self.files()
        for output in ("x.npy", "x.h5"):
            status, said = self.ended("sample", "runs/small", "-n", 2000, "-o", output, preexec_fn=limited)
            self.assertEqual(status, 1, said)
            self.assertIn(output, said)
            self.assertEqual(self.files(), before)


if __name__ == "__main__":
    unittest.main()
