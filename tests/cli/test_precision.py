"""training.precision: bf16 where the CPU has it, fp32 with a message where it has not, and what a run keeps of it."""
import subprocess
import unittest

import elbo_cli

# oneDNN's own switch: kernels as on a CPU without bf16.
WITHOUT = {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE", "DNNL_MAX_CPU_ISA": "AVX512_CORE"}


class Precision(elbo_cli.Case):
    def setUp(self):
        super().setUp()
        self.small_run(elbo_cli.CONFIGURATION)
        self.has_bf16 = "bf16" in self.elbo("--version").out

    def parameters(self, output):
        return subprocess.run(["h5dump", "-g", "/parameters", "-m", "%.9g",
                               self.folder / "runs" / output / "checkpoints/latest.h5"], check=True,
                              stdout=subprocess.PIPE).stdout.split(b"\n", 1)[1]

    def precision_events(self, output):
        return [event for event in elbo_cli.events(self.folder / "runs" / output) if event["event"] == "precision"]

    def used(self, output):
        out = self.elbo("inspect", f"runs/{output}/checkpoints/latest.h5").out
        return next(line.split()[1] for line in out.splitlines() if line.split()[:1] == ["precision"])

    def train(self, output, *overrides, **how):
        return self.elbo("train", "small.yaml", f"output=runs/{output}", *overrides, **how)

    def test_bf16_is_near_fp32_and_not_the_same(self):
        if not self.has_bf16:
            self.skipTest("this CPU has no bf16 products")
        self.train("fp32", "training.epochs=4")
        out = self.train("bf16", "training.epochs=4", "training.precision=bf16").out
        self.assertIn("products bf16", out)
        self.assertEqual((self.used("fp32"), self.used("bf16")), ("fp32", "bf16"))
        self.assertEqual(self.precision_events("bf16"), [])
        self.assertNotEqual(self.parameters("fp32"), self.parameters("bf16"))
        ours, theirs = (elbo_cli.metrics(self.folder / "runs" / name)[-1]["elbo"] for name in ("fp32", "bf16"))
        # Rounding by 2^-9 at most, over 16 steps from the same start.
        self.assertAlmostEqual(ours, theirs, delta=0.005 * abs(ours))

    def test_without_bf16_it_is_fp32_with_a_message_and_an_event(self):
        for ranks in (None, 2):
            name = f"fallen{ranks}"
            result = self.train(name, "training.precision=bf16", env=WITHOUT, ranks=ranks)
            said = result.out + result.err
            self.assertRegex(said, "training.precision is bf16, but oneDNN .* has no bf16 products: fp32 is used")
            self.assertNotIn("products bf16", said)
            self.assertEqual([(e["asked"], e["used"]) for e in self.precision_events(name)], [("bf16", "fp32")])
            self.assertEqual(self.used(name), "fp32")
            self.train(f"plain{ranks}", env=WITHOUT, ranks=ranks)
            self.assertEqual(self.parameters(name), self.parameters(f"plain{ranks}"))

    def test_a_resume_without_bf16_goes_on_in_fp32_unless_it_must_be_exact(self):
        if not self.has_bf16:
            self.skipTest("this CPU has no bf16 products")
        self.train("run", "training.precision=bf16", "training.epochs=1")
        refused = self.train("run", "training.precision=bf16", "training.exact=true", env=WITHOUT, expect=2)
        self.assertRegex(refused.err, "bf16.*training.exact")
        self.train("run", "training.precision=bf16", env=WITHOUT)
        self.assertEqual(self.used("run"), "fp32")
        self.assertEqual(len(self.precision_events("run")), 1)

    def test_changing_it_on_a_resume_is_said(self):
        self.train("run", "training.epochs=1")
        out = self.train("run", "training.precision=bf16").out
        self.assertIn("training.precision: fp32 -> bf16", out)

    def test_words(self):
        refused = self.train("run", "training.precision=bf61", expect=2)
        self.assertRegex(refused.err, "training.precision.*bf61.*bf16")

    def test_inspect_counts_the_copy_and_smaller_activations(self):
        fp32, bf16 = (self.elbo("inspect", "small.yaml", f"training.precision={word}").out for word in ("fp32", "bf16"))
        self.assertIn("in fp32", fp32)
        self.assertIn("in bf16", bf16)
        self.assertIn("values and their bf16 copy", bf16)


if __name__ == "__main__":
    unittest.main()
