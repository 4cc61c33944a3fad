"""sanlock: a lease on storage for each host, renewed by one write and one read of the whole lockspace.

Its watchdog is off (-w 0).  The lockspace thread does the renewal; the daemon has others beside it, which poll once a second.
"""
import os
import subprocess
import threading
import time

from world import Trouble, cpu_by_thread, io_bytes, run

SECTOR = 512
CAP_SYS_RESOURCE = 24
SURVIVOR = 1
LOCKSPACE_BYTES = 1 << 20


def _may_raise_limits():
    with open("/proc/self/status") as status:
        effective = next(line for line in status if line.startswith("CapEff:")).split()[1]
    return bool(int(effective, 16) >> CAP_SYS_RESOURCE & 1)


class Sanlock:
    """Daemons of one io_timeout: a survivor, and victims that hold one resource each."""

    def __init__(self, world, program, environment, shim, io_timeout, victims):
        self.world, self.program, self.io_timeout = world, program, io_timeout
        self.environment = dict(environment)
        if not _may_raise_limits():
            self.environment["LD_PRELOAD"] = shim
        self.client_environment = {**os.environ, **environment}
        self.victims = list(range(SURVIVOR + 1, SURVIVOR + 1 + victims))
        self.device = world.loop(f"sanlock-{io_timeout}", LOCKSPACE_BYTES, written=True)
        self.resources = world.loop(f"sanlock-{io_timeout}-resources", (victims + 1) * LOCKSPACE_BYTES, written=True)
        self.daemons, self.renewers, self.holders, self.joining = {}, {}, {}, {}

    def _client(self, host, *words):
        return self.world.beside(self.daemons[host], [self.program, "client", *map(str, words)])

    def _lockspace(self, host):
        return f"ls:{host}:{self.device}:0"

    def _resource(self, victim):
        return f"ls:r{victim}:{self.resources}:{(victim - SURVIVOR - 1) * LOCKSPACE_BYTES}"

    def start(self):
        for host in (SURVIVOR, *self.victims):
            argv = [self.program, "daemon", "-D", "-w", "0", "-U", "root", "-G", "root", "-l", "0", "-h", "0", "-e", f"h{host}"]
            name = f"sanlock-{self.io_timeout}-{host}"
            self.daemons[host] = self.world.start(name, 1 + host % 3, argv, self.environment)
        for daemon in self.daemons.values():
            self._await_daemon(daemon)
        run(self._client(SURVIVOR, "init", "-s", self._lockspace(0), "-o", self.io_timeout), env=self.client_environment)
        for victim in self.victims:
            run(self._client(SURVIVOR, "init", "-r", self._resource(victim)), env=self.client_environment)
        self.before = {host: set(cpu_by_thread(daemon.pid)) for host, daemon in self.daemons.items()}
        for host in self.daemons:
            self.joining[host] = subprocess.Popen(
                self._client(host, "add_lockspace", "-s", self._lockspace(host), "-o", self.io_timeout),
                env=self.client_environment, stdout=subprocess.DEVNULL, start_new_session=True)

    def _await_daemon(self, daemon):
        deadline = time.monotonic() + 10
        while True:
            daemon.require_alive()
            asked = subprocess.run(self.world.beside(daemon, [self.program, "client", "status"]), env=self.client_environment,
                                   capture_output=True, check=False)
            if asked.returncode == 0:
                return
            if time.monotonic() > deadline:
                raise Trouble(f"{daemon.name} does not answer within 10 s; see {daemon.log}")
            time.sleep(0.1)

    def await_formed(self):
        for host, process in self.joining.items():
            # A clean slot takes 2 x io_timeout and a second.
            if process.wait(timeout=60 + 10 * self.io_timeout) != 0:
                raise Trouble(f"{self.daemons[host].name}: add_lockspace failed; see {self.daemons[host].log}")
            new = {tid: cpu for tid, cpu in cpu_by_thread(self.daemons[host].pid).items() if tid not in self.before[host]}
            # The lockspace's thread, by what it has done so far.
            self.renewers[host] = max(new, key=new.get)
        for victim in self.victims:
            self.holders[victim] = subprocess.Popen(
                self._client(victim, "command", "-r", self._resource(victim), "-c", "/bin/sleep", "3600"),
                env=self.client_environment, stdout=subprocess.DEVNULL, start_new_session=True)

    def sample(self):
        """Each daemon's CPU, that of its lockspace thread, and its I/O."""
        found = {}
        for host, daemon in self.daemons.items():
            daemon.require_alive()
            threads = cpu_by_thread(daemon.pid)
            read, written = io_bytes(daemon.pid)
            found[host] = (sum(threads.values()), threads.get(self.renewers[host], 0), read, written)
        return found

    @staticmethod
    def between(old, new, seconds):
        """One figure each over all daemons: a window may hold hardly a renewal of one."""
        whole, thread, read, written = (sum(new[host][i] - old[host][i] for host in new) for i in range(4))
        renewals = written / SECTOR
        result = {"cpu_percent": 100 * whole / 1e9 / seconds / len(new), "renewals": renewals}
        if renewals >= 1:
            result.update(renewal_cpu_us=thread / 1e3 / renewals, whole_cpu_us=whole / 1e3 / renewals,
                          bytes=(read + written) / renewals, period_s=seconds * len(new) / renewals)
        return result

    def kill_and_time(self, apart_s):
        """Kills the victims, `apart_s` between two; returns for each the seconds until the survivor has its resource."""
        took = {}
        waiting = []
        for number, victim in enumerate(self.victims):
            if number > 0:
                time.sleep(apart_s)
            killed = time.monotonic()
            self.daemons[victim].kill()
            self.holders[victim].kill()
            thread = threading.Thread(target=self._await_takeover, args=(victim, killed, took), daemon=True)
            thread.start()
            waiting.append(thread)
        for thread in waiting:
            thread.join()
        return [took[victim] for victim in self.victims if victim in took]

    def _await_takeover(self, victim, killed, took):
        limit = 60 + 12 * self.io_timeout + 30
        argv = self._client(SURVIVOR, "command", "-r", self._resource(victim), "-c", "/bin/true")
        while time.monotonic() - killed < limit:
            if subprocess.run(argv, env=self.client_environment, capture_output=True, check=False).returncode == 0:
                took[victim] = time.monotonic() - killed
                return
            time.sleep(0.25)
