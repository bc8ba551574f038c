"""Commands in the pages do what they say: every ```sh block of the pages below is run, in order.

A comment before a block says what the test does with it:
  <!-- test: not run, REASON -->              left to people, or to another test that REASON names
  <!-- test: needs mnist -->                  skipped where the test data has no folder of that name; data/mnist is it
  <!-- test: with training.epochs=1 ... -->   appended to every "train" command of the block, to save time
Several are joined with ";". A page's blocks run in a copy of the project's configs and scripts whose build/elbo is the
program under test, with root's leave for mpirun.
"""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import elbo_cli

PAGES = ["README.md", "data/README.md", "docs/models.md", "docs/install.md", "docs/clusters.md"]
BLOCK = re.compile(r"(?:<!-- test: (?P<marks>.*?) -->\n+)?```sh\n(?P<commands>.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(text):
    """(marks, commands) of each ```sh block."""
    for match in BLOCK.finditer(text):
        yield [mark.strip() for mark in (match["marks"] or "").split(";") if mark.strip()], match["commands"]


def with_overrides(commands, overrides):
    """Commands with the overrides behind each that trains."""
    return "".join(re.sub(r"(\btrain configs/\S+)", rf"\1 {overrides}", line) for line in commands.splitlines(True))


class Pages(unittest.TestCase):
    def new_folder(self):
        scratch = tempfile.TemporaryDirectory(prefix="elbo-docs-")
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)
        for name in ("configs", "launch"):
            shutil.copytree(elbo_cli.ROOT / name, self.folder / name)
        for name in ("build", "data"):
            (self.folder / name).mkdir()
        (self.folder / "build" / "elbo").symlink_to(elbo_cli.ELBO)
        self.environment = elbo_cli.environment(
            {"OMPI_ALLOW_RUN_AS_ROOT": 1, "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": 1} if os.geteuid() == 0 else {})

    def run_block(self, marks, commands):
        """True where the block was run."""
        for mark in marks:
            word, _, rest = mark.partition(" ")
            if word == "not":
                return False
            if word == "needs":
                if not (elbo_cli.TEST_DATA / rest).is_dir():
                    return False
                link = self.folder / "data" / rest
                if not link.exists():
                    link.symlink_to(elbo_cli.TEST_DATA / rest)
            elif word == "with":
                commands = with_overrides(commands, rest)
            else:
                self.fail(f"unknown mark: {mark}")
        finished = subprocess.run(["bash", "-euo", "pipefail", "-c", commands], cwd=self.folder, env=self.environment,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  encoding="utf-8", errors="replace", timeout=500, check=False)
        self.assertEqual(finished.returncode, 0, f"{commands}\n--- said\n{finished.stdout}")
        return True

    def test_commands_run(self):
        ran = 0
        for page in PAGES:
            self.new_folder()
            for marks, commands in blocks((elbo_cli.ROOT / page).read_text(encoding="utf-8")):
                with self.subTest(page=page, commands=commands):
                    ran += self.run_block(marks, commands)
        if ran == 0:
            self.skipTest(f"every block needs data that {elbo_cli.TEST_DATA} does not hold")

    def test_links_lead_somewhere(self):
        pages = [elbo_cli.ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "data/README.md")]
        for page in pages + sorted((elbo_cli.ROOT / "docs").glob("*.md")):
            text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
            for target in re.findall(r"\]\(([^)#\s]+)", text):
                if not target.startswith(("http://", "https://")):
                    self.assertTrue((page.parent / target).exists(), f"{page.name}: {target}")


class Extraction(unittest.TestCase):
    def test_marks_and_commands(self):
        text = "a\n```sh\none\n```\n<!-- test: needs x; with b=1 -->\n\n```sh\ntwo\nthree\n```\n```yaml\nno\n```\n"
        self.assertEqual(list(blocks(text)), [([], "one\n"), (["needs x", "with b=1"], "two\nthree\n")])

    def test_overrides_stand_behind_the_configuration(self):
        self.assertEqual(with_overrides("mpirun -n 2 build/elbo train configs/a.yaml c=2\nls\n", "b=1"),
                         "mpirun -n 2 build/elbo train configs/a.yaml b=1 c=2\nls\n")


if __name__ == "__main__":
    unittest.main()
