"""Holdfast itself on the lab's hosts: its configuration, its start, and what it answers."""
import json
import os
import re
import secrets
import signal

from . import datastores, fencing, network
from .common import LabError, run, wait_until, write_atomically

CONFIG = "/etc/holdfast/holdfast.toml"
KEY = "/etc/holdfast/cluster.key"
ACCEPTANCE = "I accept that a hung host may run its VMs twice"
FORM_LIMIT_S = 120
LEADERS_ASKED_MAX = 5
ASK_LIMIT_S = 8                     # of one question to one agent, on a busy machine
CONFIRM_LIMIT_S = 15
RESERVE_MIB_MIN = 16


def create_key(lab):
    """One key for the cluster, in the folder of every host."""
    text = secrets.token_hex(32) + "\n"
    for host in lab.hosts:
        path = host.dir / "etc" / "holdfast" / "cluster.key"
        path.write_text(text, encoding="ascii")
        path.chmod(0o600)


def write_config(host):
    """The host's holdfast.toml; the keys are those of docs/CONFIGURATION.md."""
    lab, options = host.lab, host.lab.options
    lines = ["[cluster]", f'uuid = "{options.cluster_uuid}"', f'name = "{lab.tag}"',
             f'key_file = "{KEY}"', "", "[host]", f"id = {host.number}",
             f'memory_reserve = "{_reserve_mib(host)}MiB"', "", "[timing]",
             f'profile = "{options.profile}"', ""]
    for member in lab.hosts:
        own = [pair[0] for pair in network.addresses(member.number, options.ipv6_only)]
        lines += ["[[member]]", f"id = {member.number}", f'name = "{member.name}"',
                  f"addresses = {json.dumps(own)}", *fencing.config_lines(member), ""]
    for datastore in datastores.heartbeat(lab):
        lines += ["[[datastore]]", f'name = "{datastore.name}"', f'path = "{datastore.path}"', ""]
    vms = datastores.of_vms(lab)
    lines += ["[[vm_datastore]]", f'name = "{vms.name}"', f'path = "{vms.path}"', ""]
    isolation = network.ISOLATION_ADDRESSES[1 if options.ipv6_only else 0].split("/")[0]
    lines += ["[network]", f'isolation_addresses = ["{isolation}"]', ""]
    lines += ["[isolation]", 'shutdown_limit = "3s"', ""]    # its guests do not listen
    lines += ["[watchdog]", *_watchdog_lines(options), ""]
    write_atomically(host.dir / "etc" / "holdfast" / "holdfast.toml", "\n".join(lines))


def _reserve_mib(host):
    """A host of a scenario has less memory than the machine that it runs on: the rest is kept."""
    wanted = host.lab.options.memory_mib.get(str(host.number), host.lab.options.host_memory_mib)
    if not wanted:
        return RESERVE_MIB_MIN
    said = re.search(r"Memory size:\s+(\d+) KiB", host.virsh(["nodeinfo"]).stdout)
    machine = int(said[1]) // 1024 if said else 0
    if machine < wanted:
        raise LabError(f"{host.name} is to have {wanted} MiB for VMs, the machine has {machine}")
    return machine - wanted


def _watchdog_lines(options):
    device = "none" if options.watchdog_class == "none" else "stand-in:/lab/watchdog/socket"
    lines = [f'device = "{device}"']
    if options.accept_weak_watchdog:
        lines.append(f'accept_without_hardware = "{ACCEPTANCE}"')
    return lines


def require_built(lab):
    missing = [name for name in ("holdfast", "holdfastd", "holdfast-vm", "holdfast-keeper",
                                 "holdfast-supervise")
               if not os.access(os.path.join(lab.options.build, "agent", name), os.X_OK)]
    if missing:
        raise LabError(f"{', '.join(missing)} missing in {lab.options.build}/agent: "
                       "cmake --preset release && cmake --build --preset release, "
                       "or `up --no-agent`")


def format_datastores(lab):
    """Formats all heartbeat datastores, from the first host, in one command."""
    paths = [datastore.path for datastore in datastores.heartbeat(lab)]
    argv = ["holdfast", "format", *paths, "--cluster-uuid", lab.options.cluster_uuid,
            "--hosts-max", lab.options.hosts_max, "--json"]
    return lab.hosts[0].run(argv, timeout=120)


def start(host):
    """Starts the supervisor, which starts the agent's processes and keeps them running."""
    argv = ["holdfast-supervise", "--config", CONFIG]
    if host.lab.options.io != "auto":
        argv = ["env", f"HOLDFAST_IO={host.lab.options.io}", *argv]
    # What RuntimeDirectory= does where systemd starts the keeper.
    host.path("/run/holdfast").mkdir(mode=0o700, exist_ok=True)
    host.start_process(argv, "agent.log")


def start_all(lab):
    lab.options.agent_started = True
    lab.save()
    for host in lab.hosts:
        start(host)


def kill(host, program="holdfastd"):
    """kill -9 of one process of the agent; the supervisor starts it again."""
    signal_program(host, signal.SIGKILL, "agent-kill", program)


def signal_program(host, number, event, program="holdfastd"):
    """A signal for one process of the agent, and a line about it in the lab's own record."""
    pids = host.processes(program)
    if not pids:
        raise LabError(f"no {program} runs on {host.name}")
    for pid in pids:
        os.kill(pid, number)
    host.lab.record(event, host.number, program=program)


def ask(host, *words):
    """`holdfast … --json` on one host: its text, or None when the agent does not answer."""
    if host.state() != "on":
        return None
    try:
        done = run(host.inside(["timeout", ASK_LIMIT_S, "holdfast", *words, "--json"]),
                   check=False, timeout=ASK_LIMIT_S + 2)
    except LabError:
        return None
    return done.stdout if done.stdout.strip() else None


def status(host):
    """`holdfast status --json`, or None."""
    text = ask(host, "status")
    try:
        return json.loads(text) if text else None
    except json.JSONDecodeError:
        return None


def events(host, since=0.0):
    """`holdfast events --json`: a list, empty when the agent does not answer."""
    text = ask(host, "events", "--since", f"{since:.3f}") or ""
    found = []
    for line in text.splitlines():
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return found


def confirm_dead(leading, host):
    """A person types at one host that another is dead.  Returns what was answered."""
    done = leading.run(["holdfast", "confirm-dead", host.number, "--i-have-seen-it-powered-off",
                        host.name], check=False, timeout=CONFIRM_LIMIT_S)
    host.lab.record("confirm-dead", host.number, at=leading.number, status=done.returncode)
    return (done.stdout + done.stderr).strip()


def leader(lab):
    """The number of the host that most of the answering agents call leader, or None."""
    votes = {}
    for host in lab.hosts:
        said = status(host)
        if said and said.get("leader"):
            number = said["leader"]["id"]
            votes[number] = votes.get(number, 0) + 1
    return max(votes, key=votes.get) if votes else None


def let_first_lead(lab):
    """Has host 1 lead, as stories expect: who leads otherwise is asked to go and begins anew."""
    for _ in range(LEADERS_ASKED_MAX):
        number = leader(lab)
        if number == 1:
            return
        signal_program(lab.host(number), signal.SIGTERM, "agent-upgrade")
        wait_until(lambda asked=number: leader(lab) not in (asked, None), seconds=FORM_LIMIT_S,
                   what="the next leader", every=0.25)
        wait_formed(lab)
    raise LabError("host 1 does not come to lead")


def wait_formed(lab):
    """Returns when every host is a member, all name one leader, and every VM is protected and
    guarded."""
    state = {"why": "no agent has answered yet"}
    try:
        wait_until(lambda: _formed(lab, state), seconds=FORM_LIMIT_S, what="the cluster to form",
                   every=0.25)
    except LabError as late:
        raise LabError(f"{late}: {state['why']}") from late


def _guarded(lab, host, said):
    """Whether a host's watchdog stands behind its claims: without that nobody may call it dead."""
    claims = [vm for vm in said.get("vms", []) if vm.get("host") == host.number]
    return not claims or lab.options.watchdog_class == "none" or said["host"]["keeper_armed"]


def _formed(lab, state):
    leaders, protected = set(), set()
    for host in lab.hosts:
        said = status(host)
        if said is None:
            state["why"] = f"the agent on {host.name} does not answer"
            return False
        phase = said["host"]["phase"]
        if phase != "member" or not said.get("leader"):
            state["why"] = f"{host.name} is '{phase}', its leader {said.get('leader')}"
            return False
        if not _guarded(lab, host, said):
            state["why"] = f"{host.name} has claims, but its keeper is not armed"
            return False
        leaders.add(said["leader"]["id"])
        protected |= {vm["name"] for vm in said.get("vms", []) if vm.get("protected")}
    missing = sorted(set(lab.options.guests) - protected)
    state["why"] = f"leaders {sorted(leaders)}, VMs not yet protected: {missing}"
    return len(leaders) == 1 and not missing
