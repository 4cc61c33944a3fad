"""What the lab's test programs share: running scripts/lab, and looking for what it left behind."""
import subprocess
from pathlib import Path

from . import cgroups, loops, network
from .state import REPOSITORY


def lab_command(folder, *words, check=True, timeout=90):
    done = subprocess.run([REPOSITORY / "scripts" / "lab", "--dir", folder, *map(str, words)],
                          capture_output=True, text=True, timeout=timeout, check=False)
    if check and done.returncode != 0:
        raise AssertionError(f"lab {' '.join(map(str, words))}: {done.stderr}")
    return done


def leftovers(tag):
    """Everything on this machine that carries a lab's tag."""
    found = [f"namespace {name}" for name in network.namespaces(tag)]
    found += [f"loop {name}" for name in loops.attached(tag)]
    if cgroups.Group(tag).path.exists():
        found.append(f"control group {tag}")
    mounts = Path("/proc/self/mounts").read_text(encoding="utf-8")
    found += [f"mount {line}" for line in mounts.splitlines() if tag in line]
    for proc in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = proc.read_bytes().decode("utf-8", "replace")
        except OSError:
            continue
        if tag in words:
            found.append(f"process {words!r}")
    return found
