"""`elbo completion bash`, sourced by a real bash: commands, options, values of options, keys, files and runs."""
import shutil
import subprocess
import unittest

import elbo_cli

# Words are given as bash splits them: at "=" and ":", too.
ASK = r"""
source /dev/stdin <<<"$SCRIPT"
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_elbo
printf '%s\n' "${COMPREPLY[@]}"
"""


class Completion(elbo_cli.Case):
    def setUp(self):
        super().setUp()
        self.script = elbo_cli.run(["completion", "bash"]).out
        for name in ("configs", "configs/deep", "data", "runs/mnist/checkpoints", "runs/mnist/samples", "runs/sweep/b 1",
                     "src/lib"):
            (self.folder / name).mkdir(parents=True)
        for name in ("configs/mnist.yaml", "configs/other.yml", "configs/notes.txt", "data/mnist.h5", "top.yaml",
                     "runs/mnist/configuration.yaml", "runs/mnist/checkpoints/best.h5",
                     "runs/sweep/b 1/configuration.yaml", "src/lib/a.cpp"):
            (self.folder / name).touch()

    def bash(self, program, *words):
        finished = subprocess.run(["bash", "--norc", "-c", program, "bash", *words], cwd=self.folder,
                                  env=elbo_cli.environment({"SCRIPT": self.script}), capture_output=True, check=False,
                                  encoding="utf-8")
        self.assertEqual((finished.returncode, finished.stderr), (0, ""))
        return finished.stdout

    def completed(self, *words):
        """What bash would offer for the last word."""
        return sorted(line for line in self.bash(ASK, "elbo", *words).splitlines() if line)

    def test_it_is_registered(self):
        self.assertIn("-F _elbo elbo", self.bash('source /dev/stdin <<<"$SCRIPT"; complete -p elbo'))

    def test_commands(self):
        self.assertEqual(self.completed("tr"), ["train", "traverse"])
        help_text = self.elbo("--help").out
        commands = [word for word in self.completed("") if not word.startswith("-")]
        self.assertGreater(len(commands), 14)
        for command in commands:
            self.assertRegex(help_text, rf"\n +{command} ")
        self.assertEqual(self.completed("--v"), ["--version"])

    def test_every_option_of_every_command(self):
        for command in self.completed(""):
            if command.startswith("-"):
                continue
            offered = set(self.completed(command, "-"))
            shown = set()
            for line in self.elbo(command, "--help").out.splitlines():
                if line.startswith("  -"):
                    shown.update(word.strip(",") for word in line.split()[:2] if word.startswith("-"))
            self.assertEqual(offered, {flag for word in shown for flag in word.split(",")} - {"-h"} | {"--help"}, command)

    def test_values_of_options(self):
        self.assertEqual(self.completed("runs", "--sort", "s"), ["samples/s", "state"])
        self.assertEqual(self.completed("train", "top.yaml", "--trace", "to"), ["top.yaml"])
        self.assertEqual(self.completed("train", "top.yaml", "--trace", "=", "to"), ["top.yaml"])
        self.assertEqual(self.completed("train", "--trace", "="), self.completed("train", "--trace", ""))
        self.assertEqual(self.completed("restore", "runs/mnist", "--task", ""), ["denoise", "inpaint", "mask", "superres"])
        self.assertEqual(self.completed("evaluate", "runs/mnist", "--checkpoint", "b"), ["best"])
        self.assertEqual(self.completed("evaluate", "runs/mnist", "--samples", ""), [])
        self.assertEqual(self.completed("export", "runs/mnist", "-o", ""), ["configs", "data", "runs", "src"])
        self.assertEqual(self.completed("export", "runs/mnist", "--output", ""), ["configs", "data", "runs", "src"])
        self.assertEqual(self.completed("completion", ""), ["bash"])

    def test_configurations_and_keys(self):
        self.assertEqual(self.completed("train", ""), ["configs", "data", "runs", "src", "top.yaml"])
        self.assertEqual(self.completed("train", "configs/"), ["configs/deep", "configs/mnist.yaml", "configs/other.yml"])
        self.assertEqual(self.completed("train", "--fresh", "--trace", "x", "to"), ["top.yaml"])
        self.assertEqual(self.completed("train", "top.yaml", "checkpoint.k"), ["checkpoint.keep="])
        self.assertEqual(self.completed("train", "top.yaml", "seed", "=", "1", "report.te"), ["report.tensorboard="])
        self.assertEqual(self.completed("train", "top.yaml", "data.train", "=", "data/m"), ["data/mnist.h5"])
        self.assertEqual(self.completed("train", "top.yaml", "data.train", "=", "data/mnist.h5", ":", "/tr"), [])
        reference = self.elbo("train", "--reference", "--markdown").out
        for key in self.completed("bench", "top.yaml", ""):
            self.assertIn(key.rstrip("=").split(".")[-1], reference)

    def test_runs(self):
        self.assertEqual(self.completed("evaluate", ""), ["data", "runs"])
        self.assertEqual(self.completed("evaluate", "runs/"), ["runs/mnist", "runs/sweep"])
        self.assertEqual(self.completed("sample", "runs/sweep/"), ["runs/sweep/b 1"])
        self.assertEqual(self.completed("sample", "runs/mnist/"), ["runs/mnist/checkpoints"])
        self.assertEqual(self.completed("sample", "runs/mnist/checkpoints/"), ["runs/mnist/checkpoints/best.h5"])
        self.assertEqual(self.completed("encode", "runs/mnist", "data/"), ["data/mnist.h5"])
        self.assertEqual(self.completed("runs", "s"), ["src"])

    def test_it_is_a_clean_script(self):
        if not shutil.which("shellcheck"):
            self.skipTest("no shellcheck")
        checked = subprocess.run(["shellcheck", "--shell=bash", "-"], input=self.script, capture_output=True,
                                 encoding="utf-8", check=False)
        self.assertEqual(checked.returncode, 0, checked.stdout)

    def test_other_shells_are_refused(self):
        self.assertIn("completion fish: expected bash", self.elbo("completion", "fish", expect=2).err)
        self.assertIn("shell is required", self.elbo("completion", expect=2).err)


if __name__ == "__main__":
    unittest.main()
