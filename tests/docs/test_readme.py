"""Commands in the pages do what they say: every block of a page is run, in order, or says why not; see pages.py."""
import re
import unittest

import elbo_cli
import pages

PAGES = ["README.md", "CONTRIBUTING.md", "data/README.md", *sorted(
    f"docs/{path.name}" for path in (elbo_cli.ROOT / "docs").glob("*.md") if path.name != "first-hour.md")]
COMMAND = r"(?m)^(\S+=\S+ )*((build/)?elbo|mpirun|launch/|tests/|cmake|ctest|export|sbatch) "


def read(page):
    return (elbo_cli.ROOT / page).read_text(encoding="utf-8")


class Pages(unittest.TestCase):
    def test_commands_run(self):
        ran = 0
        for page in PAGES:
            found = pages.blocks(read(page))
            reader = pages.Reader(self) if found else None
            for block in found:
                with self.subTest(page=page, commands=block.commands):
                    ran += reader.follow(block)
        if ran == 0:
            self.skipTest(f"every block needs data that {elbo_cli.TEST_DATA} does not hold")

    def test_no_command_escapes(self):
        """Commands stand in blocks that are run: a block without a language, or of another shell, holds none."""
        for page in [*PAGES, "docs/first-hour.md"]:
            for language, text in re.findall(r"^```(\S*)\n(.*?)^```$", read(page), re.DOTALL | re.MULTILINE):
                if language not in ("sh", "python", "text"):
                    self.assertNotRegex(text, COMMAND, page)

    def test_options_exist(self):
        """Every `elbo COMMAND --option` within the text of a page names a command and options that elbo has."""
        helps = {}
        for page in [*PAGES, "docs/first-hour.md"]:
            for command, rest in re.findall(r"`(?:build/)?elbo ([a-z]+)([^`]*)`", read(page)):
                if command not in helps:
                    helps[command] = elbo_cli.run([command, "--help"]).out
                for option in re.findall(r"(?<=\s)--?[a-z][a-z-]*", rest):
                    self.assertRegex(helps[command], rf"(?m)^ +(-\w,)?{option}\b|,{option}\b",
                                     f"{page}: {command} {option}")

    def test_links_lead_somewhere(self):
        for page in [*PAGES, "docs/first-hour.md", "CHANGELOG.md"]:
            text = re.sub(r"^```.*?^```$", "", read(page), flags=re.DOTALL | re.MULTILINE)
            for target in re.findall(r"\]\(([^)#\s]+)", text):
                if not target.startswith(("http://", "https://")):
                    self.assertTrue(((elbo_cli.ROOT / page).parent / target).exists(), f"{page}: {target}")


class Extraction(unittest.TestCase):
    def test_marks_and_commands(self):
        text = ("a\n```sh\none\n```\n```text\nsaid\n```\n<!-- test: needs x; with b=1 -->\n\n"
                "```sh\ntwo\nthree\n```\n```yaml\nno\n```\n"
                "```python\nalone\n```\n")
        self.assertEqual([(block.marks, block.commands, block.shown) for block in pages.blocks(text)],
                         [([], "one\n", "said\n"), (["needs x", "with b=1"], "two\nthree\n", "")])

    def test_overrides_stand_behind_the_configuration(self):
        self.assertEqual(pages.with_overrides("mpirun -n 2 build/elbo train configs/a.yaml c=2\nls\n", "b=1"),
                         "mpirun -n 2 build/elbo train configs/a.yaml b=1 c=2\nls\n")

    def test_what_is_shown_was_said(self):
        said = "one 1.5  in 2 min 3 s\ntwo -7*\nthree: all of it\n"
        for shown in ("one 2 in 9 s\n...\nthree: all ...\n", "two 1\n", said):
            self.assertIsNone(pages.missing_line(shown, said))
        for shown in ("two 1\none 1 in 2 s\n", "one 1\n", "four\n"):
            self.assertIsNotNone(pages.missing_line(shown, said))


if __name__ == "__main__":
    unittest.main()
