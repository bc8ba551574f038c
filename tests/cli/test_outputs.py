"""Files that commands write: names that cannot be, or that the command reads, are refused before any work, and nothing
that stands there is lost."""
import hashlib
import json
import os
import subprocess
import unittest

import elbo_cli

EVALUATE = ("evaluate", "runs/small", "--samples", 1)
RESTORE = ("restore", "runs/small", "--task", "denoise", "-n", 1)
BENCH = ("bench", "small.yaml", "--seconds", 0.1)
PICTURE = ("inspect", "sprites.h5:/train/x", "--picture")

# What is written, the option's name last; further words behind the file's name.
OUTPUTS = [
    ((*EVALUATE, "--json"), ".json", ()),
    ((*EVALUATE, "--per-sample"), ".csv", ()),
    (("probe", "runs/small", "--json"), ".json", ()),
    ((*RESTORE, "--json"), ".json", ()),
    ((*RESTORE, "-o"), ".png", ("--force",)),
    ((*BENCH, "--json"), ".json", ()),
    ((*BENCH, "--scaling", "--json"), ".json", ()),
    (PICTURE, ".png", ()),
    (("train", "small.yaml", "--fresh", "--trace"), ".json", ()),
    (("reconstruct", "runs/small", "-o"), ".npy", ("--force",)),
    (("traverse", "runs/small", "-o"), ".png", ("--force",)),
    (("interpolate", "runs/small", "--from", 0, "--to", 1, "-o"), ".h5", ("--force",)),
    (("encode", "runs/small", "sprites.h5:/test/x"), ".h5", ("--force",)),
    (("sample", "runs/small", "-o"), ".npy", ("--force",)),
    (("report", "runs/small", "-o"), ".html", ("--force",)),
]


class Trained(elbo_cli.PreparedCase):
    def prepare(self):
        self.elbo("train", self.small_run())


class Outputs(Trained):
    def state(self):
        """All that is there, pipes by their names."""
        return {name: hashlib.sha1((self.folder / name).read_bytes()).digest() if (self.folder / name).is_file() else None
                for name in self.files()}

    def refused(self, *words, **options):
        before = self.state()
        said = self.elbo(*words, expect=2, **options)
        self.assertEqual(self.state(), before, said)
        self.assertEqual(said.out, "")
        self.assertEqual(said.err.count("\n"), 1, said)
        return said.err

    def test_pipes_are_no_place_for_a_file(self):
        for words, extension, more in OUTPUTS:
            name = f"pipe{extension}"
            if not (self.folder / name).exists():
                os.mkfifo(self.folder / name)
            with self.subTest(words=words):
                self.assertIn(f"{name}: is no ordinary file", self.refused(*words, name, *more))
        os.mkfifo(self.folder / "pipe")
        self.assertIn("pipe: is no ordinary file", self.refused("convert", "sprites", "pipe", "--force"))

    def test_wrong_names_are_found_before_the_work(self):
        (self.folder / "folder").mkdir()
        for words in ((*BENCH, "--json"), PICTURE, ("train", "small.yaml", "--fresh", "--trace"), (*EVALUATE, "--json")):
            with self.subTest(words=words):
                option = words[-1]
                self.assertIn(f"{option} folder: is a folder", self.refused(*words, "folder"))
                self.assertIn(f"{option} none/x: there is no folder none", self.refused(*words, "none/x"))

    def test_what_the_command_reads_is_never_replaced(self):
        (self.folder / "mask.npy").write_bytes(b"")
        (self.folder / "link.h5").symlink_to("sprites.h5")
        both, own = "is source and output at once", "is one of the run's own files"
        checkpoint = "runs/small/checkpoints/step-00000008.h5"
        for message, words in (
                ("is an HDF5 file", (*PICTURE, "sprites.h5")),
                ("is an HDF5 file", (*EVALUATE, "--json", checkpoint)),
                ("is an HDF5 file", ("train", "small.yaml", "--trace", "sprites.h5")),
                (own, (*EVALUATE, "--json", "runs/small/checkpoints/x.json")),
                (own, (*EVALUATE, "--json", "./runs/small/metrics.jsonl")),
                (own, ("evaluate", "runs/small/checkpoints/best.h5", "--json", "runs/small/status.json")),
                (own, ("reconstruct", "runs/small", "-o", "runs/small/checkpoints/best.h5", "--force")),
                (own, ("train", "small.yaml", "--trace", "runs/small/events.jsonl")),
                (both, ("train", "small.yaml", "--trace", "small.yaml")),
                (both, (*BENCH, "--json", "small.yaml")),
                (both, ("encode", "runs/small", "sprites.h5", "sprites.h5", "--force")),
                (both, ("encode", checkpoint, "sprites.h5", checkpoint, "--force")),
                (both, ("reconstruct", "runs/small", "--data", "sprites.h5:/test/x", "-o", "link.h5", "--force")),
                (both, ("sample", "runs/small", "-o", "sprites.h5", "--force")),  # what the run was trained with
                (both, ("restore", "runs/small", "--task", "mask", "--mask", "mask.npy", "-o", "mask.npy", "--force")),
                ("--json x.csv: is the file of --per-sample too",
                 (*EVALUATE, "--per-sample", "./x.csv", "--json", "x.csv"))):
            with self.subTest(words=words):
                self.assertIn(message, self.refused(*words))

    def test_figures_and_pictures_are_made_again(self):
        for _ in range(2):
            self.elbo(*PICTURE, "a.png")
            self.assertTrue((self.folder / "a.png").read_bytes().startswith(b"\x89PNG"))
            (self.folder / "a.png").write_text("other", encoding="utf-8")

    def test_a_trace_in_the_folder_of_the_run_that_begins(self):
        self.elbo("train", "small.yaml", "output=runs/new", "--trace", "runs/new/trace.json", "--trace-steps", 2)
        self.assertIn("process_name", (self.folder / "runs/new/trace.json").read_text(encoding="utf-8"))


class FullDisk(Trained):
    def on_small_disk(self, *words):
        """Runs elbo where the folder `small` holds 64 KiB."""
        (self.folder / "small").mkdir()
        command = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs -o size=64k none small && exec "$0" "$@"',
                   *elbo_cli.command_line(words)]
        return subprocess.run(command, cwd=self.folder, env=elbo_cli.environment(), capture_output=True,
                              encoding="utf-8", check=False, timeout=120)

    def setUp(self):
        super().setUp()
        if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("no mounts of one's own (unshare -m): not root")

    def test_figures_are_told_before_those_of_every_sample_fail(self):
        elbo_cli.sprites(self.folder / "many.h5", test=1000, size=8)
        told = self.on_small_disk("evaluate", "runs/small", "--data", "many.h5:/test/x", "--samples", 2, "--per-sample",
                                  "small/x.csv", "--json", "figures.json")
        self.assertEqual(told.returncode, 1, told)
        self.assertIn("small/x.csv: cannot be written", told.stderr)
        self.assertIn("1,000 samples in", told.stdout)
        found = json.loads((self.folder / "figures.json").read_text(encoding="utf-8"))
        self.assertIn(f"{found['elbo']['mean']:.2f}", told.stdout)

    def test_room_for_samples_is_taken_first(self):
        told = self.on_small_disk("sample", "runs/small", "-n", 1000, "-o", "small/x.npy")
        self.assertEqual(told.returncode, 1, told)
        self.assertIn("small/x.npy: needs 250 KiB of disk", told.stderr)
        self.assertEqual(told.stdout, "")


if __name__ == "__main__":
    unittest.main()
