"""The cable between two hosts is cut in the midst of a run: both sides name the other, all ends by stall_abort, no rank
is left on either; with the cable back, the same command goes on with the bits of the undisturbed run."""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cluster"))
import elbo_cli
import faults
import hosts

STALL, ABORT = 1, 4
SECONDS = 10
# When mpirun believes its daemon on the other host to be lost: after 480 s by default, before elbo's own stall_abort of
# 600; here 3 and 4. (Once it has something to tell the daemon it waits as long as TCP tries, a quarter of an hour.)
LAUNCHER = {"OMPI_MCA_oob_tcp_keepalive_time": 1, "OMPI_MCA_oob_tcp_keepalive_intvl": 1,
            "OMPI_MCA_oob_tcp_keepalive_probes": 2}


class Cable(faults.Case):
    def test_cut_in_the_midst_of_a_run(self):
        self.small_run()
        expected = self.undisturbed(ranks=3)
        run = self.run_folder("small")
        stall = (f"communication.stall_seconds={STALL}", f"communication.stall_abort={ABORT}")
        with hosts.Hosts(2) as cluster:
            for cut in (1, 0):
                before = faults.newest_step(run)
                training = self.start_on(cluster, f"said{cut}", *stall)
                training.wait_for_step(before + 100, run)
                cluster.cable(cut, "down")
                began = time.monotonic()
                mine, other = cluster.name(0), cluster.name(1)
                training.wait_for(rf"elbo: host {mine}: no progress for [\d.]+ s in step [\d,]+: .* wait for "
                                  f"other nodes: {other}")
                told = time.monotonic() - began
                self.assertLess(told, (STALL + 1.5) * faults.PATIENCE, training)
                # The daemon on the host that was cut off has news for mpirun, so it stays until TCP gives up.
                seconds = training.end(since=began, seconds=SECONDS, launchers=False)
                far = (self.folder / f"said{cut}/1/rank.2/stderr").read_text(encoding="utf-8")
                self.assertRegex(far, rf"elbo: host {other}: no progress .*: rank 2 waits for other nodes: {mine}")
                self.assertRegex(far, f"the run ends, since this is longer than {ABORT}")
                self.assertNotIn(training.process.returncode, (0, 2, 3, 75), training)
                self.assertRegex(training.said(), f"the run ends, since this is longer than {ABORT}", training)
                status = elbo_cli.status(run)
                self.assertEqual((status["state"], status["exit"]), ("failed", 1), training)
                self.assertIn(other, status["message"])
                self.row(f"cable of host {cut + 1} of 2 cut", "named on both sides, both ended", seconds,
                         faults.last_step(run / "metrics.jsonl") - faults.newest_step(run))
                cluster.cable(cut, "up")
            training = self.start_on(cluster, "said")
            training.end(expect=0, seconds=60)
        self.assertIn("resume", training.said())
        self.expect_bits(expected, run)
        self.expect_tidy(run)

    def start_on(self, cluster, said, *overrides):
        """On two ranks of the first host and one of the second; what a rank says goes into a folder as well."""
        command = cluster.command(["train", "small.yaml", *overrides], (2, 1))
        at = command.index(elbo_cli.MPIEXEC) + 1
        command[at:at] = ["--output-filename", str(self.folder / said)]
        training = faults.Training(None, 3, self.folder, LAUNCHER, command)
        self.addCleanup(training.sweep)
        return training


if __name__ == "__main__":
    if reason := hosts.missing():
        faults.skip(reason)
    faults.main("__main__")
