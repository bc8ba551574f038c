"""What training says of a model on its way: bounds on the log-likelihood every so many epochs, and posterior collapse."""
import json
import re
import unittest

import elbo_cli

WEIGHTED = ["evaluate.every=2", "evaluate.samples=30", "training.epochs=4", "training.virtual_ranks=3"]

# Twenty epochs of 50 steps, and a weight of the KL under which no code is worth its price.
COLLAPSING = ["objective.beta=60", "training.batch=4", "training.epochs=20", "optimizer.rate=2e-3"]


def bounds(run):
    return {line["epoch"]: line["bound_30"] for line in elbo_cli.metrics(run, "validation") if "bound_30" in line}


class Bounds(elbo_cli.Case):
    def test_every_second_epoch_and_the_same_on_any_number_of_ranks(self):
        name = self.small_run(test=57)  # blocks of 17 at most: the last one is short
        said = self.elbo("train", name, "output=runs/1", *WEIGHTED).out
        figures = elbo_cli.figures(self.folder / "runs/1")
        self.assertEqual(sorted(bounds(self.folder / "runs/1")), [2, 4])
        for ranks in (2, 3):
            self.elbo("train", name, f"output=runs/{ranks}", *WEIGHTED, ranks=ranks)
            self.assertEqual(elbo_cli.figures(self.folder / f"runs/{ranks}"), figures)
        last = elbo_cli.metrics(self.folder / "runs/1", "validation")[-1]
        self.assertGreater(last["bound_30"], last["elbo"])
        self.assertIn(f"validation L_30 {last['bound_30']:.2f}, {last['bound_30'] - last['elbo']:.2f} above the ELBO", said)
        self.assertEqual(said.count("validation L_30"), 2)

    def test_it_is_what_evaluate_says_of_the_checkpoint(self):
        self.elbo("train", self.small_run(test=57), *WEIGHTED)
        self.elbo("evaluate", "runs/small", "--checkpoint", "latest", "--samples", 30, "--json", "figures.json")
        figures = json.loads((self.folder / "figures.json").read_text(encoding="utf-8"))
        last = elbo_cli.metrics(self.folder / "runs/small", "validation")[-1]
        # The same noise on the same samples; products of other numbers of rows sum in another order.
        self.assertAlmostEqual(last["bound_30"], figures["bound_30"]["mean"], delta=1e-4)
        self.assertAlmostEqual(last["kl"], figures["kl"]["mean"], delta=1e-4)
        self.assertEqual(last["active_units"], figures["active_units"])

    def test_a_run_that_was_stopped_ends_with_the_same_lines(self):
        name = self.small_run(test=57)
        self.elbo("train", name, "output=runs/whole", *WEIGHTED)
        self.elbo("train", name, "output=runs/parts", *WEIGHTED, "training.epochs=1")
        self.elbo("train", name, "output=runs/parts", *WEIGHTED, "training.epochs=3", ranks=2)
        self.elbo("train", name, "output=runs/parts", *WEIGHTED)
        self.assertEqual(elbo_cli.figures(self.folder / "runs/parts"), elbo_cli.figures(self.folder / "runs/whole"))

    def test_without_validation_data_it_is_refused(self):
        name = self.small_run()
        error = self.elbo("train", name, "data.validation=~", "evaluate.every=1", expect=2).err
        self.assertIn("evaluate.every goes by validation data, but data.validation is not set", error)
        self.assertIn("evaluate.samples", self.elbo("train", name, "evaluate.samples=0", expect=2).err)
        self.assertEqual(self.files(), ["small.yaml", "sprites.h5"])

    def test_rehearsal_and_inspect_know_of_it(self):
        name = self.small_run()
        self.elbo("train", name, "--rehearse", "evaluate.every=1")

        def planned(*more):
            out = self.elbo("inspect", name, "training.batch=200", "model.latent=2000", *more).out
            return next(line for line in out.splitlines() if "activations and batches" in line)
        self.assertNotEqual(planned("evaluate.every=1"), planned())


class Collapse(elbo_cli.Case):
    def collapses(self, run="runs/small"):
        return [event for event in elbo_cli.events(self.folder / run) if event["event"] == "collapse"]

    def test_it_is_told_once_with_what_to_try(self):
        name = self.small_run()
        first = self.elbo("train", name, *COLLAPSING)
        told = re.findall(r"the posterior has collapsed: after epoch 20 0 of 4 latents have a KL above 0.1 nats, \S+ nats all "
                          "together; try a longer objective.warmup, a smaller objective.beta, a weaker decoder or a smaller "
                          "model.latent", first.err)
        self.assertEqual(len(told), 1, first.err)
        again = self.elbo("train", name, *COLLAPSING, "training.epochs=22")
        self.assertEqual(again.err, "")
        event, = self.collapses()
        self.assertEqual((event["epoch"], event["latents"], event["telling"]), (20, 4, 0))
        self.assertLess(event["kl"], 0.1)

    def test_without_validation_data_the_training_samples_tell(self):
        said = self.elbo("train", self.small_run(), *COLLAPSING, "data.validation=~", ranks=2)
        self.assertEqual(said.err.count("the KL of all 4 latents together is"), 1, said.err)

    def test_a_model_that_uses_its_codes_and_one_in_warm_up_are_left_alone(self):
        name = self.small_run()
        self.elbo("train", name, *COLLAPSING, "objective.beta=0.1", "output=runs/good")
        self.assertEqual(self.collapses("runs/good"), [])
        self.elbo("train", name, *COLLAPSING, "objective.warmup=30", "output=runs/warming")
        self.assertEqual(self.collapses("runs/warming"), [])

    def test_most_latents_without_use_are_told_of(self):
        # At this weight sixty latents share less than two nats.
        said = self.elbo("train", self.small_run(), *COLLAPSING, "objective.beta=1", "model.latent=60",
                         "optimizer.rate=5e-3")
        event, = self.collapses()
        self.assertGreater(event["kl"], 0.1)
        self.assertLessEqual(event["telling"], 6)
        self.assertIn("the posterior has nearly collapsed", said.err)


if __name__ == "__main__":
    unittest.main()
