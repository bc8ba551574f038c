"""Several hosts: the same bits as on one, for any spread of ranks over them."""
import functools
import re
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


# An epoch of eleven steps, of small networks, since a checkpoint's arrays are compared as text: gradients of 0.6 MB
# where the test is about traffic, and of 0.1 MB where it is about where ranks run.
SHORT = ("train", "small.yaml", "training.epochs=1", "model.encoder=[{dense: 300}]", "model.decoder=[{dense: 300}]")
SMALL = ("train", "small.yaml", "training.epochs=1", "model.encoder=[{dense: 60}]", "model.decoder=[{dense: 60}]")
TRAFFIC = 11 * 0.6e6

# Where the ranks of both hosts run under each mapping: slots of the hosts, and the first host's ranks.
MAPPINGS = {
    "core": ((2, 2), [0, 1]),
    "socket": ((2, 2), [0, 1]),
    "slot": ((2, 2), [0, 1]),
    "node": ((2, 2), [0, 2]),
    "node --rank-by slot": ((3, 1), [0, 1, 2]),
    "slot --rank-by node": ((3, 1), [0, 2, 3]),
    "ppr:2:node": ((2, 2), [0, 1]),
    "ppr:1:node": ((1, 1), [0]),
}

# Ways for messages between hosts, here all over TCP: what Open MPI needs for them, and the options that choose them.
TRANSPORTS = {
    "ob1, btl tcp": (["pml ob1", "btl tcp"], "--mca pml ob1 --mca btl tcp,self,vader"),
    # By itself it takes part only where it finds InfiniBand. Its shared memory would reach from host to host.
    "ucx": (["pml ucx"], "--mca pml ucx --mca opal_common_ucx_tls any --mca opal_common_ucx_devices any "
                         "-x UCX_TLS=tcp -x UCX_NET_DEVICES=eth0"),
    # It, too, leaves TCP to others unless told.
    "cm, mtl ofi": (["pml cm", "mtl ofi"], "--mca pml cm --mca mtl ofi --mca mtl_ofi_provider_include tcp "
                                           "-x FI_PROVIDER=tcp -x FI_TCP_IFACE=eth0"),
}
# What Open MPI says where one is there and finds nothing to work with.
NO_TRANSPORT = re.compile(r".*(No components were able to be opened|cannot be selected).*")


@functools.cache
def components():
    """What Open MPI was built with: "pml ucx" and so on."""
    said = subprocess.run(["ompi_info", "--parsable"], stdout=subprocess.PIPE, encoding="utf-8", check=True).stdout
    return {f"{kind} {name}" for kind, name in re.findall(r"^mca:(\w+):(\w+):version", said, re.MULTILINE)}


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

    def test_a_hostfile_of_unlike_hosts(self):
        self.elbo(*SMALL)
        with hosts.Hosts(2) as cluster:
            lines = [f"{cluster.name(host)} slots={slots}\n" for host, slots in enumerate((2, 1))]
            (self.folder / "hosts").write_text("".join(lines), encoding="utf-8")
            cluster.run([*SMALL, "output=runs/hosts"], None, self.folder,
                        options=["--hostfile", "hosts"])
        self.expect_same(self.bits("one"), "hosts")
        accounting = [event for event in elbo_cli.events(self.folder / "runs/hosts") if event["event"] == "accounting"]
        self.assertEqual(accounting[0]["ranks"], 3)

    def test_two_interfaces_share_the_traffic(self):
        self.elbo(*SHORT)
        with hosts.Hosts(2, interfaces=2) as cluster:
            cluster.run([*SHORT, "output=runs/hosts"], (2, 1), self.folder)
            self.expect_same(self.bits("one"), "hosts")
            for host in range(2):
                sent = [cluster.sent(host, interface) for interface in range(2)]
                # The first one also has mpirun's own messages.
                self.assertGreater(sum(sent), TRAFFIC, sent)
                self.assertGreater(min(sent), sum(sent) / 4, sent)

    def test_every_mapping_has_the_same_bits(self):
        self.elbo(*SMALL)
        expected = self.bits("one")
        with hosts.Hosts(2) as cluster:
            for mapping, (slots, first) in MAPPINGS.items():
                with self.subTest(mapping):
                    output = mapping.replace(" ", "-").replace(":", "-")
                    said = cluster.run([*SMALL, f"output=runs/{output}"], slots,
                                       self.folder, options=["--display-map", "--map-by", *mapping.split()]).out
                    nodes = said.split("Data for node")
                    self.assertEqual(list(map(int, re.findall(r"Process rank: (\d+)", nodes[1]))), first, said)
                    self.expect_same(expected, output)

    def test_every_transport_has_the_same_bits(self):
        self.elbo(*SHORT)
        expected = self.bits("one")
        with hosts.Hosts(2) as cluster:
            for transport, (needed, options) in TRANSPORTS.items():
                with self.subTest(transport):
                    lacking = [name for name in needed if name not in components()]
                    if lacking:
                        self.leave_out(transport, f"this Open MPI has no {', '.join(lacking)}")
                    before = cluster.sent(0)
                    result = cluster.run([*SHORT, f"output=runs/{needed[0]}"], (2, 1),
                                         self.folder, expect=None, options=["--map-by", "slot", *options.split()])
                    if result.status != 0 and (reason := NO_TRANSPORT.search(result.err)):
                        self.leave_out(transport, reason[0])
                    self.assertEqual(result.status, 0, result)
                    self.expect_same(expected, needed[0])
                    self.assertGreater(cluster.sent(0) - before, TRAFFIC)

    def leave_out(self, what, reason):
        print(f"skipped: {what}: {reason}")
        self.skipTest(reason)

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
    hosts.main()
