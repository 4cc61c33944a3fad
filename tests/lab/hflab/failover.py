"""Follows one failover from outside: what the surviving agents report, and what the disks show."""
import threading

from . import agent, guests
from .common import boottime

POLL_S = 0.1
DISK_POLL_S = 0.02
# Event names of `holdfast events --json` that are steps of a failover; the first report of each
# (event, host, VM) is the step.
STEPS = ("silent", "candidate", "leader", "office", "dead", "order", "order-taken", "claim",
         "claim-held", "start", "running", "refused", "order-refused", "claim-withdrawn",
         "start-failed", "no-room", "lapse", "self-fence", "reset", "conflict")
ABOUT_THE_LOST_HOST = ("silent", "dead")


class Watch:
    """One failover, from begin() on.  Create it before the power goes: it remembers what ran."""

    def __init__(self, lab, host):
        self.lab = lab
        self.host = host
        self.lost = [vm for vm, hosts in guests.running(lab).items() if host.name in hosts]
        self.epochs = {vm: guests.read_record(lab, vm)["epoch"] for vm in self.lost}
        self.began = None
        self.first_write = {}       # VM -> seconds from the power-off
        self._seen = {}             # (event, host, VM) -> seconds from the power-off
        self._pending = []          # first writes that new_steps() has not told yet
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch_disks, daemon=True)

    def begin(self):
        """Starts watching the disks; the power-off is what the lab recorded last for this host."""
        self.began = max(event["time_s"] for event in self.lab.events()
                         if event["event"] in ("power-off", "reset")
                         and event["host"] == self.host.number)
        self._thread.start()

    def end(self):
        self._over.set()
        self._thread.join()

    def _watch_disks(self):
        while not self.all_write() and not self._over.wait(DISK_POLL_S):
            for vm in self.lost:
                if vm in self.first_write:
                    continue
                if guests.read_record(self.lab, vm)["epoch"] > self.epochs[vm]:
                    after = boottime() - self.began
                    self.first_write[vm] = after
                    self._pending.append((after, f"{vm} writes to its disk"))

    def all_write(self):
        return len(self.first_write) == len(self.lost)

    def new_steps(self):
        """What has happened since the last call, as lines for people, in order of time."""
        lines = []
        for host in self.lab.hosts:
            for event in agent.events(host, since=self.began):
                line = self._step(host, event)
                if line:
                    lines.append(line)
        while self._pending:
            lines.append(self._pending.pop(0))
        return [f"{after:7.3f} s  {text}" for after, text in sorted(lines)]

    def _step(self, reporter, event):
        name, vm = event.get("event"), event.get("vm")
        about = event.get("host")
        if name not in STEPS or event["time_s"] < self.began:
            return None
        if name in ABOUT_THE_LOST_HOST and about != self.host.number:
            return None
        key = (name, about if vm is None else None, vm)
        if key in self._seen:
            return None
        after = event["time_s"] - self.began
        self._seen[key] = after
        return after, f"{reporter.name}: {event.get('text', name)}"

    def _first(self, name):
        times = [after for (event, _, _), after in self._seen.items() if event == name]
        return round(min(times), 1) if times else None

    def summary(self, role):
        """One entry of the demo's JSON."""
        running = guests.running(self.lab)
        records = {vm: guests.read_record(self.lab, vm) for vm in self.lab.options.guests}
        restarted = [vm for vm in self.lost if vm in self.first_write and len(running[vm]) == 1]
        return {"lost": self.host.name, "role": role, "vms": len(self.lost),
                "restarted": len(restarted),
                "conflicts": sum(record["conflicts"] for record in records.values()),
                "dead_s": self._first("dead"), "order_s": self._first("order"),
                "first_write_s": sorted(round(after, 1) for after in self.first_write.values())}
