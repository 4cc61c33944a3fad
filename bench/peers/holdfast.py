"""Holdfast: three real beat processes on three datastores for 64 hosts, as an idle cluster runs them, without VMs or a watchdog."""
import os
import subprocess
import sys
import time

from world import LogWatch, Trouble, address, cpu_by_thread, io_bytes

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import agents  # noqa: E402  (the path above comes first)

MEMBERS = (1, 2, 3)
VICTIM = 3
DATASTORES = 3
HOSTS_MAX = 64
SLOT_COPY = 4096
ACCEPTANCE = "I accept that a hung host may run its VMs twice"


class Holdfast:
    """A cluster of three; `first` is the host of its first member."""

    def __init__(self, world, build, profile, first):
        self.world, self.build, self.profile, self.first = world, build, profile, first
        self.devices = [world.loop(f"holdfast-{profile}-{i}", 256 << 20) for i in range(1, DATASTORES + 1)]
        self.running = {}

    def _folder(self, member):
        return self.world.path(f"agent-{self.profile}-{member}")

    def _log(self, member):
        return f"{self._folder(member)}/log/holdfast.log"

    def _start_agent(self, member):
        config = f"{self._folder(member)}/holdfast.toml"
        self.running[member] = agents.Agent(self.build, config, self.world.inside(self.first + member - 1))

    def start(self):
        agents.format_devices(self.build, self.devices, HOSTS_MAX)
        for member in MEMBERS:
            config = agents.write_config(self._folder(member), member, len(MEMBERS), self.devices, self.profile,
                                         lambda other: address(self.first + other - 1))
            with open(config) as file:
                text = file.read()
            with open(config, "w") as file:
                file.write(text.replace('device = "none"', f'device = "none"\naccept_without_hardware = "{ACCEPTANCE}"'))
            self._start_agent(member)

    def await_formed(self):
        deadline = time.monotonic() + 30
        argv = [f"{self.build}/agent/holdfast", "status", "--config", f"{self._folder(1)}/holdfast.toml"]
        while subprocess.run(argv, capture_output=True, check=False).returncode != 0:
            self._require_alive()
            if time.monotonic() > deadline:
                raise Trouble(f"Holdfast's cluster is not healthy after 30 s; see {self._log(1)}")
            time.sleep(0.2)

    def _require_alive(self):
        for member, agent in self.running.items():
            if not agent.alive():
                raise Trouble(f"Holdfast's agent {member} ended: {agent.complaint()}")

    def sample(self):
        self._require_alive()
        found = {}
        for member, agent in self.running.items():
            whole = sum(cpu_by_thread(agent.pid()).values())
            stores = sum(cpu for name, (cpu, _) in agent.threads().items() if name.startswith("hf-hb"))
            found[member] = (whole, stores, *io_bytes(agent.pid()))
        return found

    @staticmethod
    def between(old, new, seconds):
        """Per beat of one host, which is one write and one scan on each of the datastores."""
        used = {host: [b - a for a, b in zip(old[host], new[host])] for host in new}
        beats = {host: values[3] / SLOT_COPY / DATASTORES for host, values in used.items()}
        shares = [100 * values[0] / 1e9 / seconds for values in used.values()]
        total = sum(beats.values())
        result = {"cpu_percent": sum(shares) / len(shares), "cpu_percent_max": max(shares), "renewals": total}
        if total >= 1:
            result.update(whole_cpu_us=sum(values[0] for values in used.values()) / 1e3 / total,
                          datastore_cpu_us=sum(values[1] for values in used.values()) / 1e3 / total / DATASTORES,
                          bytes=sum(values[2] + values[3] for values in used.values()) / total / DATASTORES,
                          period_s=seconds * len(new) / total)
        return result

    def kill_and_time(self):
        """Seconds until the leader holds the victim for silent, and until it has proved it dead."""
        watch = LogWatch(self._log(1))
        killed = time.monotonic()
        agent = self.running[VICTIM]
        agent.process.kill()
        agent.process.wait()
        silent = watch.wait(rf"host {VICTIM} \(.*-> silent", 60)
        dead = watch.wait(rf"host {VICTIM} \(.*is dead, proof", 120)
        return (silent - killed if silent else None), (dead - killed if dead else None)

    def bring_back(self):
        watch = LogWatch(self._log(1))
        self.running[VICTIM].stop()
        self._start_agent(VICTIM)
        if watch.wait(rf"host {VICTIM} \(.*-> alive", 60) is None:
            raise Trouble(f"Holdfast's killed agent does not come back within 60 s; see {self._log(VICTIM)}")
