"""The same bits on any number of ranks: parameters, optimiser's state and metrics, whatever computes which virtual ranks."""
import re
import shutil
import subprocess
import unittest

import elbo_cli


CONFIGURATION = """\
output: runs/layouts
seed: 3
data: {train: "sprites.h5:/train/x", validation: "sprites.h5:/test/x", binarize: dynamic}
model:
  latent: 6
  encoder: [{dense: 200}, {dense: 100}]
  decoder: [{dense: 100}, {dense: 200}]
optimizer: {kind: adam, rate: 1e-3}
training: {epochs: 4, batch: 100}
report: {every: 1, pictures: 0}
"""


class Layouts(elbo_cli.Case):
    def setUp(self):
        super().setUp()
        # 1003 samples: 11 steps an epoch, the last of 3 samples, so that virtual ranks' parts of it are empty.
        self.small_run(CONFIGURATION, train=1003, test=101, size=16)

    def train(self, output, virtual_ranks, ranks, *overrides):
        self.elbo("train", "small.yaml", f"output=runs/{output}", f"training.virtual_ranks={virtual_ranks}", *overrides,
                  ranks=ranks)
        return self.bits(output)

    def bits(self, output):
        """All arrays of the newest checkpoint as text, and the metrics without what depends on the clock."""
        return elbo_cli.bits(self.folder / "runs" / output)

    def expect_same(self, expected, found, what):
        self.assertEqual(len(expected[1]), len(found[1]), what)
        for ours, theirs in zip(expected[1], found[1]):
            self.assertEqual(ours, theirs, what)
        self.assertTrue(expected[0] == found[0], f"{what}: the arrays differ")

    def test_any_number_of_ranks_with_sharing_and_without(self):
        for virtual_ranks, counts in ((4, (1, 2, 3, 4)), (8, (1, 3, 8)), (6, (1, 4))):
            expected = self.train(f"v{virtual_ranks}", virtual_ranks, counts[0])
            self.assertEqual(expected[1][-1]["step"], 44)
            for ranks in counts[1:]:
                for shared in ("true", "false"):
                    name = f"v{virtual_ranks}-{ranks}-{shared}"
                    self.expect_same(expected, self.train(name, virtual_ranks, ranks, f"communication.shared={shared}"),
                                     name)

    def test_bf16(self):
        expected = self.train("bf16-1", 4, 1, "training.precision=bf16")
        for ranks, shared in ((2, "true"), (3, "true"), (4, "false")):
            self.expect_same(expected, self.train(f"bf16-{ranks}", 4, ranks, "training.precision=bf16",
                                                  f"communication.shared={shared}"), f"{ranks} ranks")
        for epochs, ranks, shared in ((1, 4, "true"), (2, 1, "true"), (4, 3, "false")):
            self.elbo("train", "small.yaml", "output=runs/chain", "training.virtual_ranks=4", "training.precision=bf16",
                      f"training.epochs={epochs}", f"communication.shared={shared}", ranks=ranks)
        self.expect_same(expected, self.bits("chain"), "4 -> 1 -> 3")

    def test_every_route_between_nodes(self):
        expected = self.train("one", 6, 1)
        for ranks, route in ((3, "direct"), (3, "scattered"), (3, "halving"), (4, "halving")):
            name = f"{route}-{ranks}"
            found = self.train(name, 6, ranks, "communication.shared=false", f"communication.route={route}",
                               "communication.bucket_bytes=32768")
            self.expect_same(expected, found, name)
            event = next(event for event in elbo_cli.events(self.folder / "runs" / name) if event["event"] == "network")
            self.assertEqual((event["nodes"], event["route"], event["bucket_bytes"]), (ranks, route, 32768))

    def test_gradients_that_travel_in_bf16(self):
        apart = ("communication.shared=false", "communication.precision=bf16")
        expected = self.train("exact", 4, 1)
        self.expect_same(expected, self.train("alone", 4, 1, *apart), "a single node rounds nothing")
        out = self.elbo("train", "small.yaml", "output=runs/rounded", "training.virtual_ranks=4", *apart, ranks=2)
        self.assertIn("the last bits depend on the number of nodes", " ".join(out.err.split()))
        rounded = self.bits("rounded")
        self.assertFalse(expected[0] == rounded[0], "nothing was rounded")
        for ours, theirs in zip(expected[1], rounded[1]):
            self.assertAlmostEqual(ours["elbo"], theirs["elbo"], delta=0.02 * abs(ours["elbo"]))
        refused = self.elbo("train", "small.yaml", *apart, "training.exact=true", expect=2).err
        self.assertIn("which training.exact forbids", " ".join(refused.split()))

    def test_rounds_are_virtual_ranks(self):
        expected = self.train("four", 4, 1)
        for ranks, rounds in ((1, 4), (2, 2)):
            self.elbo("train", "small.yaml", f"output=runs/rounds{ranks}", f"training.accumulate={rounds}", ranks=ranks)
            self.expect_same(expected, self.bits(f"rounds{ranks}"), f"{rounds} rounds on {ranks} ranks")
        # A batch a rank includes its rounds; other ranks go on with the first start's parts.
        rest = ("training.batch_per_rank=50", "training.accumulate=2", "output=runs/part")
        self.elbo("train", "small.yaml", *rest, "training.epochs=1", ranks=2)
        out = self.elbo("train", "small.yaml", *rest, ranks=3).out
        self.assertIn("batch    100", out)
        self.expect_same(expected, self.bits("part"), "2 ranks, then 3")
        refused = self.elbo("train", "small.yaml", *rest[:1], "training.accumulate=3", "output=runs/part",
                            "training.epochs=5", expect=2)
        self.assertIn("training.accumulate: 2 in the run, 3 now", refused.err)
        both = self.elbo("train", "small.yaml", "training.accumulate=3", "training.virtual_ranks=4", expect=2)
        self.assertRegex(" ".join(both.err.split()), "training.accumulate.* says what training.virtual_ranks says")
        activations = []
        for rounds in (1, 4):
            out = self.elbo("inspect", "small.yaml", f"training.accumulate={rounds}").out
            number, unit = re.search(r"activations and batches +([\d.]+) ([KM])iB", out).groups()
            activations.append(float(number) * {"K": 1, "M": 1024}[unit])
        self.assertGreater(activations[0], 2 * activations[1])

    def test_batches_made_ahead_by_a_thread(self):
        expected = self.train("never", 4, 1, "data.prefetch=never")
        for ranks in (1, 2, 3):
            self.expect_same(expected, self.train(f"always{ranks}", 4, ranks, "data.prefetch=always"), f"{ranks} ranks")
        for epochs, ranks in ((1, 2), (4, 1)):
            self.elbo("train", "small.yaml", "output=runs/ahead", "training.virtual_ranks=4", "data.prefetch=always",
                      f"training.epochs={epochs}", ranks=ranks)
        self.expect_same(expected, self.bits("ahead"), "2 -> 1")

    def test_clipping_by_the_global_norm(self):
        expected = self.train("clip1", 4, 1, "optimizer.clip=20")
        for ranks, shared in ((2, "true"), (3, "true"), (4, "false")):
            self.expect_same(expected, self.train(f"clip{ranks}", 4, ranks, "optimizer.clip=20",
                                                  f"communication.shared={shared}"), f"{ranks} ranks")
        self.assertNotEqual(expected[0], self.train("free", 4, 1)[0], "nothing was clipped")

    def test_other_optimisers(self):
        for kind in ("{kind: sgd, rate: 1e-4, momentum: 0.9}", "{kind: adamw, rate: 1e-3, weight_decay: 0.1}"):
            expected = self.train(f"{kind[7:10]}1", 4, 1, f"optimizer={kind}", "training.epochs=1")
            found = self.train(f"{kind[7:10]}3", 4, 3, f"optimizer={kind}", "training.epochs=1")
            self.expect_same(expected, found, kind)

    def test_chains_of_resumes_on_other_numbers_of_ranks(self):
        expected = self.train("whole", 4, 2)
        for epochs, ranks, shared in ((1, 4, "true"), (2, 1, "true"), (3, 3, "false"), (4, 3, "true")):
            self.elbo("train", "small.yaml", "output=runs/chain", "training.virtual_ranks=4", f"training.epochs={epochs}",
                      f"communication.shared={shared}", ranks=ranks)
        self.expect_same(expected, self.bits("chain"), "4 -> 1 -> 3 -> 3")

    def test_the_first_starts_ranks_are_the_runs_virtual_ranks(self):
        self.elbo("train", "small.yaml", "output=runs/default", "training.epochs=2", ranks=3)
        out = self.elbo("train", "small.yaml", "output=runs/default", ranks=1).out
        self.assertIn("3 virtual ranks", out)
        self.elbo("train", "small.yaml", "output=runs/whole", ranks=3)
        self.expect_same(self.bits("whole"), self.bits("default"), "3 ranks, then 1")

    def test_more_ranks_than_virtual_ranks(self):
        self.elbo("train", "small.yaml", "training.epochs=1", ranks=2)
        refused = self.elbo("train", "small.yaml", "training.epochs=2", "training.exact=true", ranks=3, expect=2)
        self.assertRegex(refused.err, "2 virtual ranks.*at most 2 ranks")
        out = self.elbo("train", "small.yaml", "training.epochs=2", ranks=3).out
        self.assertRegex(out, "virtual ranks 2 -> 3 from step 11")
        changes = [event for event in elbo_cli.events(self.folder / "runs/layouts") if event["event"] == "virtual_ranks"]
        self.assertEqual([(event["before"], event["after"], event["step"]) for event in changes], [(2, 3, 11)])
        self.assertRegex(self.elbo("train", "small.yaml", "output=runs/new", "training.virtual_ranks=2", ranks=3,
                                   expect=2).err, "virtual_ranks is 2.*3 ranks")

    def test_ranks_that_run_another_program_are_named(self):
        other = self.folder / "elbo"
        shutil.copy(elbo_cli.ELBO, other)
        with open(other, "ab") as program:
            program.write(b"changed")
        # One program for mpirun, which is two: some launchers cannot start several.
        chooser = self.folder / "chooser"
        chooser.write_text('#!/bin/sh\n'
                           f'[ "${{OMPI_COMM_WORLD_RANK:-$PMI_RANK}}" = 0 ] && exec "{elbo_cli.ELBO}" "$@"\n'
                           f'exec "{other}" "$@"\n', encoding="utf-8")
        chooser.chmod(0o755)
        command = [str(chooser) if word == elbo_cli.ELBO else word
                   for word in elbo_cli.command_line(["train", "small.yaml"], ranks=2)]
        result = subprocess.run(command, cwd=self.folder, env=elbo_cli.environment(), stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, encoding="utf-8", check=False)
        self.assertEqual(result.returncode, 2, result)
        self.assertRegex(result.stderr, re.compile("do not agree in the program.*rank 1", re.DOTALL))
        self.assertFalse((self.folder / "runs").exists())


if __name__ == "__main__":
    if not shutil.which("h5dump"):
        raise SystemExit("h5dump is missing: install hdf5-tools")
    unittest.main()
