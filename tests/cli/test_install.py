"""What is installed works: by cmake --install under any prefix, and out of the .deb that cpack makes."""
import os
import pathlib
import shutil
import subprocess
import unittest

import elbo_cli

BUILD = pathlib.Path(elbo_cli.ELBO).resolve().parent


class Installed(elbo_cli.Case):
    def setUp(self):
        super().setUp()
        if not (BUILD / "cmake_install.cmake").exists():
            self.skipTest(f"{BUILD} is no build folder of cmake")

    def command(self, *words, **environment):
        """What a command says; it has to succeed."""
        finished = subprocess.run(list(map(str, words)), cwd=self.folder, env=elbo_cli.environment(environment),
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", check=False)
        self.assertEqual(finished.returncode, 0, finished.stdout)
        return finished.stdout

    def check(self, root):
        """The program below root answers, and trains by the script that was installed with it."""
        program, share = root / "bin/elbo", root / "share/elbo"
        self.assertEqual(self.command(program, "--version"), self.elbo("--version").out)
        for name in ("configs/mnist.yaml", "launch/local.sh", "launch/slurm.sbatch", "launch/batch.sh"):
            self.assertTrue((share / name).is_file(), name)
        for name in ("README.md", "LICENSE", "docs/configuration.md"):
            self.assertTrue((root / "share/doc/elbo" / name).is_file(), name)
        self.assertEqual((root / "share/bash-completion/completions/elbo").read_text(encoding="utf-8"),
                         self.elbo("completion", "bash").out)
        config = self.small_run()
        path = f"{root / 'bin'}:{os.environ['PATH']}"
        said = self.command(share / "launch/local.sh", "-n", 2, "train", config, PATH=path, ELBO=None)
        self.assertIn("done: ", said)
        self.assertTrue((self.folder / "runs/small/checkpoints/best.h5").exists())

    def test_under_a_prefix(self):
        self.command("cmake", "--install", BUILD, "--prefix", self.folder / "opt", "--strip")
        self.check(self.folder / "opt")

    def test_as_a_debian_package(self):
        for tool in ("cpack", "dpkg-shlibdeps", "dpkg-deb"):
            if not shutil.which(tool):
                self.skipTest(f"{tool} is missing: install cmake and dpkg-dev")
        self.command("cpack", "-G", "DEB", "--config", BUILD / "CPackConfig.cmake", "-B", self.folder / "package")
        package, = (self.folder / "package").glob("*.deb")
        self.assertRegex(package.name, r"^elbo_\d+\.\d+\.\d+_\w+\.deb$")
        fields = self.command("dpkg-deb", "--field", package)
        self.assertRegex(fields, r"\nDepends: .*libdnnl.*\bopenmpi-bin\b|\nDepends: .*\bopenmpi-bin\b.*libdnnl")
        self.assertIn("Section: science", fields)
        self.command("dpkg-deb", "--extract", package, self.folder / "root")
        self.check(self.folder / "root/usr")


if __name__ == "__main__":
    unittest.main()
