"""Bringing a whole lab up, in an order that leaves nothing behind when any step fails."""
import os
from concurrent.futures import ThreadPoolExecutor

from . import agent, datastores, fencing, guests, network, teardown
from .common import LabError, note

DEFAULT_VM_MEMORY_MIB = 8


def spread(count, hosts):
    """vm1…vmN, round-robin over the hosts."""
    return {f"vm{index + 1}": {"host": index % hosts + 1, "memory_mib": DEFAULT_VM_MEMORY_MIB}
            for index in range(count)}


def bring_up(lab, options, keep_failed=False, first_leads=False):
    """Creates everything that `options` describes, and returns when guests write and, with agents,
    the cluster has formed and protects them."""
    if os.geteuid() != 0:
        raise LabError("the lab needs root: namespaces, mounts, loop devices")
    lab.create(options)
    done = False
    with teardown.guard(lab, keep=lambda: done or keep_failed):
        try:
            _build(lab)
            if first_leads:
                agent.let_first_lead(lab)
        except LabError:
            _last_words(lab)
            raise
        done = True


def _last_words(lab):
    """The ends of the agents' logs: the folder that holds them is about to go."""
    for host in lab.hosts:
        logs = host.dir / "var/log/holdfast"
        for log in (logs / "supervise.log", logs / "holdfast.log"):
            if log.is_file() and log.stat().st_size:
                text = log.read_text(encoding="utf-8", errors="replace").splitlines()[-8:]
                note(f"--- {host.name} {log.name}\n" + "\n".join(text))


def _build(lab):
    if lab.options.agent:
        agent.require_built(lab)
    lab.group.create()
    lab.outside_group.create()
    datastores.create(lab)
    guests.create_images(lab)
    network.create(lab)
    fencing.create(lab)
    for host in lab.hosts:
        host.create()
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(lambda host: host.power_on(), lab.hosts))
    guests.define_all(lab)
    # Holdfast comes to VMs that run already, as it does on a cluster of today: without its
    # configuration the libvirt hook guards nothing.
    if lab.options.agent:
        agent.create_key(lab)
        for host in lab.hosts:
            agent.write_config(host)
        agent.format_datastores(lab)
        agent.start_all(lab)
    guests.wait_writing(lab)
    if lab.options.agent:
        agent.wait_formed(lab)
