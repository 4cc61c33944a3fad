"""What libvirt learns of the emulators when it first needs one takes it a second of work or more, on
every host of every lab.  It is kept beside the build; libvirt itself notices when it is out of date.
"""
import os
import shutil
from pathlib import Path

CACHE = "var/cache/libvirt/qemu/capabilities"


def _kept(host):
    return Path(host.lab.options.build) / "lab-cache" / "emulators"


def recall(host):
    """For a new host: what other hosts have learned."""
    if _kept(host).is_dir():
        shutil.copytree(_kept(host), host.dir / CACHE)


def remember(host):
    """Keeps what this host has learned, for hosts to come."""
    if not (host.dir / CACHE).is_dir() or not Path(host.lab.options.build).is_dir():
        return
    _kept(host).mkdir(parents=True, exist_ok=True)
    for learned in (host.dir / CACHE).glob("*.xml"):
        target = _kept(host) / learned.name
        if target.is_file() and target.stat().st_mtime >= learned.stat().st_mtime:
            continue
        fresh = target.with_name(f".{learned.name}.{os.getpid()}.{host.name}")
        shutil.copy2(learned, fresh)
        fresh.rename(target)
