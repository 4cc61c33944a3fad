"""scripts/demo: a follower dies, then the leader, and every step of both failovers is shown."""
import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from . import agent, builder, failover, guests, replays, teardown
from .common import LabError, print_json, wait_until
from .state import REPOSITORY, Lab, Options

HOSTS, DATASTORES, VMS = 3, 3, 6
FAILOVER_LIMIT_S = 45
SETTLE_S = 2.0
COLOURS = {"title": "1;36", "good": "32", "bad": "1;31", "quiet": "2"}


class Screen:
    """What people see; on stderr when stdout belongs to JSON.  Colour only on a terminal."""

    def __init__(self, json):
        self.stream = sys.stderr if json else sys.stdout
        self.coloured = self.stream.isatty() and "NO_COLOR" not in os.environ

    def say(self, text="", style=None):
        if style and self.coloured:
            text = f"\033[{COLOURS[style]}m{text}\033[0m"
        print(text, file=self.stream, flush=True)


def parse(words):
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--no-locks", action="store_true",
                        help="storage without locks: only Holdfast prevents a second start")
    parser.add_argument("--block", action="store_true", help="LUNs instead of files")
    parser.add_argument("--ipv6-only", action="store_true")
    parser.add_argument("--profile", default="fast", choices=("fast", "standard", "patient"))
    parser.add_argument("--build", help="a build to use as it is, instead of building")
    parser.add_argument("--dir", help="the lab's folder; default a new one below /tmp")
    parser.add_argument("--keep", action="store_true", help="leave the cluster up at the end")
    return parser.parse_args(words)


def main():
    args = parse(sys.argv[1:])
    screen = Screen(args.json)
    result = {"ok": False, "profile": args.profile, "hosts": HOSTS, "acts": []}
    try:
        if os.geteuid() != 0:
            raise LabError("the demo needs root (namespaces, FUSE, libvirtd): sudo scripts/demo")
        build = Path(args.build).resolve() if args.build else build_release(screen)
        play(args, build, screen, result)
    except LabError as failed:
        screen.say(f"demo: {failed}", "bad")
    except KeyboardInterrupt:
        screen.say("demo: interrupted; everything is taken down", "bad")
    if args.json:
        print_json(result)
    return 0 if result["ok"] else 1


def build_release(screen):
    """Configures and builds the release preset."""
    began = time.monotonic()
    screen.say("Building (cmake --preset release) …", "title")
    log = REPOSITORY / "build" / "demo-build.log"
    log.parent.mkdir(exist_ok=True)
    with open(log, "wb") as output:
        for command in (["cmake", "--preset", "release"],
                        ["cmake", "--build", "--preset", "release"]):
            done = subprocess.run(command, cwd=REPOSITORY, stdout=output, stderr=output,
                                  check=False)
            if done.returncode != 0:
                tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:]
                raise LabError(f"{' '.join(command)} failed; the end of {log}:\n"
                               + "\n".join(tail))
    screen.say(f"  built in {time.monotonic() - began:.0f} s", "quiet")
    return REPOSITORY / "build" / "release"


def play(args, build, screen, result):
    lab = Lab(args.dir or f"/tmp/holdfast-demo-{os.getpid()}")
    io = os.environ.get("HOLDFAST_IO", "auto")
    options = Options(
        hosts=HOSTS, datastores=DATASTORES, profile=args.profile,
        locks=not (args.no_locks or args.block), block=args.block, ipv6_only=args.ipv6_only,
        io=io, build=str(build), guests=builder.spread(VMS, HOSTS),
        guest_ticks=guests.ticks_for(VMS))
    kind = ("block devices" if args.block else "files") + \
        ("" if options.locks else ", no locks between hosts")
    screen.say(f"\nStarting {HOSTS} hosts, {DATASTORES} datastores ({kind}), {VMS} VMs, profile "
               f"{args.profile} …", "title")
    began = time.monotonic()
    builder.bring_up(lab, options)
    with teardown.guard(lab, keep=lambda: args.keep):
        screen.say(f"  up in {time.monotonic() - began:.0f} s", "quiet")
        show_cluster(lab, screen)
        follower = choose_follower(lab)
        result["acts"].append(act(lab, screen, follower, "follower"))
        screen.say(f"\n{follower.name} gets its power back …", "title")
        follower.power_on()
        agent.wait_formed(lab)
        show_cluster(lab, screen)
        leader = lab.host(agent.leader(lab))
        result["acts"].append(act(lab, screen, leader, "leader"))
        result["ok"] = verdict(lab, screen, result["acts"])
        screen.say("\nThe agents' decisions, made again from their flight logs", "title")
        replays.check(lab, screen.say)
        if args.keep:
            screen.say(f"\nLeft up: scripts/lab --dir {lab.dir} status", "quiet")
    if not args.keep:
        screen.say("Everything is taken down.", "quiet")


def show_cluster(lab, screen):
    leader = agent.leader(lab)
    rows = guests.table(lab)
    for host in lab.hosts:
        own = [row["name"] for row in rows if row["hosts"] == [host.name]]
        role = "leader" if host.number == leader else "follower"
        screen.say(f"  {host.name}  {role:8}  runs {', '.join(own) or 'nothing'}")


def choose_follower(lab):
    """The follower with the most VMs."""
    leader = agent.leader(lab)
    rows = guests.table(lab)
    followers = [host for host in lab.hosts if host.number != leader]
    return max(followers, key=lambda host: sum(row["hosts"] == [host.name] for row in rows))


def act(lab, screen, host, role):
    """Takes the power from one host and follows what happens until its VMs write again."""
    watch = failover.Watch(lab, host)
    if not watch.lost:
        raise LabError(f"{host.name} runs no VM: nothing to show")
    screen.say(f"\nThe {role} {host.name} loses its power, and with it {', '.join(watch.lost)}",
               "title")
    host.power_off()
    watch.begin()
    try:
        follow(screen, watch)
    finally:
        watch.end()
    summary = watch.summary(role)
    say_summary(screen, host, summary)
    return summary


def follow(screen, watch):
    deadline = time.monotonic() + FAILOVER_LIMIT_S
    while not watch.all_write() and time.monotonic() < deadline:
        for step in watch.new_steps():
            screen.say("  " + step)
        time.sleep(failover.POLL_S)
    time.sleep(SETTLE_S)            # a second copy would show itself; late events arrive
    for step in watch.new_steps():
        screen.say("  " + step)


def say_summary(screen, host, summary):
    writes = summary["first_write_s"]
    if summary["restarted"] == summary["vms"] and not summary["conflicts"]:
        screen.say(f"  {summary['vms']} of {summary['vms']} VMs of {host.name} run again, first "
                   f"writes after {statistics.median(writes):.1f} s (median), foreign writes: 0",
                   "good")
    else:
        screen.say(f"  {summary['restarted']} of {summary['vms']} VMs run again, foreign writes: "
                   f"{summary['conflicts']}", "bad")


def verdict(lab, screen, acts):
    """Whether everything came out right: every guest writes, alone, and every time is known."""
    before = {row["name"]: row for row in guests.table(lab)}
    try:
        wait_until(lambda: all(row["counter"] > before[row["name"]]["counter"]
                               for row in guests.table(lab)), seconds=5, what="all guests to write")
        writing = True
    except LabError:
        writing = False
    rows = guests.table(lab)
    screen.say("\nWhat the guests' disks say", "title")
    for row in rows:
        where = ",".join(row["hosts"]) or "no host"
        screen.say(f"  {row['name']}  on {where:4} boot {row['epoch']}, {row['counter']} writes, "
                   f"{row['conflicts']} by others")
    good = (writing and all(len(row["hosts"]) == 1 and not row["conflicts"] for row in rows)
            and all(one["restarted"] == one["vms"] and one["dead_s"] is not None
                    and one["order_s"] is not None for one in acts))
    screen.say("Every VM runs, each on one host." if good else "Something went wrong.",
               "good" if good else "bad")
    return good
