"""elbo bench: what it reports, on 1 to 4 ranks, with and without a dataset, and that it leaves nothing behind."""
import json
import re
import unittest

import elbo_cli

CONFIGURATION = """\
output: runs/bench
data: {train: "nowhere.h5:/train/x", validation: "nowhere.h5:/test/x", binarize: dynamic}
model:
  latent: 4
  encoder: [{dense: 32}]
  decoder: [{dense: 32}]
optimizer: {kind: adam, rate: 1e-3, clip: 50}
training: {epochs: 5, batch: 96, patience: 2}
"""
# 64-32, 32-4 twice, 4-32, 32-64, each with its biases.
PARAMETERS = 64 * 32 + 32 + 2 * (32 * 4 + 4) + 4 * 32 + 32 + 32 * 64 + 64
PRODUCTS = 64 * 32 + 32 * 8 + 4 * 32 + 32 * 64


class Bench(elbo_cli.Case):
    def setUp(self):
        super().setUp()
        (self.folder / "small.yaml").write_text(CONFIGURATION, encoding="utf-8")

    def figures(self, *arguments, ranks=None, **options):
        out = self.elbo("bench", "small.yaml", "data.shape=[8, 8]", "--seconds", 0.3, "--json", "-", *arguments,
                        ranks=ranks, **options).out
        return json.loads(out)

    def test_figures_on_any_number_of_ranks(self):
        for ranks in (1, 2, 3, 4):
            found = self.figures(ranks=ranks)
            self.assertEqual((found["ranks"], found["nodes"], found["batch"]), (ranks, 1, 96))
            self.assertEqual((found["precision"], found["threads"]), ("fp32", 1))
            self.assertEqual(found["parameters"], PARAMETERS)
            self.assertEqual(found["flops_per_sample"], 2 * (3 * PRODUCTS - 64 * 32))
            self.assertEqual(set(found["phases"]),
                             {"data", "forward", "backward", "exchange", "messages", "update", "wait", "other"})
            self.assertGreater(found["phases"]["forward"], 0)
            # The phases are all of a step. Those of a rank are summed over all repeats, of which the median is shown.
            step = sum(found["phases"].values())
            self.assertLess(step, 96 / found["samples_per_second_least"] * 1.01)
            self.assertGreater(step, 96 / found["samples_per_second_most"] * 0.3)
            self.assertAlmostEqual(found["seconds_a_step"] * found["samples_per_second"], 96, places=6)
            self.assertAlmostEqual(found["gflops"] * 1e9, found["flops_per_sample"] * found["samples_per_second"],
                                   delta=1)
            self.assertAlmostEqual(found["share_of_peak"], found["gflops"] / found["peak_gflops"])
            self.assertLessEqual(found["fastest"]["work"], found["slowest"]["work"])
            self.assertIn(found["slowest"]["rank"], range(ranks))
            self.assertGreater(found["memory_bytes"], 2**20)

    @unittest.skipIf(elbo_cli.SANITIZED, "sanitizers allocate for themselves")
    def test_a_step_allocates_nothing_of_its_own(self):
        for arguments in ((), ("optimizer.clip=~",), ("training.virtual_ranks=5",), ("communication.shared=false",)):
            for ranks in (1, 3):
                found = self.figures(*arguments, ranks=ranks)
                self.assertEqual((found["own_allocations"], found["large_allocations"]), (0, 0), arguments)
                self.assertLessEqual(found["largest_allocation"], 4096)

    def test_bytes_exchanged(self):
        alone = self.figures()
        self.assertEqual((alone["bytes_exchanged"], alone["bytes_sent"], alone["bytes_read"]), (0, 0, 0))
        shared = self.figures(ranks=3)
        apart = self.figures("communication.shared=false", "communication.route=direct", ranks=3)
        self.assertEqual((shared["bytes_sent"], apart["bytes_read"]), (0, 0))
        self.assertEqual(apart["nodes"], 3)
        # Two gradients are read by somebody; each of three ranks sends its own to two. Behind it stand a few wishes.
        self.assertAlmostEqual(shared["bytes_read"], 2 * 4 * PARAMETERS, delta=2 * 128)
        self.assertAlmostEqual(apart["bytes_sent"], 6 * 4 * PARAMETERS, delta=6 * 128)
        self.assertEqual(apart["bytes_exchanged"], apart["bytes_sent"])

    def test_what_the_exchange_between_nodes_takes(self):
        self.assertNotIn("exchange", self.figures(ranks=2))
        apart = ("communication.shared=false",)
        for ranks in (2, 3):
            found = self.figures(*apart, ranks=ranks)["exchange"]
            self.assertIn(found["route"], ("direct", "scattered", "halving"))
            for key in ("off", "alone", "together", "bandwidth", "latency"):
                self.assertGreater(found[key], 0, key)
            self.assertGreaterEqual(found["ideal"], found["off"])
            can_be_hidden = found["off"] + found["alone"] - found["ideal"]
            self.assertEqual("overlapped" in found, can_be_hidden > 0)
            if can_be_hidden > 0:  # a rank that waits long for its core has nothing to hide anything behind
                self.assertAlmostEqual(found["overlapped"] * can_be_hidden,
                                       found["off"] + found["alone"] - found["together"], places=9)
        found = self.figures(*apart, "communication.route=halving", "communication.bucket_bytes=16384",
                             "communication.precision=bf16", ranks=4)
        sent, found = found["bytes_sent"], found["exchange"]
        self.assertEqual((found["route"], found["bucket_bytes"], found["precision"]), ("halving", 16384, "bf16"))
        buckets = -(-PARAMETERS * 4 // 16384)
        self.assertEqual((found["buckets"], found["messages"]), (buckets, buckets * 4))
        self.assertNotIn("latency", found)  # nothing had to be chosen
        # Three quarters of every element out and back, in two bytes, of each of four ranks.
        self.assertAlmostEqual(sent, 4 * 2 * 3 / 4 * 2 * PARAMETERS, delta=4 * 256)
        text = self.elbo("bench", "small.yaml", "data.shape=[8, 8]", "--seconds", 0.3, "--json", "figures.json", *apart,
                         ranks=2).out
        self.assertRegex(text, r"(?s)between      2 nodes: .*a step .* ms; .* without messages, they alone ")
        found = json.loads((self.folder / "figures.json").read_text(encoding="utf-8"))["exchange"]
        self.assertEqual(bool(re.search(r"hidden .* ms that can be: ", text)), "overlapped" in found)
        for line in text.splitlines():
            self.assertLessEqual(len(line), 80, line)

    def test_nothing_is_reordered(self):
        for precision in ("fp32", "bf16"):
            text = self.elbo("bench", "small.yaml", "data.shape=[8, 8]", "--seconds", 0.1, "--precision", precision,
                             env={"DNNL_VERBOSE": 1, "ONEDNN_VERBOSE": 1}).out
            if ",exec,cpu,matmul," not in text:
                self.skipTest("this oneDNN does not tell what it executes")
            self.assertNotIn(",reorder,", text)

    def test_precision(self):
        result = self.elbo("bench", "small.yaml", "data.shape=[8, 8]", "--seconds", 0.2, "--precision", "bf16", "--json",
                           "-")
        found = json.loads(result.out)
        self.assertEqual(found["precision"], "fp32" if "warning" in result.err else "bf16")
        self.assertEqual(found["parameters"], PARAMETERS)
        self.assertGreater(found["peak_gflops"], 0)

    def test_options(self):
        found = self.figures("--batch", 40, "--precision", "fp32", "training.virtual_ranks=4", ranks=2)
        self.assertEqual(found["batch"], 40)
        self.assertEqual(found["ranks"], 2)
        for arguments, words in ((("--batch", 0), "--batch 0: expected a number"),
                                 (("--seconds", 0), "--seconds"),
                                 (("--precision", "fp64"), "--precision fp64: expected fp32 or bf16"),
                                 (("--preccision", "fp32"), "--precision")):
            result = self.elbo("bench", "small.yaml", "data.shape=[8, 8]", *arguments, expect=2)
            self.assertIn(words, result.err)

    def test_the_text_fits_80_columns_and_a_file_holds_the_figures(self):
        before = self.files()
        for ranks in (None, 2):
            out = self.elbo("bench", "small.yaml", "data.shape=[8, 8]", "--seconds", 0.2, "--json", "figures.json",
                            ranks=ranks).out
            for words in ("samples/s", "GFLOP/s", "forward", "allocations", "reorders", "8 x 8 uint8"):
                self.assertIn(words, out)
            for line in out.splitlines():
                self.assertLessEqual(len(line), 80, line)
            self.assertIn("samples_per_second", json.loads((self.folder / "figures.json").read_text(encoding="utf-8")))
        self.assertIn("slowest", out)
        self.assertEqual(self.files(), sorted(before + ["figures.json"]))

    def test_without_a_dataset_it_says_what_to_set(self):
        for ranks in (None, 2):
            result = self.elbo("bench", "small.yaml", ranks=ranks, expect=None if ranks else 2)
            self.assertNotEqual(result.status, 0)
            self.assertIn("data.shape=[784]", result.err)

    def test_a_dataset_that_exists_gives_shape_and_type(self):
        elbo_cli.sprites(self.folder / "sprites.h5", size=8)
        out = self.elbo("bench", "small.yaml", "data.train=sprites.h5:/train/x", "--seconds", 0.1).out
        self.assertIn("192 samples of 8 x 8 uint8", out)  # two whole batches of 96; the file has 200
        wrong = self.elbo("train", "small.yaml", "data.train=sprites.h5:/train/x", "data.validation=~",
                          "training.patience=~", "data.shape=[7, 7]", expect=2)
        self.assertIn("data.shape is 7 x 7", wrong.err)


if __name__ == "__main__":
    unittest.main()
