"""model.start: values of another run to begin with, the whole model's or a part's, strictly of the same shapes."""
import unittest

import elbo_cli


class Start(elbo_cli.Case):
    def setUp(self):
        super().setUp()
        self.small_run(train=300, test=60)
        self.first = self.train("output=runs/first", "training.epochs=4")

    def train(self, *arguments, **options):
        return self.elbo("train", "small.yaml", *arguments, **options)

    def elbo_after(self, output, epoch):
        lines = [line for line in elbo_cli.metrics(self.folder / output, "validation") if line["epoch"] == epoch]
        return lines[0]["elbo"]

    def test_a_run_begins_with_the_values_of_another_s_best_checkpoint(self):
        for ranks in (None, 3):
            output = f"runs/second{ranks}"
            begun = self.train(f"output={output}", "model.start=runs/first", "training.epochs=1", ranks=ranks)
            self.assertRegex(begun.out, r"values   \S*runs/first/checkpoints/step-\d+\.h5: whole model, \d+ arrays, ")
            taken = [event for event in elbo_cli.events(self.folder / output) if event["event"] == "start_values"]
            self.assertEqual(len(taken), 1)
            # It goes on from what was learnt, in a first epoch of its own with a fresh optimiser.
            self.assertGreater(self.elbo_after(output, 1), self.elbo_after("runs/first", 1))
            self.assertEqual(elbo_cli.metrics(self.folder / output)[0]["step"], 6)
        # A resume goes on from the run's own checkpoint, and takes nothing again.
        again = self.train("output=runs/secondNone", "model.start=runs/first", "training.epochs=2")
        self.assertIn("resume", again.out)
        self.assertNotIn("values  ", again.out)

    def test_a_part_of_a_model_alone(self):
        listed = self.train("output=runs/part", "model.start=runs/first:encoder", "training.epochs=1",
                            "model.decoder=[{dense: 5}]", "-v")
        self.assertRegex(listed.out, r"values   .*: encoder, 6 arrays, ")
        self.assertIn("encoder/dense1/weight", listed.out)
        self.assertNotIn("decoder/", listed.out)

    def test_what_does_not_fit_is_refused_whole(self):
        refused = self.train("output=runs/other", "model.start=runs/first", "model.decoder=[{dense: 5}]", expect=2)
        self.assertIn("decoder/dense1/weight", refused.err)
        self.assertIn("5 x 4", refused.err)
        self.assertIn("16 x 4", refused.err)
        for wrong, said in (("runs/nowhere", "runs/nowhere"), ("sprites.h5", "sprites.h5"),
                            ("runs/first:head", "runs/first:head")):
            self.assertIn(said, self.train("output=runs/other", f"model.start={wrong}", expect=2, ranks=2).err)
        self.assertFalse((self.folder / "runs/other").exists())

    def test_another_start_is_another_model(self):
        refused = self.train("output=runs/first", "model.start=runs/elsewhere", "training.epochs=5", expect=2)
        self.assertIn("model.start", refused.err)


if __name__ == "__main__":
    unittest.main()
