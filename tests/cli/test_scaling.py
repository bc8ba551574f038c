"""elbo bench --scaling: constants that add up to a step, predictions that follow from them, what it refuses."""
import json
import unittest

import elbo_cli

CONFIGURATION = """\
output: runs/bench
data: {train: "nowhere.h5:/train/x", binarize: dynamic}
model:
  latent: 4
  encoder: [{dense: 128}]
  decoder: [{dense: 128}]
optimizer: {kind: adam, rate: 1e-3}
training: {epochs: 5, batch: 64}
"""
BASE = ("bench", "small.yaml", "data.shape=[16, 16]", "--seconds", 0.3)


class Scaling(elbo_cli.Case):
    def setUp(self):
        super().setUp()
        (self.folder / "small.yaml").write_text(CONFIGURATION, encoding="utf-8")

    def scaling(self, *arguments, ranks=None, **options):
        return self.elbo(*BASE, "--scaling", *arguments, ranks=ranks, **options)

    def figures(self, *arguments, ranks=None):
        return json.loads(self.scaling("--json", "-", *arguments, ranks=ranks).out)

    def test_constants_of_one_rank_add_up_to_its_step(self):
        found = self.figures("--nodes", "1,2", "--bandwidth", "1", "--ranks-per-node", 1)
        self.assertEqual((found["ranks"], found["nodes"], found["rows"], found["fewer_rows"]), (1, 1, 64, 16))
        costs = found["costs"]
        step = sum(costs[name]["fixed"] + 64 * costs[name]["a_row"] for name in ("data", "forward", "backward"))
        step += costs["other"] + costs["update"] * found["parameters"]
        one, two = (found["predictions"]["1000"][nodes] for nodes in "12")
        self.assertAlmostEqual(one["seconds_a_step"], step, places=9)
        self.assertAlmostEqual(one["efficiency"], 1, places=9)
        # Medians of phases beside the median of steps; other programs may disturb some of them.
        self.assertLess(abs(step / found["seconds_a_step"] - 1), 0.5)
        self.assertNotIn("route", one)
        self.assertEqual(two["route"], "direct")
        self.assertGreater(two["seconds_a_step"], one["seconds_a_step"])
        self.assertNotIn("network", found)
        self.assertEqual((costs["byte"], costs["message"], costs["wait"]), (0, 0, 0))

    def test_measured_on_two_ranks_and_on_two_nodes(self):
        shared = self.figures("--nodes", 1, "--bandwidth", 1, ranks=2)
        self.assertEqual((shared["ranks"], shared["nodes"], shared["rows"]), (2, 1, 32))
        self.assertNotIn("network", shared)
        apart = self.figures("communication.shared=false", "--nodes", 4, ranks=2)
        self.assertEqual((apart["ranks"], apart["nodes"]), (2, 2))
        self.assertGreater(apart["network"]["bandwidth"], 0)
        # Without --bandwidth it is the measured one's.
        self.assertEqual(list(apart["predictions"]), [f"{apart['network']['bandwidth'] * 8 / 1e6:.0f}"])

    def test_predictions_by_bandwidth_and_nodes(self):
        found = self.figures("--bandwidth", "0.1,200", "--ranks-per-node", 8)["predictions"]
        self.assertEqual(list(found), ["100", "200000"])
        slow, fast = found.values()
        nodes = [str(2**i) for i in range(11)]
        self.assertEqual([key for key in slow if key != "below_90"], nodes)
        for count in nodes[1:]:
            self.assertLessEqual(fast[count]["seconds_a_step"], slow[count]["seconds_a_step"])
            parts = sum(slow[count][name] for name in ("compute", "sums", "update", "driving", "left", "memory"))
            self.assertAlmostEqual(parts, slow[count]["seconds_a_step"], places=9)
        self.assertEqual(slow["below_90"], 2)

    def test_the_text_fits_80_columns_and_says_what_moves_the_point(self):
        for ranks in (None, 2):
            out = self.scaling("--nodes", "1,128", "--bandwidth", "0.1,25", "--ranks-per-node", 64, ranks=ranks).out
            for words in ("cost", "0.1 Gb/s a node (given), latency 20 us (assumed)", "64 ranks a node",
                          "efficiency falls below 90 %: at 2 nodes", "communication.precision=bf16",
                          "twice the bandwidth"):
                self.assertIn(words, out)
            for line in out.splitlines():
                self.assertLessEqual(len(line), 80, line)
        clipped = self.scaling("--bandwidth", "0.1", "optimizer.clip=5").out
        self.assertIn("optimizer.clip=~", clipped)

    def test_settings_of_the_exchange_count(self):
        given = ("--nodes", 64, "--bandwidth", 1, "--ranks-per-node", 4)
        plain = self.figures(*given)["predictions"]["1000"]["64"]
        halved = self.figures(*given, "communication.precision=bf16")["predictions"]["1000"]["64"]
        chosen = self.figures(*given, "communication.route=direct")["predictions"]["1000"]["64"]
        self.assertLess(halved["exchange"], plain["exchange"])
        self.assertEqual(chosen["route"], "direct")
        self.assertGreater(chosen["exchange"], plain["exchange"])

    def test_refusals(self):
        for arguments, words in ((("--nodes", 0), "--nodes: expected numbers from 1 to 4096, found 0"),
                                 (("--nodes", "2,-1"), "found -1"),
                                 (("--nodes", "many"), "--nodes"),
                                 (("--bandwidth", -25), "--bandwidth: expected a number above 0"),
                                 (("--bandwidth", "nan"), "--bandwidth"),
                                 (("--latency", 0), "--latency"),
                                 (("--ranks-per-node", 0), "--ranks-per-node"),
                                 (("--cores", 0), "--cores"), (("--memory", -1), "--memory")):
            result = self.scaling(*arguments, expect=2)
            self.assertIn(words, result.err)
            self.assertEqual(result.err.count("\n"), 1, result.err)
        for option in ("--nodes", "--bandwidth", "--latency", "--ranks-per-node", "--cores", "--memory"):
            result = self.elbo(*BASE, option, 1, expect=2)
            self.assertIn(f"{option} requires --scaling", result.err)
        self.assertNotEqual(self.scaling("--nodes", 0, ranks=2, expect=None).status, 0)


if __name__ == "__main__":
    unittest.main()
