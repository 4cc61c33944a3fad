"""The verbs of scripts/lab: each takes the lab and the parsed command line."""
import subprocess
from pathlib import Path

from . import (agent, builder, datastores, fencing, guests, jobs, network, priority, replays,
               scenario, watchdog)
from .common import LabError, note, print_json
from .hosts import power_off_together
from .state import DATASTORES_LIMIT, HOSTS_LIMIT, Options


def up(lab, args):
    for name, value, limit in (("hosts", args.hosts, HOSTS_LIMIT),
                               ("datastores", args.datastores, DATASTORES_LIMIT)):
        if not 1 <= value <= limit:
            raise LabError(f"--{name} is 1 to {limit}, not {value}")
    options = Options(
        hosts=args.hosts, datastores=args.datastores, profile=args.profile,
        locks=args.locks is not False, block=args.block, ipv6_only=args.ipv6_only, io=args.io,
        fenced=list(range(1, args.hosts + 1)) if args.fence else [],
        hosts_max=max(args.hosts_max, args.hosts), build=str(Path(args.build).resolve()),
        agent=not args.no_agent, auto_reboot=args.auto_reboot, watchdog_class=args.watchdog,
        accept_weak_watchdog=args.accept_weak_watchdog,
        no_resolver=args.no_resolver, guest_ticks=guests.ticks_for(args.vms),
        guests=builder.spread(args.vms, args.hosts))
    with priority.HostsGoFirst(lab):
        builder.bring_up(lab, options, keep_failed=args.keep_failed)
    status(lab, args)


def down(lab, args):
    lab.destroy()
    if args.json:
        print_json({"ok": True})


def status(lab, args):
    report = describe(lab)
    if args.json:
        print_json(report)
        return
    print(f"lab {report['dir']} ({report['tag']})")
    for host in report["hosts"]:
        print(f"  {host['name']:4} {host['state']:7} resets {host['resets']}  {_agent_line(host)}")
        for name, fault in host["faults"].items():
            print(f"       {name}: {fault}")
    for cut in report["cuts"]:
        print("  cut  " + " ".join(f"{key}={value}" for key, value in cut.items()))


def describe(lab):
    """Everything `status` prints."""
    resets = [event["host"] for event in lab.events() if event["event"] == "reset"]
    hosts = []
    for host in lab.hosts:
        faults = {one.name: datastores.fault(host, one.name) for one in datastores.all_of(lab)}
        hosts.append({"id": host.number, "name": host.name, "state": host.state(),
                      "resets": resets.count(host.number),
                      "faults": {name: fault for name, fault in faults.items() if fault != "ok"},
                      "agent": agent.status(host) if lab.options.agent_started else None})
    return {"dir": str(lab.dir), "tag": lab.tag, "hosts": hosts, "cuts": network.cuts(lab)}


def _agent_line(host):
    said = host["agent"]
    if said is None:
        return "agent: no answer"
    leader = (said.get("leader") or {}).get("name", "none")
    return (f"agent: {said['host']['phase']}, leader {leader}, "
            f"{sum(1 for vm in said.get('vms', []) if vm.get('host') == host['id'])} VMs")


def power_off(lab, args):
    power_off_together([lab.host(name) for name in args.host])


def power_on(lab, args):
    for name in args.host:
        lab.host(name).power_on()


def freeze(lab, args):
    lab.host(args.host).freeze()


def thaw(lab, args):
    lab.host(args.host).thaw()


def agent_kill(lab, args):
    agent.kill(lab.host(args.host), args.program)


def net_cut(lab, args):
    if len(args.host) == 2:
        if args.dir_of_cut != "both":
            raise LabError("--dir belongs to a cut of one host")
        one, other = (lab.host(name).number for name in args.host)
        network.cut(lab, [network.pair_cut(one, other, args.link)])
    else:
        network.cut(lab, [network.host_cut(lab.host(args.host[0]).number, args.link,
                                           args.dir_of_cut)])


def net_heal(lab, _):
    network.heal(lab)


def isolation_address(lab, args):
    network.set_isolation_address(lab, args.state == "up")


def ds(lab, args):
    host = lab.host(args.host) if args.host else None
    datastores.inject(lab, args.fault, args.datastore, host, args.write_only)


def libvirt(lab, args):
    lab.host(args.host).set_libvirt(args.state)


def fence(lab, args):
    fencing.set_mode(lab, lab.host(args.host), args.mode)


def vms(lab, args):
    rows = guests.table(lab)
    if args.json:
        print_json(rows)
        return
    print("VM       runs on    epoch  writes  conflicts")
    for row in rows:
        print(f"{row['name']:8} {','.join(row['hosts']) or '-':10} {row['epoch']:5} "
              f"{row['counter']:7} {row['conflicts']:10}")


def vm_start(lab, args):
    done = guests.user_start(lab, args.vm, lab.host(args.on))
    if done.returncode != 0:
        raise LabError(done.stderr.strip())


def vm_stop(lab, args):
    guests.user_stop(lab, args.vm)


def vm_crash(lab, args):
    guests.crash(lab, args.vm)


def vm_migrate(lab, args):
    guests.migrate(lab, args.vm, lab.host(args.to))


def events(lab, args):
    for event in lab.events(args.since):
        if args.json:
            print_json(event)
        else:
            more = " ".join(f"{key}={value}" for key, value in event.items()
                            if key not in ("time_s", "event", "host") and value)
            print(f"{event['time_s']:12.3f} {event['event']:10} host {event['host'] or '-'} {more}")


def execute(lab, args):
    if not args.command:
        raise LabError("exec needs a command")
    return subprocess.call(lab.host(args.host).inside(args.command))


def run_scenario(lab, args):
    failed = 0
    for said, result in _results(lab, args):
        failed += not result["ok"]
        if said:
            note(f"=== {result['file']}\n{said.rstrip()}")
        if args.json:
            print_json(result)
        else:
            note(f"{result['file']}: {'ok' if result['ok'] else result['failure']} "
                 f"({result['seconds']:.1f} s)")
    return 1 if failed else 0


def _results(lab, args):
    """One after the other a run says at once what happens; side by side, when it has ended."""
    if args.jobs > 1 and len(args.file) > 1:
        yield from jobs.run_files(lab.dir, args.file, args)
        return
    for path in args.file:
        yield None, scenario.run_file(lab, Path(path), args)


def can_tell(_lab, args):
    """Prints the files that the lab can tell; why not the others, on stderr."""
    for path in args.file:
        try:
            scenario.read(Path(path))
        except LabError as why:
            note(str(why))
        else:
            print(path)


def replay(lab, _args):
    replays.check(lab, print)


def stand_in_fence(lab, _):
    fencing.serve(lab)


def stand_in_watchdog(lab, args):
    watchdog.serve(lab.host(args.host))
