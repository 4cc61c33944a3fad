"""Shared storage: heartbeat datastores and the VM datastore, behind switchable faults.

The bytes lie in the lab's folder `san`.  Each host reaches them through a faultfs of its own per
datastore, so that one host can lose what the others keep.  As files (the default) a host sees
/hb/N/heartbeat and /vms/NAME.raw; as block devices it sees /hb/N/lun and /vms/NAME, loop devices
over the same files, one per host.
"""
import re
from dataclasses import dataclass
from pathlib import Path

from . import loops
from .common import LabError, run, wait_until, write_atomically

FAULT = re.compile(r"ok|eio|hang!?|delay=\d+ms")
LUN_BYTES_PER_HOST = 2 << 20
LUN_BYTES_FIXED = 4 << 20
VM_DATASTORE = "vms"


@dataclass(frozen=True)
class Datastore:
    """One datastore and where a host finds it."""

    name: str           # hb1, hb2, …, vms
    folder: str         # where its faultfs is mounted in a host
    path: str           # what the agent is told


def heartbeat(lab):
    found = []
    for number in range(1, lab.options.datastores + 1):
        if lab.options.block:
            found.append(Datastore(f"hb{number}", f"/lab/luns/hb{number}", f"/hb/{number}/lun"))
        else:
            found.append(Datastore(f"hb{number}", f"/hb/{number}", f"/hb/{number}/heartbeat"))
    return found


def of_vms(lab):
    folder = "/lab/luns/vms" if lab.options.block else "/vms"
    return Datastore(VM_DATASTORE, folder, "/vms")


def all_of(lab):
    return [*heartbeat(lab), of_vms(lab)]


def vm_disk(lab, vm):
    """The path of a VM's disk as hosts see it."""
    return f"/vms/{vm}" if lab.options.block else f"/vms/{vm}.raw"


def vm_image(lab, vm):
    """The same disk, past every fault, for the lab itself."""
    return lab.san / VM_DATASTORE / f"{vm}.raw"


def create(lab):
    """The storage itself.  Heartbeat files are made by `holdfast format`; a LUN has a size."""
    for datastore in all_of(lab):
        (lab.san / datastore.name).mkdir(parents=True)
        if lab.options.block and datastore.name != VM_DATASTORE:
            size = LUN_BYTES_FIXED + LUN_BYTES_PER_HOST * lab.options.hosts_max
            with open(lab.san / datastore.name / "lun", "wb") as lun:
                for _ in range(size >> 20):
                    lun.write(bytes(1 << 20))


def attach(host):
    """Mounts every datastore in a host that has just been powered on."""
    lab = host.lab
    program = _program(lab)
    for datastore in all_of(lab):
        host.path(datastore.folder).mkdir(parents=True, exist_ok=True)
        argv = [program, f"/lab/san/{datastore.name}", f"/lab/control/{datastore.name}",
                datastore.folder, f"--name={lab.tag}-{datastore.name}"]
        if not lab.options.locks or lab.options.block:
            argv.append("--no-locks")
        # Storage does not freeze with the host: what was sent is served.
        host.start_process(argv, "faultfs.log", group=lab.outside_group)
    for datastore in all_of(lab):
        wait_until(lambda folder=datastore.folder: _mounted(host, folder), seconds=60,
                   what=f"{datastore.name} on {host.name}")
    if lab.options.block:
        loops.attach(host)


def _mounted(host, folder):
    mounts = Path(f"/proc/{host.require_on()}/mounts").read_text(encoding="utf-8")
    return any(line.split()[1] == folder and "faultfs" in line.split()[2]
               for line in mounts.splitlines())


def _program(lab):
    """faultfs as hosts see it: from the build, or compiled here when there is none yet."""
    if (Path(lab.options.build) / "tests" / "lab" / "faultfs").is_file():
        return "/lab/build/tests/lab/faultfs"
    compiled = lab.san / "faultfs"
    with lab.locked():
        if not compiled.is_file():
            root = Path(__file__).resolve().parents[3]
            source = root / "tests" / "lab" / "faultfs" / "faultfs.cc"
            flags = run(["pkg-config", "--cflags", "--libs", "fuse3"]).stdout.split()
            run(["g++", "-std=c++20", "-O2", f"-I{root}", source, "-o", compiled, *flags,
                 "-pthread"],
                timeout=120)
    return "/lab/san/faultfs"


# --- faults -------------------------------------------------------------------------------------

def resolve(lab, name):
    """The datastores that a person's word means: 1, hb1, vms, all."""
    known = {datastore.name: datastore for datastore in all_of(lab)}
    if name == "all":
        return list(known.values())
    key = f"hb{name}" if str(name).isdigit() else str(name)
    if key not in known:
        raise LabError(f"no datastore '{name}' here: there are {', '.join(known)} and all")
    return [known[key]]


def set_fault(host, datastore_name, fault, write_only=False):
    if not FAULT.fullmatch(fault):
        raise LabError(f"no fault '{fault}': ok, eio, hang, hang! or delay=300ms")
    line = fault + (" write-only" if write_only and fault != "ok" else "")
    write_atomically(host.dir / "control" / datastore_name, line + "\n")


def fault(host, datastore_name):
    return (host.dir / "control" / datastore_name).read_text(encoding="ascii").strip()


def inject(lab, word, name, host=None, write_only=False):
    """The verb: a fault on one datastore, for one host or for all."""
    for one in [host] if host else lab.hosts:
        for datastore in resolve(lab, name):
            set_fault(one, datastore.name, word, write_only)
    lab.record("datastore", host.number if host else None, datastore=str(name), fault=word,
               write_only=write_only)
