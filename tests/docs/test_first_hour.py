"""docs/first-hour.md, followed to the letter: every command, what it prints, the Ctrl-C between two of them."""
import unittest

import elbo_cli
import pages

PAGE = elbo_cli.ROOT / "docs" / "first-hour.md"


class FirstHour(unittest.TestCase):
    def test_the_page_works(self):
        python = elbo_cli.python_with("PIL")
        if python is None:
            self.skipTest("no Python with Pillow (Debian: python3-pil)")
        reader = pages.Reader(self)
        reader.let_python_be(python)
        for block in pages.blocks(PAGE.read_text(encoding="utf-8")):
            self.assertIsNone(block.mark("not"), "this page is run as a whole")
            reader.follow(block)
        for name in ("sheet.png", "reconstructions.png", "samples.png", "traversal.png", "codes.h5", "report.html"):
            self.assertTrue((reader.folder / name).exists(), name)


if __name__ == "__main__":
    unittest.main()
