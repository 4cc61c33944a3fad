"""What a scenario expects of a lab.  What fails is told with file, line, what was seen and when."""
import re
import threading
import time
from pathlib import Path

from . import agent, grammar, guests
from .common import LabError
from .people import Deed

POLL_S = 0.1
MONITOR_POLL_S = 0.3
PATIENCE_S = 10.0                   # libvirt and QEMU start as fast as the machine lets them
PATIENCE_BUSY_S = 30.0              # more for one on which every process waits for a processor
LIBVIRT_LIMIT_S = 10                # after this it does not answer at all
DEFAULT_WITHIN_S = 2.0              # a guest needs a round of writes to show that it runs


def check(run, statement):
    """Polls until the expectation holds; raises with the last thing seen when its time is over."""
    judge = EXPECTATIONS[statement.word]
    within = statement.keys.get("within")
    limit = grammar.seconds(statement, within) if within else DEFAULT_WITHIN_S
    deadline = time.monotonic() + limit
    memory = {}                     # for judges that compare with their first look
    while True:
        try:
            holds, seen = judge(run, statement, memory)
        except LabError as failed:
            holds, seen = False, str(failed)
        if holds:
            return
        run.monitor.raise_if_broken(statement, run.clock())
        if statement.word in AT_ONCE or time.monotonic() >= deadline + _patience():
            raise LabError(f"{statement.where}: {statement.text}: at {run.clock():.3f} s seen: "
                           f"{seen}")
        time.sleep(POLL_S)


def _patience():
    """How much longer than a scenario says an expectation may take on this machine, now."""
    try:
        pressure = Path("/proc/pressure/cpu").read_text(encoding="ascii")
    except OSError:
        return PATIENCE_S
    some = re.search(r"some avg10=([\d.]+)", pressure)
    return PATIENCE_S + (PATIENCE_BUSY_S * float(some[1]) / 100 if some else 0)


# --- judges: each returns whether it holds, and what it saw --------------------------------------

def _vm(run, statement, memory):
    vm = guests.known(run.lab, statement.names[0])
    hosts = guests.running(run.lab)[vm]
    record = guests.read_record(run.lab, vm)
    first = memory.setdefault("record", record)
    seen = (f"{vm} runs on {', '.join(hosts) or 'no host'}, epoch {record['epoch']}, "
            f"{record['counter']} writes")
    if "stopped" in statement.flags:
        return not hosts, seen
    wanted = [run.lab.host(statement.keys["on"]).name] if "on" in statement.keys else hosts[:1]
    on_host = bool(hosts) and hosts == wanted
    if not on_host:
        memory["record"] = record   # writes count from when it is where it should be
    return on_host and record["counter"] != first["counter"], seen


def _leader(run, statement, _):
    wanted = statement.need("leader")
    seen = agent.leader(run.lab)
    holds = seen is not None and (wanted == "any" or run.lab.host(wanted).number == seen)
    return holds, f"leader {seen or 'none'}"


def _verdict(run, statement, _):
    number, wanted = run.lab.host(statement.need("host")).number, statement.need("is")
    seen = {}
    for host in run.lab.hosts:
        said = agent.status(host) if host.number != number else None
        for other in (said or {}).get("hosts", []):
            if other["id"] == number:
                seen[host.name] = other["verdict"].replace(" ", "-")
    leader = agent.leader(run.lab)
    judge = f"h{leader}" if leader and leader != number else next(iter(seen), None)
    return seen.get(judge) == wanted, f"verdicts on h{number}: {seen or 'none'}, leader {leader}"


def _change(run):
    """How the last change that a person asked for ended: its status, None while it goes on."""
    if run.change is None:
        raise LabError("nobody asked for a change")
    return run.change.status(), run.change.said()


def _changed(run, _statement, _):
    status, said = _change(run)
    return status == 0, said


def _unchanged(run, _statement, _):
    status, said = _change(run)
    return status in (1, 2), said


def _lease(run, statement, _):
    host, wanted = run.lab.host(statement.need("host")), statement.need("is")
    said = agent.status(host)
    if said is None:
        return False, f"the agent on {host.name} does not answer"
    lease_ms = said["configuration"]["timing_ms"]["lease"]
    return (lease_ms == round(1000 * grammar.seconds(statement, wanted)),
            f"{host.name} goes by a lease of {lease_ms} ms")


def _resets(run):
    return [event for event in run.lab.events() if event["event"] == "reset"]


def _reset(run, statement, _):
    number = run.lab.host(statement.need("host")).number
    resets = _resets(run)
    return any(event["host"] == number for event in resets), f"resets {resets or 'none'}"


def _no_reset(run, _statement, _):
    resets = _resets(run)
    return not resets, f"resets {resets}"


def _no_kill(run, _statement, _):
    """No VM was interrupted that the scenario did not interrupt itself."""
    running = guests.running(run.lab)
    hit = []
    for vm, epoch in run.epochs.items():
        now = guests.read_record(run.lab, vm)["epoch"]
        if vm not in run.excused and (now != epoch or not running[vm]):
            hit.append(f"{vm} (epoch {epoch} -> {now}, on {running[vm] or 'no host'})")
    return not hit, f"interrupted: {', '.join(hit)}"


def _order(run, statement, _):
    first, before, second = statement.names
    if before != "before":
        raise statement.wrong("expect order NAME before NAME")
    starts = {}
    for host in run.lab.hosts:
        for event in agent.events(host):
            if event.get("event") == "start" and event.get("vm"):
                starts[event["vm"]] = max(starts.get(event["vm"], 0), event["time_s"])
    holds = first in starts and second in starts and starts[first] <= starts[second]
    return holds, f"starts {starts}"


def _refused(run, statement, _):
    vm, number = statement.names[0], run.lab.host(statement.need("on")).number
    said = run.starts_refused.get((vm, number), "no start")
    said = said.said() if isinstance(said, Deed) else said
    # A lock of the disk, or a VM that runs here already, is not Holdfast's refusal.
    return "holdfast:" in said, f"a person's start of {vm} on h{number}: {said}"


def _absorption(run):
    """What the leader's status says; None: nobody knows."""
    leader = agent.leader(run.lab)
    said = agent.status(run.lab.host(leader)) if leader else None
    return (said or {}).get("absorption")


def _absorbs(run, statement, _):
    found = _absorption(run)
    return bool(found) and str(found["absorbs"]) == statement.need("absorbs"), f"absorption {found}"


def _no_room(run, statement, _):
    found = _absorption(run)
    host = run.lab.host(statement.keys["host"]).name if "host" in statement.keys else None
    vms = [(vm["name"], vm["host"]) for vm in (found or {}).get("no_room", [])]
    return (statement.names[0], host) in vms, f"absorption {found}"


def _never_two(run, _statement, _):
    return run.monitor.broken is None, run.monitor.broken


EXPECTATIONS = {
    "expect vm": _vm,
    "expect leader": _leader,
    "expect verdict": _verdict,
    "expect changed": _changed,
    "expect unchanged": _unchanged,
    "expect lease": _lease,
    "expect reset": _reset,
    "expect no-reset": _no_reset,
    "expect no-kill": _no_kill,
    "expect absorbs": _absorbs,
    "expect no-room": _no_room,
    "expect order": _order,
    "expect refused": _refused,
    "expect never-two": _never_two,
}
AT_ONCE = ("expect no-reset", "expect no-kill", "expect never-two")


# --- never two ----------------------------------------------------------------------------------

class NeverTwo:
    """Watches every guest for a second copy: by the conflicts that the guests count on their disks,
    and by running QEMUs on two hosts at once.  A paused QEMU is no second copy: a start that waits
    for its claim, and the target of a migration, are paused."""

    def __init__(self, lab):
        self.lab = lab
        self.broken = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(timeout=10)

    def raise_if_broken(self, statement, clock):
        self._look_at_disks()
        if self.broken:
            raise LabError(f"{statement.where}: never-two is broken at {clock:.3f} s: "
                           f"{self.broken}")

    def _watch(self):
        while not self._stop.wait(MONITOR_POLL_S):
            self._look_at_disks()
            for vm, hosts in guests.running(self.lab).items():
                if len(hosts) > 1 and not self.broken:
                    # Looked at one after the other, and once more: a migration that moved on
                    # between two looks is no second copy.
                    running = [name for name in 2 * hosts if self._runs(vm, name)]
                    twice = [name for name in hosts if running.count(name) == 2]
                    if len(twice) > 1:
                        self.broken = f"{vm} runs on {' and '.join(twice)}"

    def _look_at_disks(self):
        for vm in self.lab.options.guests:
            record = guests.read_record(self.lab, vm)
            if record["conflicts"] and not self.broken:
                self.broken = (f"{vm} counted {record['conflicts']} foreign writes "
                               f"(epoch {record['epoch']}, {record['counter']} writes)")

    def _runs(self, vm, name):
        host = self.lab.host(name)
        if host.state() == "frozen":
            return True
        try:
            done = host.virsh([f"domstate {vm}"], check=False, timeout=LIBVIRT_LIMIT_S)
        except LabError:
            return host.is_on()     # libvirt hangs: it may run on
        return done.stdout.strip() == "running"


def picture(lab):
    """The lab at the moment of a failure, for people."""
    lines = ["--- the lab as the failure found it"]
    for host in lab.hosts:
        said = agent.status(host)
        verdicts = {other["name"]: other["verdict"] for other in (said or {}).get("hosts", [])}
        lines.append(f"{host.name}: {host.state()}, agent {(said or {}).get('host')}, "
                     f"leader {(said or {}).get('leader')}, verdicts {verdicts}")
        log = host.dir / "var/log/holdfast/holdfast.log"
        if log.is_file():
            text = log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:]
            lines += [f"    {line}" for line in text]
    lines += [str(row) for row in guests.table(lab)]
    lines += [str(event) for event in lab.events()]
    return "\n".join(lines)
