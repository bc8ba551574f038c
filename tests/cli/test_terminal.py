"""What `elbo train` prints: in pseudo-terminals of several widths, with and without colours, and in a file."""
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import unittest

import elbo_cli

GREEN, YELLOW, END = "\x1b[1;32m", "\x1b[1;33m", "\x1b[0m"
COLUMNS = ("epoch", "ELBO", "reconstruction", "KL", "validation", "samples/s", "time left")
# Of the table, by the widest terminal that does not show more.
SHOWN = {40: (0, 1, 4), 50: (0, 1, 3, 4), 60: (0, 1, 3, 4, 5), 79: (0, 1, 3, 4, 5, 6), 80: range(7), 132: range(7)}


def in_terminal(arguments, columns, cwd, ranks=None, env=None):
    """What a terminal of so many columns is sent."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    variables = elbo_cli.environment({"TERM": "xterm", "NO_COLOR": None, **(env or {})})
    with subprocess.Popen(elbo_cli.command_line(arguments, ranks), cwd=cwd, env=variables, stdin=subprocess.DEVNULL,
                          stdout=slave, stderr=slave, start_new_session=True) as process:
        os.close(slave)
        said = b""
        while True:
            try:
                some = os.read(master, 65536)
            except OSError:  # EIO: everybody has closed the other end
                some = b""
            if not some:
                break
            said += some
        os.close(master)
    return process.returncode, said.decode("utf-8").replace("\r\n", "\n")


def settled(said):
    """Lines as they stand at the end: what was begun again is gone, and colours too."""
    lines = [line.split("\x1b[K")[-1] for line in said.split("\n")]
    return [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]


class Terminal(elbo_cli.Case):
    def setUp(self):
        super().setUp()
        self.small_run()
        self.train = ["train", "small.yaml", "--fresh", "training.epochs=3"]

    def shown(self, columns, *rest, **options):
        status, said = in_terminal([*self.train, *rest], columns, self.folder, **options)
        self.assertEqual(status, 0, said)
        return said, settled(said)

    def test_narrower_than_40_is_as_40(self):
        heads = []
        for columns in (20, 40):
            lines = self.shown(columns)[1]
            heads.append(lines[:next(i for i, line in enumerate(lines) if line.startswith("   epoch"))])
        self.assertEqual(*heads)

    def test_the_table_of_runs_fits_too(self):
        self.elbo(*self.train, "output=runs/of-quite-a-long-name")
        self.elbo("train", "small.yaml", "output=runs/wild", "optimizer.kind=sgd", "optimizer.rate=1e30", expect=3)
        for columns, has_model in {60: False, 80: True, 120: True}.items():
            status, said = in_terminal(["runs"], columns, self.folder)
            self.assertEqual(status, 0, said)
            for line in settled(said):
                self.assertLessEqual(len(line), columns, line)
            self.assertEqual("model" in said.split("\n", maxsplit=1)[0].split(), has_model)
            self.assertEqual(len(re.findall(r"finished +3/3 +-[\d.]+ ", said)), 1, said)

    def test_as_many_columns_as_fit(self):
        for columns, chosen in SHOWN.items():
            said, lines = self.shown(columns)
            for line in lines:
                self.assertLessEqual(len(line), columns, line)
            header = next(line for line in lines if line.startswith("   epoch"))
            self.assertEqual(re.split(r"  +", header.strip()), [COLUMNS[c] for c in chosen])
            rows = [line for line in lines if re.match(r" +\d/3 ", line)]
            self.assertEqual([row.split()[0] for row in rows], ["1/3", "2/3", "3/3"], said)
            self.assertEqual({row.rfind(".", 0, row.find("*")) + 3 for row in rows if "*" in row},
                             {header.find("validation") + 10}, "the best validation stands below its title")
            self.assertTrue(any(line.startswith("where the time of 12 steps went") for line in lines))
            whole = " ".join(" ".join(lines).split())
            for words in ("3 epochs, 12 steps in", "best validation ELBO", "model VAE 64-16-4-16-64, 2,344 parameters",
                          "FLOP a sample", "FLOP a step", "ranks 1 on 1 node, 1 thread each", "of memory a node",
                          "train sprites.h5:/train/x, 200 samples of 8 x 8 uint8"):
                self.assertIn(words, whole)

    def test_the_best_and_warnings_are_coloured(self):
        said, lines = self.shown(80)
        best = [line for line in said.split("\n") if GREEN in line]
        self.assertEqual(len(best), sum("*" in line for line in lines))
        self.assertGreaterEqual(len(best), 1)
        for line in best:
            self.assertRegex(line, re.escape(GREEN) + r" *-\d+\.\d\d\*" + re.escape(END))
        self.assertNotIn("*", re.sub(re.escape(GREEN) + ".*?" + re.escape(END), "", said))

    def test_ranks_see_the_terminal_that_mpirun_has(self):
        for columns in (60, 80):
            said, lines = self.shown(columns, "training.batch=20", ranks=2)
            self.assertIn(GREEN, said)
            self.assertIn(f"{YELLOW}elbo: warning:{END} ", said)  # of few rows a rank
            self.assertIn("batch    20 = 10 a rank x 2, 10 steps an epoch", lines)
            for line in lines:
                self.assertLessEqual(len(line), columns, line)
            self.assertEqual(any("shortest s" in line for line in lines), columns == 80)

    def test_no_colours_where_none_are_wanted(self):
        for env, rewrites in (({"NO_COLOR": "1"}, True), ({"TERM": "dumb"}, False), ({"TERM": None}, False)):
            said, lines = self.shown(60, env=env)
            self.assertNotIn("\x1b[1", said)
            self.assertNotIn("\x1b[0m", said)
            if not rewrites:
                self.assertNotIn("\x1b", said)
                self.assertNotIn("\r", said)
            self.assertTrue(any("*" in line for line in lines), "the best are marked all the same")
        self.assertIn(GREEN, self.shown(60, env={"NO_COLOR": ""})[0])

    def test_a_file_is_plain_and_whole(self):
        for ranks in (None, 2):
            out = self.elbo(*self.train, ranks=ranks, env={"TERM": "xterm"}).out
            self.assertNotIn("\x1b", out)
            self.assertNotIn("\r", out)
            self.assertIn("   epoch      ELBO  reconstruction        KL  validation  samples/s  time left\n", out)
            self.assertEqual(len(re.findall(r"^ +\d/3 ", out, re.M)), 3)


if __name__ == "__main__":
    unittest.main()
