"""The command line of scripts/lab."""
import argparse
import os
import sys

from . import fencing, verbs
from .common import LabError
from .priority import go_first
from .state import REPOSITORY, Lab

DEFAULT_DIR = "/tmp/holdfast-lab"
WITHOUT_LAB = ("up", "down", "run", "can-tell")


def up_options(parser):
    """The options of `up`, which `run` shares."""
    parser.add_argument("--profile", default="fast", choices=("fast", "standard", "patient"))
    locks = parser.add_mutually_exclusive_group()
    locks.add_argument("--locks", action="store_true", default=None,
                       help="storage forwards QEMU's locks between hosts, as NFS does "
                            "(default; `run`: what the scenario says)")
    locks.add_argument("--no-locks", dest="locks", action="store_false",
                       help="storage forwards no locks between hosts, as a LUN")
    parser.add_argument("--block", action="store_true",
                        help="datastores and disks are block devices; implies --no-locks")
    parser.add_argument("--ipv6-only", action="store_true")
    parser.add_argument("--io", default=os.environ.get("HOLDFAST_IO", "auto"),
                        choices=("auto", "io_uring", "libaio"),
                        help="the agents' kind of I/O; default HOLDFAST_IO, or auto")
    parser.add_argument("--hosts-max", type=int, default=8, help="slots per datastore")
    parser.add_argument("--build", default=str(REPOSITORY / "build" / "release"),
                        help="where the programs were built")
    parser.add_argument("--auto-reboot", action="store_true",
                        help="a host that was reset powers on again")
    parser.add_argument("--watchdog", default="hardware", choices=("hardware", "soft", "none"))
    parser.add_argument("--resolver", dest="no_resolver", action="store_false",
                        help="give hosts the machine's resolver")
    parser.add_argument("--no-resolver", dest="no_resolver", action="store_true", default=True,
                        help="hosts can resolve no name at all (default)")
    parser.add_argument("--keep-failed", action="store_true",
                        help="do not take the lab down when it fails")


def build_parser():
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--dir", default=argparse.SUPPRESS,
                        help=f"the folder of the lab's state, default {DEFAULT_DIR}")
    common.add_argument("--json", action="store_true", default=argparse.SUPPRESS)
    parser = argparse.ArgumentParser(prog="lab", description=__doc__, parents=[common])
    commands = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name, function, text=None, **more):
        added = commands.add_parser(name, parents=[common], help=text, **more)
        added.set_defaults(function=function)
        return added

    one = verb("up", verbs.up, "build a cluster")
    one.add_argument("--hosts", type=int, default=3)
    one.add_argument("--datastores", type=int, default=3)
    one.add_argument("--vms", type=int, default=6)
    one.add_argument("--accept-weak-watchdog", action="store_true",
                     help="the configuration accepts silence as proof without a hardware watchdog")
    one.add_argument("--fence", action="store_true", help="every host has a fence device")
    one.add_argument("--no-agent", action="store_true", help="hosts and guests only")
    up_options(one)
    verb("down", verbs.down, "remove everything; does nothing twice")
    verb("status", verbs.status, "hosts, faults, cuts, and what the agents say")
    verb("vms", verbs.vms, "where each VM runs, and the counters on its disk")
    one = verb("events", verbs.events, "what the world did: power, resets, faults")
    one.add_argument("--since", type=float, default=0.0, help="seconds of CLOCK_BOOTTIME")
    for name, function, many in (("power-off", verbs.power_off, "+"),
                                 ("power-on", verbs.power_on, "+"),
                                 ("freeze", verbs.freeze, None), ("thaw", verbs.thaw, None)):
        verb(name, function).add_argument("host", nargs=many)
    one = verb("agent-kill", verbs.agent_kill, "kill -9 of the agent")
    one.add_argument("host")
    one.add_argument("--program", default="holdfastd",
                     choices=("holdfastd", "holdfast-vm", "holdfast-keeper"))
    _net_verbs(verb("net", None, "cut and heal the networks"), common)
    one = verb("isolation-address", verbs.isolation_address, "the address that hosts ping")
    one.add_argument("state", choices=("up", "down"))
    one = verb("ds", verbs.ds, "storage faults: ok, eio, hang, hang!, delay=300ms")
    one.add_argument("fault")
    one.add_argument("datastore", help="1, hb1, vms or all")
    one.add_argument("--host")
    one.add_argument("--write-only", action="store_true")
    one = verb("libvirt", verbs.libvirt, "a libvirtd that hangs or is gone")
    one.add_argument("state", choices=("ok", "hang", "fail"))
    one.add_argument("host")
    one = verb("fence", verbs.fence, "what a host's fence device does when it is used")
    one.add_argument("mode", choices=fencing.MODES)
    one.add_argument("host")
    _vm_verbs(verb)
    one = verb("exec", verbs.execute, "run a command in a host")
    one.add_argument("host")
    one.add_argument("command", nargs=argparse.REMAINDER)
    verb("replay", verbs.replay, "replay every host's flight logs: the same decisions again")
    one = verb("run", verbs.run_scenario, "execute scenario files (docs/SCENARIOS.md)")
    one.add_argument("file", nargs="+")
    one.add_argument("--jobs", type=int, default=1, metavar="N",
                     help="so many files side by side, each in a lab of its own")
    one.add_argument("--logs", metavar="DIR",
                     help="where the hosts' logs of failed runs go: DIR/FOLDER-FILE")
    up_options(one)
    one = verb("can-tell", verbs.can_tell, "which of these scenario files the lab can tell")
    one.add_argument("file", nargs="+")
    commands.add_parser("stand-in-fence", parents=[common]).set_defaults(
        function=verbs.stand_in_fence)
    one = commands.add_parser("stand-in-watchdog", parents=[common])
    one.add_argument("host")
    one.set_defaults(function=verbs.stand_in_watchdog)
    return parser


def _net_verbs(parser, common):
    kinds = parser.add_subparsers(dest="kind", required=True)
    cut = kinds.add_parser("cut", parents=[common], help="one host, or two from each other")
    cut.add_argument("host", nargs="+")
    cut.add_argument("--link", default="all", choices=("a", "b", "all"))
    cut.add_argument("--dir-of-cut", default="both", help=argparse.SUPPRESS)
    cut.set_defaults(function=verbs.net_cut)
    heal = kinds.add_parser("heal", parents=[common], help="undo all cuts")
    heal.set_defaults(function=verbs.net_heal)


def _vm_verbs(verb):
    for name, function, option in (("vm-start", verbs.vm_start, "--on"),
                                   ("vm-stop", verbs.vm_stop, None),
                                   ("vm-crash", verbs.vm_crash, None),
                                   ("vm-migrate", verbs.vm_migrate, "--to")):
        one = verb(name, function, "as a user of libvirt does" if option else None)
        one.add_argument("vm")
        if option:
            one.add_argument(option, required=True, metavar="HOST")


def cut_direction(words):
    """`--dir` means the lab's folder everywhere, and in `net cut` also a direction: the words in,
    out and both are directions there."""
    if "cut" not in words or "net" not in words:
        return words
    fixed = list(words)
    for index, word in enumerate(fixed):
        if word == "--dir" and fixed[index + 1:index + 2] in (["in"], ["out"], ["both"]):
            fixed[index] = "--dir-of-cut"
        elif word in ("--dir=in", "--dir=out", "--dir=both"):
            fixed[index] = word.replace("--dir", "--dir-of-cut")
    return fixed


def main():
    go_first()
    args = build_parser().parse_args(cut_direction(sys.argv[1:]))
    args.json = getattr(args, "json", False)
    # A scenario has a lab of its own, so that it never meets one that is up.
    usual = f"{DEFAULT_DIR}-run-{os.getpid()}" if args.verb == "run" else DEFAULT_DIR
    lab = Lab(getattr(args, "dir", usual))
    try:
        if args.verb not in WITHOUT_LAB:
            lab.load()
        return args.function(lab, args) or 0
    except LabError as failed:
        print(f"lab: {failed}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 1
