"""What a scenario does to a lab: one function per act."""
import signal
import time

from . import agent, datastores, fencing, grammar, guests, network, people
from .common import LabError, note
from .hosts import power_off_together

NOT_IN_LAB = {
    "drift": "the lab's hosts share one clock",
}
# What a line of the lab may say where the simulator knows more.
KEYS_IN_LAB = {
    "cluster": ("hosts", "datastores", "profile", "locks", "block", "watchdog"),
    "vm": ("on", "memory", "priority", "isolation", "after", "apart", "together"),
}


def refuse_keys(statement, *known):
    """Keys of the language that only the simulator understands so far."""
    for key in statement.keys:
        if key not in known:
            raise statement.wrong(f"the lab cannot do '{key}=', the simulator can")


def check(statement):
    """Refuses what the lab cannot do before anything is started."""
    if statement.word in NOT_IN_LAB:
        raise statement.wrong(f"not in the lab ({NOT_IN_LAB[statement.word]})")
    refuse_keys(statement, *KEYS_IN_LAB.get(statement.word, statement.keys))
    if statement.word == "fence":
        statement.choice(statement.names[0], *fencing.MODES)
    if statement.word == "timing":
        statement.choice(statement.need("profile"), *people.LEASES)
    if statement.word in ("maintenance", "datastore") and len(statement.flags) != 1:
        raise statement.wrong("needs one of its two words")
    if statement.word == "run":
        grammar.seconds(statement, statement.names[0])
    if "within" in statement.keys:
        grammar.seconds(statement, statement.keys["within"])


def perform(run, statements):
    """Carries out one act; several only for what happens at one moment."""
    statement = statements[0]
    try:
        if statement.word in TOGETHER:
            TOGETHER[statement.word](run, statements)
        else:
            ACTS[statement.word](run, statement)
    except (LabError, ValueError) as failed:
        raise statement.wrong(str(failed)) from failed


def _host(run, statement):
    return run.lab.host(statement.need("host"))


def _excuse(run, host):
    """Its VMs may be interrupted from here on: the scenario itself does it."""
    run.excused |= {vm for vm, hosts in guests.running(run.lab).items() if host.name in hosts}


def _power_off(run, statements):
    hosts = [_host(run, statement) for statement in statements]
    for host in hosts:
        _excuse(run, host)
    power_off_together(hosts)


def _power_on(run, statement):
    _host(run, statement).power_on()


def _freeze(run, statement):
    host = _host(run, statement)
    _excuse(run, host)
    host.freeze()


def _thaw(run, statement):
    host = _host(run, statement)
    if host.is_on():                # its watchdog may have been faster
        host.thaw()


def _agent_stop(run, statement):
    host = _host(run, statement)
    _excuse(run, host)
    agent.signal_program(host, signal.SIGSTOP, "agent-stop")


def _agent_continue(run, statement):
    host = _host(run, statement)
    if host.is_on():                # its watchdog may have been faster
        agent.signal_program(host, signal.SIGCONT, "agent-continue")


def _agent_upgrade(run, statement):
    """Asked to end it resigns and leaves its VMs; the supervisor starts the next one."""
    agent.signal_program(_host(run, statement), signal.SIGTERM, "agent-upgrade")


def _run(run, statement):
    end = time.monotonic() + grammar.seconds(statement, statement.names[0])
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, 0.2))
        run.monitor.raise_if_broken(statement, run.clock())


def _net_cut(run, statements):
    network.cut(run.lab, [_cut_of(run, statement) for statement in statements])


def _cut_of(run, statement):
    keys = statement.keys
    if "from" in keys or "to" in keys:
        return network.pair_cut(run.lab.host(statement.need("from")).number,
                                run.lab.host(statement.need("to")).number, keys.get("link", "all"))
    return network.host_cut(_host(run, statement).number, keys.get("link", "all"),
                            keys.get("dir", "both"))


def _ds(run, statement):
    host = run.lab.host(statement.keys["host"]) if "host" in statement.keys else None
    named = statement.need("ds")
    # In a scenario the disks of the VMs are no part of "all": the simulator has none.
    for name in [one.name for one in datastores.heartbeat(run.lab)] if named == "all" else [named]:
        datastores.inject(run.lab, statement.names[0], name, host, "write-only" in statement.flags)


def _isolation_address(run, statement):
    state = statement.choice(statement.names[0], "up", "down")
    network.set_isolation_address(run.lab, state == "up")


def _libvirt(run, statement):
    state = statement.choice(statement.names[0], "ok", "hang", "fail")
    _host(run, statement).set_libvirt(state)


def _fence(run, statement):
    fencing.set_mode(run.lab, _host(run, statement), statement.names[0])


def _confirm_dead(run, statement):
    """Typed at the leader.  The agent may refuse: that is for the expectations to see."""
    number = people.wait_leader(run.lab)
    note(f"         {agent.confirm_dead(run.lab.host(number), _host(run, statement))}")


def _vm_start(run, statement):
    vm, host = statement.names[0], run.lab.host(statement.need("on"))
    done = guests.user_start(run.lab, vm, host)
    run.starts_refused.pop((vm, host.number), None)
    if done.returncode != 0:
        run.starts_refused[vm, host.number] = done.stderr.strip() or f"status {done.returncode}"
        note(f"         {done.stderr.strip()}")


def _vm_stop(run, statement):
    run.excused.add(statement.names[0])
    guests.user_stop(run.lab, statement.names[0])


def _vm_crash(run, statement):
    run.excused.add(statement.names[0])
    guests.crash(run.lab, statement.names[0])


def _vm_migrate(run, statement):
    people.migrate(run, statement.names[0], run.lab.host(statement.need("to")))


def _shut_down(run, statement):
    host = _host(run, statement)
    _excuse(run, host)
    people.shut_down(run, host)


def _maintenance(run, statement):
    people.maintenance(run, _host(run, statement), next(iter(statement.flags)))


def _timing(run, statement):
    people.timing(run, statement.need("profile"), "unsafe" in statement.flags)


def _datastore(run, statement):
    people.datastore(run, next(iter(statement.flags)), statement.need("ds"))


# Neighbouring statements of these happen at one moment.
TOGETHER = {"power-off": _power_off, "net cut": _net_cut}
ACTS = {
    "power-on": _power_on,
    "freeze": _freeze,
    "thaw": _thaw,
    "run": _run,
    "agent-stop": _agent_stop,
    "agent-continue": _agent_continue,
    "agent-upgrade": _agent_upgrade,
    "agent-kill": lambda run, statement: agent.kill(_host(run, statement)),
    "net heal": lambda run, statement: network.heal(run.lab),
    "isolation-address": _isolation_address,
    "ds": _ds,
    "libvirt": _libvirt,
    "fence": _fence,
    "confirm-dead": _confirm_dead,
    "vm-start": _vm_start,
    "vm-stop": _vm_stop,
    "vm-crash": _vm_crash,
    "vm-migrate": _vm_migrate,
    "shut-down": _shut_down,
    "maintenance": _maintenance,
    "timing": _timing,
    "datastore": _datastore,
}
