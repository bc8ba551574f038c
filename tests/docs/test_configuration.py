"""docs/configuration.md is what the program prints of its own key table."""
import unittest

import elbo_cli


class Configuration(unittest.TestCase):
    def test_the_page_is_current(self):
        page = (elbo_cli.ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
        printed = elbo_cli.run(["train", "--reference", "--markdown"]).out
        self.assertEqual(page, printed, "update it: build/elbo train --reference --markdown > docs/configuration.md")


if __name__ == "__main__":
    unittest.main()
