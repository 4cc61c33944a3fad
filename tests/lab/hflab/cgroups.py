"""Control groups: what freezes a host, and what finds every process of a lab, whoever lost it.

The unified hierarchy (version 2) is used wherever it is mounted; the version 1 freezer otherwise.
A lab owns one group named after it, with one group per host and one for what runs outside hosts.
"""
import errno
import os
import signal
import time
from pathlib import Path

from .common import LabError, wait_until


def hierarchy():
    """Returns (mount point, version) of the hierarchy that can freeze."""
    freezer = None
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        for line in mounts:
            _, where, kind, options = line.split()[:4]
            if kind == "cgroup2" and "rw" in options.split(","):
                return Path(where), 2
            if kind == "cgroup" and "freezer" in options.split(","):
                freezer = Path(where)
    if freezer is None:
        raise LabError("neither a writable cgroup2 mount nor a version 1 freezer: "
                       "the lab needs one to freeze hosts and to find its processes again")
    return freezer, 1


def in_group(group, argv):
    """A command line that joins the control group before it becomes `argv`."""
    return ["/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"', str(group.procs_file), *argv]


class Group:
    """One control group, by its path below the hierarchy."""

    def __init__(self, name):
        mount, self.version = hierarchy()
        self.path = mount / name

    def create(self):
        self.path.mkdir(parents=True, exist_ok=True)

    @property
    def procs_file(self):
        return self.path / "cgroup.procs"

    def children(self):
        if not self.path.is_dir():
            return []
        return [child for child in self.path.iterdir() if child.is_dir()]

    def pids(self):
        """Every process of this group and the groups below it."""
        found = []
        for procs in [self.procs_file, *(child / "cgroup.procs" for child in self.children())]:
            try:
                found += [int(pid) for pid in procs.read_text(encoding="ascii").split()]
            except (FileNotFoundError, OSError):
                continue
        return found

    def freeze(self):
        self._set_frozen(True)
        # A process inside a system call stops on its way out of it: give it a moment, no more.
        for _ in range(50):
            if self.settled_frozen():
                return
            time.sleep(0.01)

    def thaw(self):
        self._set_frozen(False)

    def frozen(self):
        """Whether the group was told to freeze."""
        try:
            if self.version == 2:
                return (self.path / "cgroup.freeze").read_text(encoding="ascii").strip() == "1"
            return (self.path / "freezer.state").read_text(encoding="ascii").strip() != "THAWED"
        except FileNotFoundError:
            return False

    def settled_frozen(self):
        """Whether every process in it stands still by now."""
        if self.version == 2:
            return "frozen 1" in (self.path / "cgroup.events").read_text(encoding="ascii")
        return (self.path / "freezer.state").read_text(encoding="ascii").strip() == "FROZEN"

    def _set_frozen(self, wanted):
        try:
            if self.version == 2:
                (self.path / "cgroup.freeze").write_text("1" if wanted else "0", encoding="ascii")
            else:
                (self.path / "freezer.state").write_text("FROZEN" if wanted else "THAWED",
                                                         encoding="ascii")
        except FileNotFoundError:
            pass

    def kill(self):
        """Kills every process, frozen ones too: the signal is there before anything is thawed, so
        no frozen process runs another instruction of its own."""
        everything = self.path / "cgroup.kill"
        if self.version == 2 and everything.exists():
            everything.write_text("1", encoding="ascii")
        else:
            for pid in self.pids():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        self.thaw()
        for child in self.children():
            Group(child.relative_to(hierarchy()[0])).thaw()

    def remove(self):
        """Removes the group and those below it.  Dying processes may hold them for a moment after
        they have left the process list."""
        for path in [*self.children(), self.path]:
            wait_until(lambda path=path: _removed(path), seconds=60, what=f"{path} to be free")


def _removed(path):
    try:
        path.rmdir()
    except FileNotFoundError:
        pass
    except OSError as failed:
        if failed.errno != errno.EBUSY:
            raise
        return False
    return True
