"""The virtual hosts themselves: they send at the rate that they are given, and nothing is left of them after a kill."""
import os
import pathlib
import signal
import subprocess
import sys
import unittest

import elbo_cli
import hosts

# Sends to the other host while it receives from it, and prints how many bits a second came: on the average, and in the
# middle one of all windows of 50 ms, which does not know of the moments in which this machine stood still.
TALK = """
import socket, statistics, sys, threading, time
mine, other, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
server = socket.create_server((mine, 5000))

def receive():
    connection = server.accept()[0]
    connection.recv(1)
    began, window, windows = time.monotonic(), 0.05, [0]
    while received := len(connection.recv(1 << 16)):
        elapsed = time.monotonic() - began
        windows += [0] * (int(elapsed / window) + 1 - len(windows))
        windows[-1] += received
    print(8 * sum(windows) / elapsed, 8 * statistics.median(windows) / window)

receiver = threading.Thread(target=receive)
receiver.start()
deadline = time.monotonic() + 20
while True:
    try:
        connection = socket.create_connection((other, 5000))
        break
    except ConnectionRefusedError:
        if time.monotonic() > deadline:
            raise
        time.sleep(0.01)
end = time.monotonic() + seconds
while time.monotonic() < end:
    connection.sendall(bytes(1 << 16))
connection.shutdown(socket.SHUT_WR)
receiver.join()
"""

# A maker that is killed while something runs on its host.
DOOMED = """
import subprocess, sys, time
import hosts
with hosts.Hosts(1) as cluster:
    subprocess.Popen(cluster.inside(0, ["sleep", "1000"]))
    print(cluster.prefix, cluster.folder, flush=True)
    time.sleep(1000)
"""


def namespaces(prefix):
    names = subprocess.run(["ip", "netns", "list"], stdout=subprocess.PIPE, encoding="utf-8", check=True).stdout
    return [name for name in names.split() if name.startswith(prefix)]


class Hosts(unittest.TestCase):
    def both_ways(self, cluster, seconds=1):
        """Bits a second that each of two hosts receives from the other: both averages, both middle windows."""
        talks = [subprocess.Popen(cluster.inside(host, [sys.executable, "-c", TALK, cluster.address(host),
                                                        cluster.address(1 - host), str(seconds)]),
                                  stdout=subprocess.PIPE, encoding="utf-8") for host in range(2)]
        return list(zip(*[map(float, talk.communicate(timeout=60)[0].split()) for talk in talks]))

    def test_hosts_send_at_the_rate(self):
        with hosts.Hosts(2, rate="200mbit") as cluster:
            for rate in ("200mbit", "50mbit"):
                cluster.limit(rate)
                # More than once where the machine is so busy that the programs do not keep up.
                seen = []
                for _ in range(10):
                    averages, middles = self.both_ways(cluster)
                    # A full bucket at the start gives 1 % of 50 Mbit in a second.
                    self.assertLess(max(averages), 1.02 * hosts.bits(rate), rate)
                    seen.append(middles)
                    if min(map(max, zip(*seen))) > 0.9 * hosts.bits(rate):  # headers take 5 % of it
                        break
                else:
                    self.fail(f"at {rate}: {seen}")
            cluster.limit(None)
            self.assertGreater(min(self.both_ways(cluster, 0.3)[0]), 250e6)

    def test_a_killed_maker_leaves_nothing(self):
        path = os.pathsep.join([str(pathlib.Path(__file__).parent), *sys.path])
        with subprocess.Popen([sys.executable, "-c", DOOMED], stdout=subprocess.PIPE, encoding="utf-8",
                              env=elbo_cli.environment({"PYTHONPATH": path})) as maker:
            prefix, folder = maker.stdout.readline().split()
            self.assertEqual(len(namespaces(prefix)), 2)
            maker.send_signal(signal.SIGKILL)
        elbo_cli.wait_until(lambda: not namespaces(prefix) and not os.path.exists(folder), 20, "the hosts are gone")


if __name__ == "__main__":
    hosts.main()
