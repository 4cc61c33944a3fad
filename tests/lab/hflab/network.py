"""Two networks between the hosts, in a namespace of the lab's own, and the cuts in them.

Link a and link b are bridges; each host has a port on both.  Cuts are nftables rules on the
bridges: the machine's own network is never touched.  The isolation address answers from bridge a.
"""
import json
from pathlib import Path

from .common import LabError, run, write_atomically

LINKS = ("a", "b")
NAMESPACES = Path("/run/netns")
ISOLATION_ADDRESSES = ("10.213.1.254/24", "fd00:a::254/64")


def switch_namespace(tag):
    return f"{tag}-net"


def host_namespace(tag, number):
    return f"{tag}-h{number}"


def port(tag, number, link):
    """The switch side of a host's cable: at most 15 characters."""
    return f"{tag}-{number}{link}"


def bridge(tag, link):
    return f"{tag}-br{link}"


def addresses(number, ipv6_only):
    """A host's addresses, one tuple per link, the first of each is the one in the configuration."""
    both = [(f"10.213.{index}.{number}", f"fd00:{link}::{number}")
            for index, link in enumerate(LINKS, start=1)]
    return [pair[1:] if ipv6_only else pair for pair in both]


def create(lab):
    """Namespaces, bridges and cables for all hosts."""
    net, tag = switch_namespace(lab.tag), lab.tag
    run(["ip", "netns", "add", net])
    _sysctl_quiet(net)
    lines = ["link set lo up"]
    for link in LINKS:
        lines += [f"link add {bridge(tag, link)} type bridge mcast_snooping 0 forward_delay 0",
                  f"link set {bridge(tag, link)} up"]
    for host in lab.hosts:
        inside = host_namespace(tag, host.number)
        run(["ip", "netns", "add", inside])
        _sysctl_quiet(inside)
        for link in LINKS:
            name = port(tag, host.number, link)
            lines += [f"link add {name} type veth peer name eth-{link} netns {inside}",
                      f"link set {name} master {bridge(tag, link)}"]
    _batch(net, lines)
    for host in lab.hosts:
        lines = ["link set lo up"]
        for link, own in zip(LINKS, addresses(host.number, lab.options.ipv6_only)):
            lines.append(f"link set eth-{link} up")
            lines += [f"addr add {one}/64 dev eth-{link} nodad" if ":" in one
                      else f"addr add {one}/24 dev eth-{link}" for one in own]
        _batch(host_namespace(tag, host.number), lines)
    set_isolation_address(lab, True)


def _sysctl_quiet(namespace):
    """No duplicate address detection and no router solicitations: addresses are there at once."""
    run(["ip", "netns", "exec", namespace, "sysctl", "-qw",
         "net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.all.accept_dad=0",
         "net.ipv6.conf.default.router_solicitations=0", "net.ipv6.conf.default.accept_ra=0"])


def _batch(namespace, lines):
    run(["ip", "-n", namespace, "-batch", "-"], stdin="\n".join(lines) + "\n")


def plug(lab, number, inserted):
    """A host without power does not answer: its ports go down with it."""
    _batch(switch_namespace(lab.tag),
           [f"link set {port(lab.tag, number, link)} {'up' if inserted else 'down'}"
            for link in LINKS])


def set_isolation_address(lab, up):
    net, device = switch_namespace(lab.tag), bridge(lab.tag, "a")
    run(["ip", "-n", net, "addr", "flush", "dev", device, "scope", "global"])
    if up:
        _batch(net, [f"addr add {one} dev {device}" + (" nodad" if ":" in one else "")
                     for one in ISOLATION_ADDRESSES
                     if ":" in one or not lab.options.ipv6_only])


# --- cuts ---------------------------------------------------------------------------------------

def _cuts_file(lab):
    return lab.dir / "cuts.json"


def cuts(lab):
    try:
        return json.loads(_cuts_file(lab).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []


def host_cut(number, link="all", direction="both"):
    """Drops what a host sends (out), what it should receive (in), or both."""
    if direction not in ("in", "out", "both"):
        raise LabError("--dir is in, out or both")
    return {"host": number, "link": _link(link), "dir": direction}


def pair_cut(sender, receiver, link="all"):
    """Two hosts no longer hear each other; everybody else still hears both."""
    if sender == receiver:
        raise LabError("a host cannot be cut from itself")
    return {"from": sender, "to": receiver, "link": _link(link)}


def _link(link):
    if link not in (*LINKS, "all"):
        raise LabError("--link is a, b or all")
    return link


def cut(lab, more):
    """All of these at one moment."""
    with lab.locked():
        write_atomically(_cuts_file(lab), json.dumps([*cuts(lab), *more]))
        _apply(lab)


def heal(lab):
    with lab.locked():
        _cuts_file(lab).unlink(missing_ok=True)
        _apply(lab)


def _rules(lab, one_cut):
    """The nftables rules of one cut, by chain."""
    for link in LINKS if one_cut["link"] == "all" else (one_cut["link"],):
        if "from" in one_cut:
            one, other = (port(lab.tag, one_cut[key], link) for key in ("from", "to"))
            yield "forward", f'iifname "{one}" oifname "{other}" drop'
            yield "forward", f'iifname "{other}" oifname "{one}" drop'
            continue
        name = port(lab.tag, one_cut["host"], link)
        if one_cut["dir"] in ("out", "both"):
            yield "prerouting", f'iifname "{name}" drop'
        if one_cut["dir"] in ("in", "both"):
            yield "forward", f'oifname "{name}" drop'
            yield "output", f'oifname "{name}" drop'


def _apply(lab):
    """Replaces all rules in one transaction."""
    chains = {"prerouting": [], "forward": [], "output": []}
    for one_cut in cuts(lab):
        for chain, rule in _rules(lab, one_cut):
            chains[chain].append(rule)
    text = ["table bridge cuts", "delete table bridge cuts", "table bridge cuts {"]
    for chain, rules in chains.items():
        text += [f"chain {chain} {{ type filter hook {chain} priority 0; policy accept;",
                 *rules, "}"]
    text.append("}")
    run(["ip", "netns", "exec", switch_namespace(lab.tag), "nft", "-f", "-"],
        stdin="\n".join(text) + "\n")


# --- the end ------------------------------------------------------------------------------------

def namespaces(tag):
    """The lab's network namespaces that exist.  `ip netns list` asks the kernel about each, and
    waits for those that are just being taken down."""
    return [entry.name for entry in NAMESPACES.glob(f"{tag}-*")]


def remove_all(tag):
    """Bridges, cables and addresses end with their namespaces."""
    for name in namespaces(tag):
        run(["ip", "netns", "del", name])
