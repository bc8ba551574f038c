"""docs/gallery.sh makes every picture of README's gallery by the command that stands there, on small data."""
import os
import re
import shutil
import subprocess
import unittest

import elbo_cli

SCRIPT = elbo_cli.ROOT / "docs" / "gallery.sh"
PICTURES = elbo_cli.ROOT / "docs" / "gallery"
LARGEST, LARGEST_TOGETHER = 100_000, 600_000  # bytes


class Gallery(elbo_cli.Case):
    def make(self, *arguments):
        """Runs the script in a copy of the project with the data that is there; returns what it said and made."""
        (self.folder / "docs").mkdir(exist_ok=True)
        shutil.copy(SCRIPT, self.folder / "docs")
        for name in ("configs", "launch"):
            shutil.copytree(elbo_cli.ROOT / name, self.folder / name, dirs_exist_ok=True)
        finished = subprocess.run([self.folder / "docs/gallery.sh", *arguments], cwd="/",
                                  env=elbo_cli.environment({"ELBO": elbo_cli.ELBO}),
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  encoding="utf-8", check=False)
        self.assertEqual(finished.returncode, 0, finished.stdout)
        return finished.stdout, {path.name: path.read_bytes() for path in (self.folder / "docs/gallery").iterdir()}

    def test_every_picture_by_its_command(self):
        (self.folder / "data").mkdir()
        for name, size in (("sprites-32", 32), ("mnist", 28)):
            self.elbo("convert", "sprites", f"data/{name}.h5", "--train", 300, "--test", 100, "--size", size)
        _, made = self.make("training.epochs=1")
        self.assertEqual(set(made), set(os.listdir(PICTURES)))
        self.assertTrue(all(content.startswith(b"\x89PNG") for content in made.values()))
        self.assertEqual(self.make("training.epochs=1")[1], made)  # from the finished runs, the same bytes

    def test_without_mnist_the_sprites_are_drawn(self):
        (self.folder / "data").mkdir()
        self.elbo("convert", "sprites", "data/sprites-32.h5", "--train", 100, "--test", 20, "--size", 32)
        said, made = self.make("training.epochs=1")
        self.assertIn("fetch its four files into data/mnist/ as data/README.md says", said)
        self.assertTrue(made)
        self.assertTrue(all(name.startswith("sprites-") for name in made), made.keys())

    def test_readme_shows_them_with_their_commands(self):
        page, script = ((path).read_text(encoding="utf-8") for path in (elbo_cli.ROOT / "README.md", SCRIPT))
        shown = set(re.findall(r"\]\(docs/gallery/(\S+\.png)\)", page))
        self.assertEqual(shown, set(os.listdir(PICTURES)))
        commands = re.findall(r"`(elbo [^`]+ -o \S+\.png)`", page[page.index("## Gallery"):page.index("## MNIST")])
        self.assertEqual({command.split()[-1] for command in commands}, shown)
        for command in commands:
            self.assertIn(f"    {command}\n", re.sub(r"(?m)^(?=elbo )", "    ", script))

    def test_they_are_small(self):
        sizes = {path.name: path.stat().st_size for path in PICTURES.iterdir()}
        self.assertLessEqual(max(sizes.values()), LARGEST, sizes)
        self.assertLessEqual(sum(sizes.values()), LARGEST_TOGETHER, sizes)


if __name__ == "__main__":
    unittest.main()
