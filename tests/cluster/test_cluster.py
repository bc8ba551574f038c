"""Several hosts: the same bits as on one, for any spread of ranks over them."""
import subprocess
import sys
import unittest

import elbo_cli
import hosts


CONFIGURATION = """\
output: runs/one
seed: 5
data: {train: "sprites.h5:/train/x", validation: "sprites.h5:/test/x", binarize: dynamic}
model:
  latent: 6
  encoder: [{dense: 600}, {dense: 300}]
  decoder: [{dense: 300}, {dense: 600}]
optimizer: {kind: adam, rate: 1e-3}
training: {epochs: 4, batch: 100, virtual_ranks: 4}
report: {every: 3, pictures: 0}
"""


class Cluster(elbo_cli.Case):
    def setUp(self):
        super().setUp()
        self.small_run(CONFIGURATION, train=1003, test=101, size=16)

    def bits(self, output):
        return elbo_cli.bits(self.folder / "runs" / output)

    def expect_same(self, expected, output):
        found = self.bits(output)
        self.assertEqual(expected[1], found[1], output)
        self.assertTrue(expected[0] == found[0], f"{output}: the arrays differ")

    def test_every_spread_has_the_bits_of_one_host(self):
        # 500,000 parameters: two buckets, of which each rank owns its part of each.
        self.elbo("train", "small.yaml", ranks=4)
        expected = self.bits("one")
        with hosts.Hosts(3) as cluster:
            for ranks in ((2, 2), (3, 1), (2, 1, 1), (1, 2)):
                name = "x".join(map(str, ranks))
                cluster.run(["train", "small.yaml", f"output=runs/{name}"], ranks, self.folder)
                self.expect_same(expected, name)
            cluster.run(["train", "small.yaml", "output=runs/alone", "communication.shared=false"], (2, 1), self.folder)
            self.expect_same(expected, "alone")

    def test_clipping_and_resuming_over_hosts(self):
        clip = "optimizer.clip=20"
        self.elbo("train", "small.yaml", clip, ranks=2)
        expected = self.bits("one")
        with hosts.Hosts(2) as cluster:
            cluster.run(["train", "small.yaml", clip, "output=runs/hosts", "training.epochs=2"], (2, 1), self.folder)
            self.elbo("train", "small.yaml", clip, "output=runs/hosts", "training.epochs=3")
            cluster.run(["train", "small.yaml", clip, "output=runs/hosts"], (1, 2), self.folder)
        self.expect_same(expected, "hosts")

    def test_shared_memory_needs_no_room_in_dev_shm(self):
        # 64 MiB, as in many containers; the values and gradients of two ranks need 141 MiB.
        elbo_cli.sprites(self.folder / "sprites64.h5", train=300, test=20, size=64)
        wide = ["train", "small.yaml", "data.train=sprites64.h5", "data.validation=~", "model.encoder=[{dense: 1500}]",
                "model.decoder=[{dense: 1500}]", "training.epochs=1", "output=runs/wide"]
        small = ["unshare", "--mount", "sh", "-c",
                 'mount -t tmpfs -o size=64m tmpfs /dev/shm && exec "$0" "$@"', *elbo_cli.command_line(wide, ranks=2)]
        subprocess.run(small, cwd=self.folder, env=elbo_cli.environment(), check=True, stdout=subprocess.DEVNULL)
        self.assertEqual(elbo_cli.status(self.folder / "runs/wide")["state"], "done")

    def test_an_error_on_one_host_is_told_once_and_names_it(self):
        with hosts.Hosts(2) as cluster:
            hidden = cluster.folder / "hidden"
            hidden.mkdir()
            # The second host finds another folder where the first has its data.
            script = (f'case "$(hostname)" in *h1) mount --bind "{hidden}" "{self.folder}/data";; esac; exec "$0" "$@"')
            (self.folder / "data").mkdir()
            (self.folder / "sprites.h5").rename(self.folder / "data/sprites.h5")
            arguments = ["train", self.folder / "small.yaml", "data.train=data/sprites.h5", "data.validation=~"]
            command = cluster.command(arguments, (1, 1))
            at = command.index(elbo_cli.ELBO)
            command = [*command[:at], "unshare", "--mount", "sh", "-c", script, *command[at:]]
            result = subprocess.run(command, cwd=self.folder, env=elbo_cli.environment(), stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, encoding="utf-8", timeout=100, check=False)
        self.assertEqual(result.returncode, 2, result)
        self.assertEqual(result.stderr.count("elbo: "), 1, result.stderr)
        self.assertIn(f"rank 1 on {cluster.name(1)}", result.stderr)
        self.assertFalse((self.folder / "runs").exists())


if __name__ == "__main__":
    reason = hosts.missing()
    if reason:
        print(f"skipped: {reason}")
        sys.exit(77)
    unittest.main()
