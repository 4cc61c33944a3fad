"""Guests: boot-sector VMs that count who else writes to their disk, defined through plain libvirt.

The lab knows three things about a VM, each from its own source: where a QEMU of it lives (the
process lists of the hosts), what its libvirt says, and what it wrote (its disk).
"""
import ctypes
import mmap
import os
import struct
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.sax.saxutils import quoteattr

from . import datastores, emulators
from .common import LabError, run, wait_until

IMAGE_BYTES = 1 << 20
RECORD_OFFSET = 8 * 512
RECORD = struct.Struct("<5I")
RECORD_MAGIC = 0x4D564648
IO_URING_SETUP = 425
PAGE = 4096
POLICY_NAMESPACE = "https://holdfast.example/policy/1"
EMULATOR = "qemu-system-x86_64"
DOMAIN = """\
<domain type='qemu'>
  <name>{name}</name><uuid>{uuid}</uuid>
  <memory unit='MiB'>{memory}</memory><vcpu>1</vcpu>{policy}
  <os><type arch='x86_64' machine='pc'>hvm</type><boot dev='hd'/></os>
  <features><acpi/></features>
  <on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</on_crash>
  <devices>
    <emulator>/usr/bin/{emulator}</emulator>
    <disk type='{kind}' device='disk'>
      <driver name='qemu' type='raw' cache='none' io='{io}'/>
      <source {attribute}='{disk}'/><target dev='vda' bus='virtio'/>
    </disk>
    <controller type='usb' model='none'/><memballoon model='none'/>
    <serial type='file'><source path='/var/log/libvirt/{name}.serial'/></serial>
  </devices>
</domain>
"""


def ticks_for(vms):
    """How often guests write, in timer ticks of 55 ms: less often when there are many."""
    return 4 if vms <= 10 else 9 if vms <= 30 else 18


def create_images(lab):
    """Assembles the guest once and gives every VM a disk that boots it."""
    work = lab.dir / "guest"
    work.mkdir(exist_ok=True)
    source = Path(__file__).resolve().parents[1] / "guest" / "heartbeat.S"
    run(["as", "--32", "--defsym", f"TICKS={lab.options.guest_ticks}", source, "-o",
         work / "heartbeat.o"])
    run(["ld", "-m", "elf_i386", "-Ttext", "0x7c00", "--oformat", "binary", work / "heartbeat.o",
         "-o", work / "heartbeat.bin"])
    sector = (work / "heartbeat.bin").read_bytes()
    if len(sector) != 512:
        raise LabError(f"the guest has {len(sector)} bytes instead of 512")
    for vm in lab.options.guests:
        datastores.vm_image(lab, vm).write_bytes(sector + bytes(IMAGE_BYTES - len(sector)))


def policy_xml(policy):
    """The metadata element that carries a VM's policy; nothing for one that says nothing."""
    if not policy:
        return ""
    words = " ".join(f"{key}={quoteattr(value)}" for key, value in sorted(policy.items()))
    return (f"\n  <metadata><holdfast:policy xmlns:holdfast='{POLICY_NAMESPACE}' {words}/>"
            "</metadata>")


def domain_xml(lab, vm):
    block = lab.options.block
    return DOMAIN.format(
        name=vm, uuid=uuid.uuid5(uuid.UUID(lab.options.cluster_uuid), vm), emulator=EMULATOR,
        memory=lab.options.guests[vm]["memory_mib"],
        policy=policy_xml(lab.options.guests[vm].get("policy")), kind="block" if block else "file",
        attribute="dev" if block else "file", disk=datastores.vm_disk(lab, vm),
        io="io_uring" if lab.options.io != "libaio" and _io_uring_works() else "native")


def _io_uring_works():
    parameters = ctypes.create_string_buffer(120)
    ring = ctypes.CDLL(None).syscall(IO_URING_SETUP, 1, parameters)
    if ring >= 0:
        os.close(ring)
    return ring >= 0


def define(host, vms, start=True):
    """Makes persistent domains on one host, as virt-manager would, and starts them."""
    folder = host.path("/run/lab-domains")
    folder.mkdir(exist_ok=True)
    lines = []
    for vm in vms:
        (folder / f"{vm}.xml").write_text(domain_xml(host.lab, vm), encoding="utf-8")
        lines.append(f"define /run/lab-domains/{vm}.xml")
        if start:
            lines.append(f"start {vm}")
    if lines:
        host.virsh(lines)


def define_all(lab):
    """Every VM on the host that it belongs to at first."""
    def define_on(host):
        define(host, [vm for vm, guest in lab.options.guests.items()
                      if guest["host"] == host.number])
        emulators.remember(host)

    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(define_on, lab.hosts))


# --- what is ------------------------------------------------------------------------------------

def read_record(lab, vm):
    """What a VM wrote: epoch, counter, conflicts; zeros before its first write.  Read past every
    cache, because the hosts write past them."""
    path = datastores.vm_image(lab, vm)
    page = mmap.mmap(-1, PAGE)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECT | os.O_CLOEXEC)
    except OSError:                 # a file system without O_DIRECT
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.preadv(handle, [page], RECORD_OFFSET)
    finally:
        os.close(handle)
    magic, epoch, counter, conflicts, nonce = RECORD.unpack_from(page)
    if magic != RECORD_MAGIC:
        epoch = counter = conflicts = nonce = 0
    return {"epoch": epoch, "counter": counter, "conflicts": conflicts, "nonce": nonce}


def running(lab):
    """VM name -> hosts where a QEMU of it lives, frozen hosts included."""
    found = {vm: [] for vm in lab.options.guests}
    for host in lab.hosts:
        for pid in host.processes(EMULATOR):
            name = _guest_of(pid)
            if name and host.name not in found.setdefault(name, []):
                found[name].append(host.name)
    return found


def _guest_of(pid):
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return None
    for word in words:
        if word.startswith(b"guest="):
            return word[len(b"guest="):].split(b",")[0].decode("utf-8", "replace")
    return None


def table(lab):
    """One row per VM: where it runs, and what its disk says."""
    return [{"name": vm, "hosts": hosts, **read_record(lab, vm)}
            for vm, hosts in running(lab).items() if vm in lab.options.guests]


def wait_writing(lab, seconds=120):
    """Returns when every guest has written at least once."""
    wait_until(lambda: all(read_record(lab, vm)["counter"] for vm in lab.options.guests),
               seconds=seconds, what="the guests' first writes", every=0.05)


# --- what a user of libvirt does ----------------------------------------------------------------

def known(lab, vm):
    if vm not in lab.options.guests:
        raise LabError(f"no VM '{vm}' here: there are {', '.join(lab.options.guests) or 'none'}")
    return vm


def host_of(lab, vm):
    """The one host where a VM runs."""
    hosts = running(lab)[known(lab, vm)]
    if len(hosts) != 1:
        raise LabError(f"{vm} runs on {', '.join(hosts) or 'no host'}")
    return lab.host(hosts[0])


def user_start(lab, vm, host):
    """A person starts a VM through libvirt; returns virsh's answer, whatever it is."""
    folder = host.path("/run/lab-domains")
    folder.mkdir(exist_ok=True)
    (folder / f"{known(lab, vm)}.xml").write_text(domain_xml(lab, vm), encoding="utf-8")
    host.virsh([f"define /run/lab-domains/{vm}.xml"], check=False)
    return host.virsh([f"start {vm}"], check=False)


def user_stop(lab, vm):
    host_of(lab, vm).virsh([f"destroy {vm}"])


def crash(lab, vm):
    """Its QEMU dies; nothing else does."""
    host = host_of(lab, vm)
    for pid in host.processes(EMULATOR):
        if _guest_of(pid) == vm:
            os.kill(pid, 9)


def migration(lab, vm, target):
    """The command of a live migration over link b, by a client that reaches both libvirtds."""
    source = host_of(lab, vm)
    link_b = {False: f"10.213.2.{target.number}", True: f"[fd00:b::{target.number}]"}
    uris = [f"qemu+unix:///system?socket={one.path('run/libvirt/libvirt-sock')}"
            for one in (source, target)]
    return ["virsh", "--connect", uris[0], "migrate", "--live", "--unsafe", "--persistent", vm,
            uris[1], "--migrateuri", f"tcp://{link_b[lab.options.ipv6_only]}"]


def migrate(lab, vm, target):
    run(migration(lab, vm, target), timeout=60)
