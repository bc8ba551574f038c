"""Convolutional models: the same bits on any number of ranks and after a resume, shapes shown, what does not fit refused."""
import json
import re
import unittest

import elbo_cli

CONFIGURATION = """\
output: runs/conv
data: {train: "sprites.h5:/train/x", validation: "sprites.h5:/test/x"}
model:
  latent: 3
  activation: gelu
  encoder:
    - {conv: 6, kernel: 4, stride: 2, padding: 1}
    - {conv: 5, activation: relu, padding: 1}
    - flatten
    - dense: 20
  decoder:
    - dense: 96
    - reshape: [4, 4, 6]
    - {deconv: 4, kernel: 4, stride: 2, padding: 1}
  output:
    - {deconv: 1, kernel: 4, stride: 2, padding: 1}
  likelihood: bernoulli
optimizer: {kind: adam, rate: 1e-3}
training: {epochs: 2, batch: 30, virtual_ranks: 4}
checkpoint: {every: {steps: 3}}
"""

# Every other layer of images; dropout and normalisation depend on nothing but the sample.
BLOCKS = """\
output: runs/blocks
data: {train: "sprites.h5:/train/x", validation: "sprites.h5:/test/x"}
model:
  latent: 3
  encoder:
    - {conv: 8, kernel: 4, stride: 2, padding: 1, activation: identity}
    - {group_norm: 2, activation: relu}
    - dropout: 0.1
    - residual:
        - {conv: 8, padding: 1, activation: identity}
        - {group_norm: 4, activation: silu}
        - {conv: 8, padding: 1}
    - dense: 20
    - layer_norm
  decoder:
    - dense: 128
    - reshape: [4, 4, 8]
    - upsample: 2
    - {residual: [{conv: 8, padding: 1}, dropout: 0.2], activation: tanh}
    - upsample: 2
  output:
    - {conv: 1, padding: 1}
  likelihood: bernoulli
optimizer: {kind: adam, rate: 1e-3}
training: {epochs: 2, batch: 30, virtual_ranks: 4}
"""


class Convolution(elbo_cli.Case):
    def setUp(self):
        super().setUp()
        self.small_run(CONFIGURATION, size=16)

    def train(self, output, *overrides, **how):
        return self.elbo("train", "small.yaml", f"output=runs/{output}", *overrides, **how)

    def check_bits_on_any_number_of_ranks(self):
        has_bf16 = "bf16" in self.elbo("--version").out
        for precision in ("fp32", "bf16") if has_bf16 else ("fp32",):
            results = []
            for ranks in (None, 2, 3, 4):
                run = f"{precision}-{ranks}"
                self.train(run, f"training.precision={precision}", ranks=ranks)
                folder = self.folder / "runs" / run
                results.append((elbo_cli.bits(folder), elbo_cli.figures(folder)))
            for result in results[1:]:
                self.assertEqual(result, results[0])
            first, last = (result["elbo"] for result in elbo_cli.metrics(folder, "validation"))
            self.assertGreater(last, first)

    def test_the_same_bits_on_any_number_of_ranks(self):
        self.check_bits_on_any_number_of_ranks()

    def test_blocks_give_the_same_bits_on_any_number_of_ranks_and_after_a_resume(self):
        (self.folder / "small.yaml").write_text(BLOCKS, encoding="utf-8")
        self.check_bits_on_any_number_of_ranks()
        self.train("parts", "training.epochs=1", ranks=3)
        self.train("parts", ranks=2)
        self.assertEqual(elbo_cli.bits(self.folder / "runs/parts"), elbo_cli.bits(self.folder / "runs/fp32-None"))

    def test_the_configuration_of_a_run_with_blocks_reads_as_itself(self):
        (self.folder / "small.yaml").write_text(BLOCKS, encoding="utf-8")
        self.train("first", "training.epochs=1")
        kept = (self.folder / "runs/first/configuration.yaml").read_text(encoding="utf-8")
        self.assertIn("{residual: [{conv: 8, kernel: 3, stride: 1, padding: 1, activation: identity}, ", kept)
        (self.folder / "again.yaml").write_text(kept, encoding="utf-8")
        self.elbo("train", "again.yaml", "output=runs/second")
        again = (self.folder / "runs/second/configuration.yaml").read_text(encoding="utf-8")
        self.assertEqual(again, kept.replace("runs/first", "runs/second"))

    def test_a_resume_on_another_number_of_ranks(self):
        self.train("whole")
        self.train("parts", "training.epochs=1", ranks=3)
        self.train("parts", ranks=2)
        whole, parts = (self.folder / "runs" / name for name in ("whole", "parts"))
        self.assertEqual(elbo_cli.bits(parts), elbo_cli.bits(whole))

    def test_shapes_are_shown(self):
        out = self.elbo("inspect", "small.yaml").out
        text = " ".join(out.split())
        self.assertIn("encoder 16 x 16 conv1 8 x 8 x 6 conv2 8 x 8 x 5 flatten1 320 dense1 20 "
                      "decoder 3 dense1 96 reshape1 4 x 4 x 6 deconv1 8 x 8 x 4 output 16 x 16 x 1 parameters", text)
        self.assertRegex(out, r"decoder/output/weight +4 x 1 x 4 x 4 +64")
        for line in out.splitlines():
            self.assertLessEqual(len(line), 80, line)

    def test_what_does_not_fit_is_refused_before_anything_is_made(self):
        for key, message in (
                ("model.decoder=[{dense: 96}, {deconv: 4}]", r"decoder/deconv1: images .* the input is 96: put a reshape"),
                ("model.decoder=[{dense: 96}, {reshape: [4, 4, 5]}]", r"4 x 4 x 5 has 80 elements, but its input, 96"),
                ("model.output=[{deconv: 2, kernel: 4, stride: 2, padding: 1}]", r"makes 16 x 16 x 2 of 8 x 8 x 4, but"),
                ("model.output=[{dense: 256}, {dense: 256}]", r"model.output has 2 layers; expected one"),
                ("model.encoder=[{conv: 4, kernel: 20}]", r"a kernel of 20 .* does not fit 16 x 16"),
                ("model.encoder=[{conv: 4, kernel: 3, padding: 3}]", r"a kernel of 3 takes a padding of at most 2, not 3"),
                ("model.encoder=[{conv: 4, kernl: 3}]", r"did you mean kernel"),
                ("model.encoder=[{conv: 0}]", r"from 1"),
                ("model.encoder=[{residual: [{conv: 4}]}]", r"encoder/residual1: the block makes 14 x 14 x 4 of 16 x 16,"),
                ("model.encoder=[{residual: [{conv: 4, kernl: 3}]}]", r"did you mean kernel"),
                ("model.encoder=[{residual: 3}]", r"expected a list of layers, found '?3"),
                ("model.encoder=[residual]", r"residual needs a value"),
                ("model.encoder=[{conv: 9}, {group_norm: 2}]", r"the 9 channels of 14 x 14 x 9 do not make 2 groups"),
                ("model.encoder=[{dense: 9}, {dropout: 1}]", r"above 0 and below 1")):
            with self.subTest(key):
                self.assertRegex(" ".join(self.train("wrong", key, expect=2).err.split()), message)
                self.assertFalse((self.folder / "runs/wrong").exists())

    def test_another_output_is_another_model(self):
        self.train("run", "training.epochs=1")
        self.assertIn("model.output", self.train("run", "model.output=~", expect=2).err)

    def test_a_step_copies_weights_alone(self):
        found = json.loads(self.elbo("bench", "small.yaml", "--seconds", 0.2, "--json", "-").out)
        self.assertEqual(found["own_allocations"], 0)
        self.assertEqual(found["large_allocations"], 0)
        self.assertEqual(found["reorders"], 0)
        # By oneDNN: four convolutions for each of four virtual ranks, at most forward, to the input and to the weight.
        threads = json.loads(self.elbo("bench", "small.yaml", "training.threads=2", "--seconds", 0.2, "--json", "-").out)
        self.assertGreater(threads["reorders"], 0)
        self.assertLessEqual(threads["reorders"], 4 * (4 * 3 - 1))
        self.assertRegex(re.sub(" +", " ", self.elbo("bench", "small.yaml", "--seconds", 0.2).out),
                         f"reorders {found['reorders']} a step and rank")


if __name__ == "__main__":
    unittest.main()
