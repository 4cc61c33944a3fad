"""corosync: a token that goes round on the network.  No encryption, otherwise as it comes: knet, token 3 s and 0.65 s a host
beyond two."""
import os
import time

from world import LogWatch, Trouble, address, cpu_ns

NODES = (1, 2, 3)
VICTIM = 3

CONF = """totem {
  version: 2
  cluster_name: peers
  transport: knet
  crypto_cipher: none
  crypto_hash: none
}
nodelist {
%s}
quorum {
  provider: corosync_votequorum
}
logging {
  to_stderr: yes
  timestamp: hires
}
"""
NODE = """  node {
    ring0_addr: %s
    name: n%d
    nodeid: %d
  }
"""


class Corosync:
    def __init__(self, world, program, environment):
        self.world, self.program, self.environment = world, program, environment
        self.nodes = {}

    def _start_node(self, node):
        folder = self.world.path("corosync-conf")
        self.nodes[node] = self.world.start(f"corosync-{node}", node, [self.program, "-f", "-c", f"{folder}/corosync.conf"],
                                            self.environment)

    def start(self):
        folder = self.world.path("corosync-conf")
        os.makedirs(folder)
        with open(f"{folder}/corosync.conf", "w") as file:
            file.write(CONF % "".join(NODE % (address(node), node, node) for node in NODES))
        for node in NODES:
            self._start_node(node)

    def await_formed(self):
        watch = LogWatch(self.nodes[1].log)
        watch.offset = 0
        if watch.wait(r"Members\[3\]: 1 2 3", 30) is None:
            self.nodes[1].require_alive()
            raise Trouble(f"corosync's three nodes do not meet within 30 s; see {self.nodes[1].log}")

    def sample(self):
        for node in self.nodes.values():
            node.require_alive()
        return [cpu_ns(node.pid) for node in self.nodes.values()]

    @staticmethod
    def between(old, new, seconds):
        shares = [100 * (b - a) / 1e9 / seconds for a, b in zip(old, new)]
        return {"cpu_percent": sum(shares) / len(shares), "cpu_percent_max": max(shares)}

    def kill_and_time(self):
        """Seconds until the others know that the token is lost, and until they have a membership without the victim."""
        watch = LogWatch(self.nodes[1].log)
        killed = time.monotonic()
        self.nodes[VICTIM].kill()
        lost = watch.wait(r"Token has not been received in|A processor failed", 20)
        formed = watch.wait(r"A new membership .*Members left: 3", 30)
        return (lost - killed if lost else None), (formed - killed if formed else None)

    def bring_back(self):
        watch = LogWatch(self.nodes[1].log)
        self._start_node(VICTIM)
        if watch.wait(r"Members\[3\]: 1 2 3", 60) is None:
            raise Trouble(f"corosync's killed node does not come back within 60 s; see {self.nodes[VICTIM].log}")
