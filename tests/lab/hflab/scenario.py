"""Runs a scenario file in a lab of its own: brings the cluster up, acts, expects, takes it down.

`never-two` is watched from the first moment to the last, and at the end every agent's flight log is
replayed, in every run.
"""
import shutil
import time
from pathlib import Path

from . import (acts, builder, expectations, grammar, guests, priority, proving, replays,
               teardown)
from .common import LabError, note
from .state import Options

WATCHDOG_CLASSES = ("hardware", "soft", "none")
PROFILES = ("fast", "standard", "patient")
SETTLE_S = 2.0
# What a `vm` line may say of a VM's policy, word for word as in its XML.
POLICY = ("priority", "isolation", "after", "apart", "together")
# The sizes of the simulator, so that a VM finds room in both worlds or in none.
HOST_MEMORY_MIB = 2048
VM_MEMORY = "64M"


class Run:
    """One run of one file: the lab, the clock, and what has to be remembered between lines."""

    def __init__(self, lab, monitor):
        self.lab = lab
        self.monitor = monitor
        self.began = time.monotonic()
        self.excused = set()        # VMs that an act of the scenario interrupted
        self.starts_refused = {}    # (vm, host number) -> what virsh said to a person's start or
                                    # says to a migration
        self.change = None          # the last change of the configuration that a person asked for
        self.deeds = []             # what people began, to be ended with the run
        self.epochs = {vm: guests.read_record(lab, vm)["epoch"] for vm in lab.options.guests}

    def clock(self):
        return time.monotonic() - self.began

    def end(self):
        """Ends what people began.  A host that was being shut down must have come to its end."""
        for deed in self.deeds:
            deed.give_up()


def options_of(statements, args):
    """What the `cluster` and `vm` lines ask for; the command line adds how to build and run it."""
    cluster = statements[0]
    keys = cluster.keys
    block = args.block or cluster.choice(keys.get("block", "off"), "on", "off") == "on"
    locks = args.locks
    if locks is None:
        locks = cluster.choice(keys.get("locks", "on"), "on", "off") == "on"
    hosts = int(keys.get("hosts", 3))
    vms, memory, fenced = {}, {}, set()
    for statement in statements:
        if statement.word == "vm":
            vms[statement.names[0]] = {
                "host": _number(statement, statement.need("on"), hosts),
                "memory_mib": grammar.mebibytes(statement, statement.keys.get("memory", VM_MEMORY)),
                "policy": {key: statement.keys[key] for key in POLICY if key in statement.keys}}
        elif statement.word == "host":
            number = _number(statement, statement.names[0], hosts)
            memory[str(number)] = grammar.mebibytes(statement, statement.need("memory"))
        elif statement.word == "fence":
            fenced.add(_number(statement, statement.need("host"), hosts))
    return Options(
        host_memory_mib=HOST_MEMORY_MIB, memory_mib=memory, fenced=sorted(fenced),
        hosts=hosts, datastores=int(keys.get("datastores", 3)),
        profile=cluster.choice(keys.get("profile", args.profile), *PROFILES),
        locks=locks, block=block, ipv6_only=args.ipv6_only, io=args.io,
        hosts_max=max(args.hosts_max, hosts), build=str(Path(args.build).resolve()),
        auto_reboot=args.auto_reboot, no_resolver=args.no_resolver, guests=vms,
        watchdog_class=cluster.choice(keys.get("watchdog", args.watchdog), *WATCHDOG_CLASSES),
        guest_ticks=guests.ticks_for(len(vms)))


def _number(statement, word, hosts):
    if not word.isdigit() or not 1 <= int(word) <= hosts:
        raise statement.wrong(f"the cluster has hosts 1 to {hosts}, not '{word}'")
    return int(word)


def read(path):
    """The statements of a file that the lab can tell; raises where it cannot."""
    statements = grammar.parse(path)
    for statement in statements:
        acts.check(statement)
    return statements


def run_file(lab, path, args):
    """Executes one file.  Returns what happened; the lab is gone afterwards, unless it failed and
    --keep-failed was given."""
    began = time.monotonic()
    try:
        statements = read(path)
        with teardown.undertaker(lab), priority.HostsGoFirst(lab):
            builder.bring_up(lab, options_of(statements, args), keep_failed=args.keep_failed)
            failure = _run_in_lab(lab, path, statements, args)
    except LabError as failed:
        failure = str(failed)
    if not lab.exists():
        left = proving.leftovers(lab.tag)
        failure = failure or (f"the run left behind: {'; '.join(left)}" if left else None)
    return {"file": str(path), "ok": failure is None, "failure": failure,
            "seconds": round(time.monotonic() - began, 1)}


def _run_in_lab(lab, path, statements, args):
    """Plays the statements in a lab that is up.  Returns what failed, or None."""
    failure = None
    with teardown.guard(lab, keep=lambda: failure and args.keep_failed):
        with expectations.NeverTwo(lab) as monitor:
            try:
                run = Run(lab, monitor)
                try:
                    _play(run, statements)
                finally:
                    run.end()
                replays.check(lab, note)
            except LabError as failed:
                failure = str(failed)
        if failure:
            note(expectations.picture(lab))
            if args.logs:
                _keep_logs(lab, Path(args.logs) / f"{path.resolve().parent.name}-{path.stem}")
    return failure


def _keep_logs(lab, folder):
    """What the hosts of a failed run wrote: logs of all programs and the agents' flight logs."""
    shutil.rmtree(folder, ignore_errors=True)
    for host in lab.hosts:
        for name in ("log", "var/log", "var/lib/holdfast/flight"):
            if (host.dir / name).is_dir():
                shutil.copytree(host.dir / name, folder / host.name / Path(name).name,
                                dirs_exist_ok=True)
    shutil.copy(lab.dir / "events.jsonl", folder)
    note(f"the hosts' logs are in {folder}")


def _play(run, statements):
    index = 0
    while index < len(statements):
        statement = statements[index]
        together = [statement]
        while (statement.word in acts.TOGETHER and index + len(together) < len(statements)
               and statements[index + len(together)].word == statement.word):
            together.append(statements[index + len(together)])
        index += len(together)
        if statement.word in ("cluster", "host", "vm"):
            continue
        note(f"{run.clock():8.3f} " + "; ".join(one.text for one in together))
        if statement.word.startswith("expect "):
            expectations.check(run, statement)
        else:
            acts.perform(run, together)
        run.monitor.raise_if_broken(statement, run.clock())
    time.sleep(SETTLE_S)            # a second copy would show itself within one round of writes
    run.monitor.raise_if_broken(statements[-1], run.clock())
