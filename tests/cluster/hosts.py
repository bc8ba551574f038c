"""Several hosts on one machine: network namespaces on a bridge, each with its own hostname, that mpirun starts daemons on.

They exist as long as the `with` block, and go whatever ends it. Needs root. Traffic stays between the namespaces.
"""
import os
import pathlib
import shutil
import subprocess
import tempfile

import elbo_cli

AGENT = """#!/bin/sh
# What mpirun calls in place of ssh: HOST COMMAND...
host=$1
shift
name=$(cat "{folder}/$host")
exec ip netns exec "$name" unshare --uts sh -c 'hostname "$0" && exec sh -c "$1"' "$name" "$*"
"""


def missing():
    """Why virtual hosts cannot be had here, or None."""
    if os.geteuid() != 0:
        return "not root: virtual hosts need network namespaces"
    for program in ("ip", "unshare"):
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


def ip(*words):
    subprocess.run(["ip", *words], check=True)


class Hosts(elbo_cli.Resources):
    """`count` hosts; address(i) is the i-th one's."""

    def __init__(self, count):
        self.count = count
        self.prefix = f"elbo{os.getpid()}"
        self.subnet = f"10.{64 + os.getpid() // 250 % 64}.{os.getpid() % 250}"

    def name(self, host):
        return f"{self.prefix}h{host}"

    def address(self, host):
        return f"{self.subnet}.{host + 1}"

    def make(self):
        self.folder = pathlib.Path(self.cleanup.enter_context(tempfile.TemporaryDirectory(prefix="elbo-hosts-")))
        bridge = f"{self.prefix}b"
        # The bridge lies in a namespace of its own: nothing of this machine's network is touched.
        self.namespace(bridge)
        ip("-n", bridge, "link", "add", "br0", "type", "bridge")
        ip("-n", bridge, "link", "set", "br0", "up")
        for host in range(self.count):
            name = self.name(host)
            self.namespace(name)
            ip("-n", name, "link", "add", "eth0", "type", "veth", "peer", "name", f"port{host}", "netns", bridge)
            ip("-n", bridge, "link", "set", f"port{host}", "master", "br0", "up")
            ip("-n", name, "address", "add", f"{self.address(host)}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            (self.folder / self.address(host)).write_text(name, encoding="utf-8")
        self.agent = self.folder / "agent"
        self.agent.write_text(AGENT.format(folder=self.folder), encoding="utf-8")
        self.agent.chmod(0o755)

    def namespace(self, name):
        ip("netns", "add", name)
        self.cleanup.callback(subprocess.run, ["ip", "netns", "del", name], check=False)
        ip("-n", name, "link", "set", "lo", "up")

    def inside(self, host, command):
        """The command, to be run on a host."""
        name = self.name(host)
        return ["ip", "netns", "exec", name, "unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', name, *command]

    def command(self, arguments, ranks):
        """elbo on so many ranks of each host, started from the first."""
        where = ",".join(f"{self.address(host)}:{count}" for host, count in enumerate(ranks))
        launcher = [elbo_cli.MPIEXEC, "--allow-run-as-root", "--bind-to", "none", "--host", where, "-n", sum(ranks),
                    "--mca", "plm_rsh_agent", self.agent, "--mca", "btl_tcp_if_include", "eth0",
                    "--mca", "oob_tcp_if_include", "eth0", "--map-by", "slot",
                    # The hosts share this machine's cores, which mpirun does not know.
                    "--mca", "mpi_yield_when_idle", "1"]
        return self.inside(0, [str(word) for word in [*launcher, *elbo_cli.command_line(arguments)]])

    def run(self, arguments, ranks, cwd, expect=0, timeout=300):
        command = self.command(arguments, ranks)
        finished = subprocess.run(command, cwd=cwd, env=elbo_cli.environment(), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, encoding="utf-8",
                                  errors="replace", check=False)
        result = elbo_cli.Result(command, finished)
        if expect is not None and result.status != expect:
            raise AssertionError(f"expected status {expect}:\n{result}")
        return result
