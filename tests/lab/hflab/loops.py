"""Loop devices over faultfs: LUNs whose storage can hang, delay and fail.

One small process per host (loop_holder.py) attaches them and holds them open; they detach
themselves when their last user is gone.  Each carries "TAG/HOST/NAME" as its file name, by which
`down` finds any that were left.
"""
import fcntl
import os
import sys
from pathlib import Path

from . import datastores
from .common import wait_until
from .loop_holder import LOOP_INFO, LOOP_INFO_FILE_NAME

LOOP_CLR_FD, LOOP_GET_STATUS64 = 0x4C01, 0x4C05


def wanted(lab):
    """(label, file in the host, link in the host) of every device that a host has."""
    found = [(one.name, f"{one.folder}/lun", one.path) for one in datastores.heartbeat(lab)]
    folder = datastores.of_vms(lab).folder
    found += [(vm, f"{folder}/{vm}.raw", datastores.vm_disk(lab, vm)) for vm in lab.options.guests]
    return found


def attach(host):
    """Starts the process that attaches a host's devices, and waits for their links."""
    devices = wanted(host.lab)
    argv = [sys.executable, "-S", "-E", "-B", "/lab/tools/loop_holder.py"]
    for label, path, link in devices:
        argv += [f"{host.lab.tag}/{host.name}/{label}", path, link]
    host.start_process(argv, "loops.log", group=host.lab.outside_group)
    for _, _, link in devices:
        wait_until(lambda link=link: os.path.islink(host.path(link)), seconds=60,
                   what=f"{link} on {host.name}; see {host.dir}/log/loops.log")


def _label_of(device):
    status = bytearray(LOOP_INFO.size)
    try:
        fcntl.ioctl(device, LOOP_GET_STATUS64, status)
    except OSError:
        return ""
    return LOOP_INFO.unpack(status)[LOOP_INFO_FILE_NAME].rstrip(b"\0").decode("ascii", "replace")


def attached(tag):
    """The paths of a lab's loop devices that are attached now."""
    found = []
    for entry in Path("/sys/block").glob("loop*/loop"):
        name = f"/dev/{entry.parent.name}"
        try:
            device = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
        if _label_of(device).startswith(f"{tag}/"):
            found.append(name)
        os.close(device)
    return found


def detach_all(tag):
    """Detaches what is left of a lab's devices after its processes are gone."""
    for name in attached(tag):
        device = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.ioctl(device, LOOP_CLR_FD)
        except OSError:
            pass                    # it went by itself meanwhile
        os.close(device)
    wait_until(lambda: not attached(tag), seconds=60, what=f"the last loop device of {tag}")
