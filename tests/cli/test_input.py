"""Wrong input: one message that says what to do, exit status 2, no file touched; under mpirun one message, not one a rank."""
import os
import unittest

import elbo_cli


class Input(elbo_cli.Case):
    def setUp(self):
        super().setUp()
        self.small_run()
        self.before = self.files()

    def refused(self, *arguments, **options):
        """Runs elbo, which must refuse and leave no trace; returns the message."""
        result = self.elbo(*arguments, expect=2, **options)
        self.assertEqual(self.files(), self.before, result)
        self.assertEqual(result.out, "", result)
        self.assertEqual(result.err.count("elbo:"), 1, result)
        return result.err

    def test_wrong_words_get_the_nearest(self):
        self.assertIn("did you mean train?", self.refused("tarin", "small.yaml"))
        self.assertIn("did you mean inspect?", self.refused("inspct", "small.yaml"))
        self.assertIn("--fresh", self.refused("train", "small.yaml", "--frsh"))
        self.assertIn("elbo train --reference", self.refused("train"))

    def test_numbers_that_are_none(self):
        samples = ("evaluate", "runs/x", "--samples")
        for words, said in (((*samples, "1.5"), "--samples: expected a whole number from 0 on, found '1.5'"),
                            ((*samples, "-3"), "--samples: expected a whole number from 0 on, found '-3'"),
                            ((*samples, "9" * 30), "--samples: expected a whole number from 0 on within its range"),
                            (("bench", "--bandwidth", "fast"), "--bandwidth: expected a number, found 'fast'")):
            self.assertRegex(self.refused(*words), said)

    def test_every_mistake_of_a_configuration_at_once(self):
        (self.folder / "small.yaml").write_text(
            "output: runs/x\n"
            "sead: 1\n"
            "data: {train: sprites.h5, binarise: dynamic}\n"
            "model:\n"
            "  latent: -3\n"
            "  encoder: [{dens: 16}]\n"
            "  decoder: [{dense: 16}]\n"
            "  activation: rleu\n"
            "optimizer: {kind: adma}\n"
            "training: {epochs: many, batch: 50, batch: 60}\n", encoding="utf-8")
        message = self.refused("train", "small.yaml")
        for line, words in ((2, "seed"), (3, "data.binarize"), (5, "latent"), (6, "dense"), (8, "relu"), (9, "adam"),
                            (10, "epochs"), (10, "batch")):
            self.assertRegex(message, f"small.yaml:{line}: .*{words}")

    def test_overrides_are_checked_like_the_file(self):
        self.assertRegex(self.refused("train", "small.yaml", "training.epoch=3"), "command line.*training.epochs")
        self.assertIn("command line", self.refused("train", "small.yaml", "training.epochs=soon"))
        self.assertIn("key=value", self.refused("train", "small.yaml", "fresh"))
        self.assertIn("items [0] to [0]", self.refused("train", "small.yaml", "model.encoder[1].dense=3"))
        self.assertIn("found 'x'", self.refused("train", "small.yaml", "model.encoder[0].dense=x"))
        self.elbo("inspect", "small.yaml", "model.encoder[0].dense=17")

    def test_missing_and_wrong_files(self):
        self.assertIn("nowhere.yaml", self.refused("train", "nowhere.yaml"))
        self.assertIn("nowhere.h5", self.refused("train", "small.yaml", "data.train=nowhere.h5"))
        self.assertIn("/train/x", self.refused("train", "small.yaml", "data.train=sprites.h5:/train/z"))
        self.assertIn("small.yaml", self.refused("train", "small.yaml", "data.train=small.yaml"))
        self.assertIn("nowhere.h5", self.refused("inspect", "nowhere.h5"))
        self.assertIn("nowhere", self.refused("convert", "nowhere", "out.h5"))

    def test_outputs_that_cannot_be(self):
        """Refused before the data are read, by the name of what stands in the way."""
        (self.folder / "nowhere").symlink_to("gone/run")
        self.before = self.files()
        for output, reason in (("sprites.h5/run", "sprites.h5 is a file"), ("sprites.h5", "is a file"),
                               ("/proc/nothing/run", "/proc takes no new folders"),
                               ("nowhere", "is a link to gone/run, which does not exist"),
                               ("x" * 300, "File name too long")):
            for ranks in (None, 3):
                message = self.refused("train", "small.yaml", f"output={output}", ranks=ranks)
                self.assertIn(output, message)
                self.assertIn(reason, message)
        self.assertIn("sprites.h5: is a file", self.refused("convert", "sprites", "sprites.h5/x.h5"))
        self.assertIn("sprites.h5 is a file", self.refused("train", "small.yaml", "output=sprites.h5/x", "--rehearse"))

    def test_a_dataset_cut_short(self):
        whole = (self.folder / "sprites.h5").read_bytes()
        (self.folder / "sprites.h5").write_bytes(whole[:len(whole) // 2])
        self.assertIn("sprites.h5", self.refused("train", "small.yaml"))
        self.assertIn("sprites.h5", self.refused("inspect", "sprites.h5"))

    def test_validation_of_another_shape(self):
        elbo_cli.sprites(self.folder / "large.h5", size=16)
        self.before = self.files()
        message = self.refused("train", "small.yaml", "data.validation=large.h5:/test/x")
        self.assertIn("16 x 16", message)
        self.assertIn("8 x 8", message)

    def test_a_plateau_needs_validation(self):
        message = self.refused("train", "small.yaml", "data.validation=~", "optimizer.rate={start: 1e-3, decay: plateau}")
        self.assertIn("data.validation", message)

    def test_one_message_whatever_the_number_of_ranks(self):
        for ranks in (1, 2, 4):
            for arguments in (("train", "small.yaml", "training.epoch=3"), ("train", "nowhere.yaml"),
                              ("train", "small.yaml", "data.train=nowhere.h5"), ("tarin",), ("train", "--frsh")):
                result = self.elbo(*arguments, ranks=ranks, expect=2)
                self.assertEqual(result.err.count("elbo:"), 1, result)
                self.assertEqual(self.files(), self.before)

    def test_an_output_that_exists_is_not_converted_over(self):
        self.assertIn("--force", self.refused("convert", "sprites", "sprites.h5"))
        self.elbo("convert", "sprites", "sprites.h5", "--train", 9, "--test", 3, "--size", 8, "--force")
        self.assertIn("9 x 8 x 8", self.elbo("inspect", "sprites.h5").out)

    def test_a_damaged_source_leaves_no_file(self):
        (self.folder / "train-images-idx3-ubyte").write_bytes(bytes([0, 0, 8, 3]) + bytes(12) + b"short")
        self.before = self.files()
        self.assertIn("train-images-idx3-ubyte", self.refused("convert", "train-images-idx3-ubyte", "out.h5"))

    def test_divergence_ends_with_its_own_status(self):
        result = self.elbo("train", "small.yaml", "optimizer.rate=1e30", "optimizer.kind=sgd", expect=3)
        self.assertIn("diverged", result.err)
        self.assertEqual(elbo_cli.status(self.folder / "runs/small")["exit"], 3)
        self.elbo("train", "small.yaml", "optimizer.rate=1e30", "optimizer.kind=sgd", "--fresh", ranks=3, expect=3)


class Launchers(elbo_cli.Case):
    def test_copies_that_mpi_does_not_know_of_are_refused(self):
        config = self.small_run()
        before = self.files()
        for environment, word in (({"SLURM_NTASKS": 4, "SLURM_PROCID": 0}, "srun"),
                                  ({"SLURM_STEP_NUM_TASKS": 2, "SLURM_PROCID": 1}, "srun"),
                                  ({"PMI_SIZE": 2, "PMI_RANK": 0}, "mpiexec"),
                                  ({"MV2_COMM_WORLD_SIZE": 2, "MV2_COMM_WORLD_RANK": 0}, "MVAPICH")):
            result = self.elbo("train", config, env=environment, expect=2)
            self.assertEqual(self.files(), before)
            if "0" in map(str, environment.values()):
                self.assertIn(word, result.err)
                self.assertIn("mpirun", result.err)

    def test_one_process_of_a_job_is_no_copy(self):
        config = self.small_run()
        self.elbo("train", config, env={"SLURM_NTASKS": 1, "SLURM_PROCID": 0})
        # A batch script's own environment names the job's tasks: its mpirun knows better.
        self.elbo("train", config, "--fresh", ranks=1, env={"SLURM_NTASKS": 4, "SLURM_PROCID": 0})

    def test_commands_without_mpi_need_no_launcher(self):
        result = self.elbo("--version", env={"SLURM_NTASKS": 4, "SLURM_PROCID": 0})
        self.assertRegex(result.out, r"\n(Open MPI|MPICH) \d")
        self.assertEqual(os.listdir(self.folder), [])


if __name__ == "__main__":
    unittest.main()
