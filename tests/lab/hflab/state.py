"""What a lab is: a folder, a tag that names everything it creates, and the options of `up`."""
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path

from . import network
from .cgroups import Group
from .common import LabError, boottime, write_atomically
from .hosts import Host

HOSTS_LIMIT = 64
DATASTORES_LIMIT = 5
REPOSITORY = Path(__file__).resolve().parents[3]


@dataclass
class Options:
    """How the lab was brought up; kept in lab.json."""

    hosts: int = 3
    datastores: int = 3
    profile: str = "fast"
    locks: bool = True
    block: bool = False
    ipv6_only: bool = False
    io: str = "auto"
    hosts_max: int = 8
    build: str = str(REPOSITORY / "build" / "release")
    agent: bool = True
    auto_reboot: bool = False
    watchdog_class: str = "hardware"
    accept_weak_watchdog: bool = False
    no_resolver: bool = True
    host_memory_mib: int = 0      # what every host has for VMs; 0: what the machine has
    memory_mib: dict = field(default_factory=dict)      # "2" -> MiB, for hosts that differ
    fenced: list = field(default_factory=list)          # numbers of hosts with a fence device
    guest_ticks: int = 4
    cluster_uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    agent_started: bool = False   # from then on a host that powers on starts its agent
    # VM name -> {"host": where it is defined, "memory_mib": its size}
    guests: dict = field(default_factory=dict)


class Lab:
    """One lab.  Creating the object touches nothing; load() or save() do."""

    def __init__(self, folder):
        self.dir = Path(folder).resolve()
        self.tag = "hf" + hashlib.sha256(str(self.dir).encode()).hexdigest()[:6]
        self.options = Options()

    # --- names -----------------------------------------------------------------------------------

    @property
    def group(self):
        return Group(self.tag)

    @property
    def outside_group(self):
        """For what belongs to the lab but to no host's own life: stand-in watchdogs, storage."""
        return Group(f"{self.tag}/outside")

    @property
    def san(self):
        """The shared storage itself: what lies behind every host's faultfs."""
        return self.dir / "san"

    @property
    def hosts(self):
        return [Host(self, number) for number in range(1, self.options.hosts + 1)]

    def host(self, name):
        """A host by number or name: 2, "2", "h2"."""
        digits = str(name).removeprefix("h")
        if not digits.isdigit() or not 1 <= int(digits) <= self.options.hosts:
            raise LabError(f"no host '{name}' here: this lab has h1 to h{self.options.hosts}")
        return Host(self, int(digits))

    # --- the folder ------------------------------------------------------------------------------

    @property
    def _file(self):
        return self.dir / "lab.json"

    def exists(self):
        return self._file.is_file()

    def create(self, options):
        if self.exists():
            raise LabError(f"a lab is up in {self.dir}: `scripts/lab down --dir {self.dir}` first")
        if self.dir.exists() and any(self.dir.iterdir()):
            raise LabError(f"{self.dir} is not empty and no lab: choose another folder with --dir")
        self.options = options
        self.san.mkdir(parents=True)
        self.save()

    def load(self):
        if not self.exists():
            raise LabError(f"no lab in {self.dir}: `scripts/lab up --dir {self.dir}` makes one")
        self.options = Options(**json.loads(self._file.read_text(encoding="utf-8")))
        return self

    def save(self):
        write_atomically(self._file, json.dumps(asdict(self.options), indent=1))

    @contextlib.contextmanager
    def locked(self):
        """One command at a time where state is read, changed and written back."""
        handle = os.open(self.dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    # --- what happened ---------------------------------------------------------------------------

    def record(self, event, host=None, **more):
        """Adds one line to events.jsonl: what the world did, as opposed to what agents report."""
        line = json.dumps({"time_s": round(boottime(), 3), "event": event, "host": host, **more})
        with open(self.dir / "events.jsonl", "a", encoding="utf-8") as events:
            events.write(line + "\n")

    def events(self, since=0.0):
        try:
            lines = (self.dir / "events.jsonl").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        return [event for event in map(json.loads, lines) if event["time_s"] >= since]

    # --- the end ---------------------------------------------------------------------------------

    def destroy(self):
        """Removes everything that carries this lab's tag, then its folder.  Needs no lab.json:
        after a crash the tag alone finds what is left."""
        from . import loops, teardown  # late: both import from here

        teardown.kill_everything(self)
        loops.detach_all(self.tag)
        network.remove_all(self.tag)
        self.group.remove()
        if self.exists() or (self.dir / "hosts").is_dir():
            shutil.rmtree(self.dir)
