"""Several hosts on one machine: network namespaces on bridges, with hostnames of their own, that mpirun reaches.

They exist as long as the `with` block, and go whatever ends it, with all that runs on them. Needs root. Traffic stays
between the namespaces, at a rate that can be limited.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import elbo_cli

# FOLDER NAME COMMAND...: on the host of that name, which is so called there and knows the others by theirs.
ENTER = """#!/bin/sh
folder=$1 name=$2
shift 2
exec ip netns exec "$name" unshare --uts sh -c \
    'mount --bind "$0/hosts" /etc/hosts && hostname "$1" && shift && exec "$@"' "$folder" "$name" "$@"
"""

# What mpirun calls in place of ssh: NAME COMMAND..., or ADDRESS COMMAND...
AGENT = """#!/bin/sh
name=$(awk -v host="$1" '$1 == host || $2 == host {{print $2}}' "{folder}/hosts")
shift
exec "{folder}/enter" "{folder}" "$name" sh -c "$*"
"""


# Seconds by which the kernel may be late to send the next packet.
TIMER = 100e-6

# Waits for its maker's end, be it a kill, and takes away what is left of the hosts named so and of their folder.
KEEPER = """
cat >/dev/null
for name in $(ip netns list | sed -n "s/^\\($0[bh][0-9]*\\).*/\\1/p"); do
    ip netns pids "$name" | xargs --no-run-if-empty kill -KILL 2>/dev/null
    ip netns del "$name"
done
rm -rf "$1"
"""


def missing():
    """Why virtual hosts cannot be had here, or None."""
    if os.geteuid() != 0:
        return "not root: virtual hosts need network namespaces"
    if not elbo_cli.is_open_mpi():
        return "daemons on virtual hosts are started the way of Open MPI"
    for program in ("ip", "tc", "unshare"):
        if not shutil.which(program):
            return f"no {program}: install iproute2 and util-linux"
    name = f"elbo{os.getpid()}t"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": False}
    if subprocess.run(["ip", "netns", "add", name], **quiet).returncode != 0:
        return "no privilege to make network namespaces"
    try:
        inside = ["ip", "netns", "exec", name, "unshare", "--uts", "--mount", "true"]
        if subprocess.run(inside, **quiet).returncode != 0:
            return "no privilege to enter a network namespace with a hostname and mounts of its own"
    finally:
        subprocess.run(["ip", "netns", "del", name], **quiet)
    return None


def main():
    """Runs a script's tests, or ends with 77 and the reason where virtual hosts cannot be had."""
    if reason := missing():
        print(f"skipped: {reason}")
        sys.exit(77)
    unittest.main("__main__")


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def bits(rate):
    """Bits a second of what tc calls a rate."""
    number, unit = re.fullmatch(r"([\d.]+)([kmg]?)bit", rate).groups()
    return float(number) * {"": 1, "k": 1e3, "m": 1e6, "g": 1e9}[unit]


class Hosts(elbo_cli.Resources):
    """`count` hosts; address(i) is the i-th one's. Each has interfaces eth0, eth1 ..., which are networks of their own.

    rate: what an interface sends at most, as tc says it ("1gbit"); None: as much as the machine can.
    """

    def __init__(self, count, rate=None, interfaces=1):
        self.count, self.rate, self.interfaces = count, rate, interfaces
        self.prefix = f"elbo{os.getpid()}"

    def name(self, host):
        return f"{self.prefix}h{host}"

    def address(self, host, interface=0):
        return f"10.{64 * (interface + 1) + os.getpid() // 250 % 64}.{os.getpid() % 250}.{host + 1}"

    def make(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="elbo-hosts-"))
        keeper = subprocess.Popen(["sh", "-c", KEEPER, self.prefix, self.folder], stdin=subprocess.PIPE,
                                  start_new_session=True)
        self.cleanup.callback(keeper.communicate)
        # Bridges lie in a namespace of their own: nothing of this machine's network is touched.
        self.bridge = f"{self.prefix}b"
        self.namespace(self.bridge)
        for interface in range(self.interfaces):
            ip("-n", self.bridge, "link", "add", f"br{interface}", "type", "bridge")
            ip("-n", self.bridge, "link", "set", f"br{interface}", "up")
        for host in range(self.count):
            name = self.name(host)
            self.namespace(name)
            for interface in range(self.interfaces):
                self.connect(host, interface)
        names = [f"{self.address(host)} {self.name(host)}\n" for host in range(self.count)]
        (self.folder / "hosts").write_text("127.0.0.1 localhost\n" + "".join(names), encoding="utf-8")
        self.enter, self.agent = self.script("enter", ENTER), self.script("agent", AGENT.format(folder=self.folder))
        self.limit(self.rate)

    def script(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
        return path

    def namespace(self, name):
        ip("netns", "add", name)
        # Not what this machine prefers: BBR, for one, paces packets itself and keeps below a slow network's rate.
        ip("netns", "exec", name, "sh", "-c", "echo reno >/proc/sys/net/ipv4/tcp_congestion_control")
        ip("-n", name, "link", "set", "lo", "up")

    def connect(self, host, interface):
        name, device, port = self.name(host), f"eth{interface}", f"port{host}.{interface}"
        ip("-n", name, "link", "add", device, "type", "veth", "peer", "name", port, "netns", self.bridge)
        ip("-n", self.bridge, "link", "set", port, "master", f"br{interface}", "up")
        ip("-n", name, "address", "add", f"{self.address(host, interface)}/24", "dev", device)
        ip("-n", name, "link", "set", device, "up")

    def cable(self, host, state, interface=0):
        """Puts the host's cable in ("up") or pulls it out ("down")."""
        ip("-n", self.bridge, "link", "set", f"port{host}.{interface}", state)

    def limit(self, rate):
        """What each interface sends at most from now on; None: as much as the machine can.

        The bucket holds one of TCP's largest packets, and what flows in while the kernel's timer is late; the queue
        takes what connections have under way, so that nothing is dropped.
        """
        qdisc = ["pfifo_fast"]
        if rate:
            burst = 72 * 1024 + bits(rate) / 8 * TIMER
            qdisc = ["tbf", "rate", rate, "burst", f"{burst:.0f}b", "limit", f"{4e6 + 0.1 * bits(rate) / 8:.0f}b"]
        for host in range(self.count):
            for interface in range(self.interfaces):
                device = ["dev", f"eth{interface}", "root"]
                subprocess.run(["tc", "-n", self.name(host), "qdisc", "replace", *device, *qdisc], check=True)
        self.rate = rate

    def sent(self, host, interface=0):
        """Bytes that a host has sent over an interface."""
        counter = f"/sys/class/net/eth{interface}/statistics/tx_bytes"
        return int(subprocess.run(self.inside(host, ["cat", counter]), stdout=subprocess.PIPE, check=True).stdout)

    def inside(self, host, command):
        """The command, to be run on a host."""
        return [str(word) for word in [self.enter, self.folder, self.name(host), *command]]

    def launch(self, command, ranks=None, options=("--map-by", "slot")):
        """The command on so many ranks of each host, started from the first. Without ranks the options say where."""
        if ranks:
            where = ",".join(f"{self.address(host)}:{count}" for host, count in enumerate(ranks))
            options = ["--host", where, "-n", sum(ranks), *options]
        networks = ",".join(f"eth{interface}" for interface in range(self.interfaces))
        launcher = [elbo_cli.MPIEXEC, "--allow-run-as-root", "--bind-to", "none",
                    "--mca", "plm_rsh_agent", self.agent, "--mca", "btl_tcp_if_include", networks,
                    "--mca", "oob_tcp_if_include", "eth0",
                    # The hosts share this machine's cores, which mpirun does not know.
                    "--mca", "mpi_yield_when_idle", "1", *options]
        return self.inside(0, [*launcher, *command])

    def command(self, arguments, ranks=None, **how):
        """elbo by launch()."""
        return self.launch(elbo_cli.command_line(arguments), ranks, **how)

    def run(self, arguments, ranks, cwd, expect=0, timeout=300, **how):
        command = self.command(arguments, ranks, **how)
        finished = subprocess.run(command, cwd=cwd, env=elbo_cli.environment(), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, encoding="utf-8",
                                  errors="replace", check=False)
        result = elbo_cli.Result(command, finished)
        if expect is not None and result.status != expect:
            raise AssertionError(f"expected status {expect}:\n{result}")
        return result
