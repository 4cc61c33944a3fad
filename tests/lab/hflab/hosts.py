"""Hosts: namespaces with a libvirtd of their own that can lose power, freeze and come back.

A host's folder holds what survives a power cycle (/etc, /var, the state of its storage faults);
its /run, its boot id and its processes do not.  Everything that ends with the host's power lives in
its pid namespace: killing that namespace's init is the power cord.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import uuid
from pathlib import Path

from . import agent, datastores, emulators, network
from .cgroups import Group, in_group
from .common import COMMAND_LIMIT_S, LabError, process_start, run, wait_until, write_atomically

LIBVIRT_SOCKET = "run/libvirt/libvirt-sock"
POWER_OFF_LIMIT_S = 60
PATH_INSIDE = "/lab/build/agent:/usr/sbin:/usr/bin:/sbin:/bin"
LIBVIRTD_CONF = """\
host_uuid = "{uuid}"
unix_sock_rw_perms = "0700"
auth_unix_ro = "none"
auth_unix_rw = "none"
log_outputs = "3:file:/var/log/libvirt/libvirtd.log"
"""
# No security driver, cgroups, namespaces or helper daemons: a host is a namespace itself.
QEMU_CONF = """\
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
max_core = 0
"""
HOOK = Path(__file__).resolve().parents[3] / "agent" / "hooks" / "qemu"
HOOK_CONF = """\
HOLDFAST_BIN=/lab/build/agent
HOLDFAST_CONFIG=/etc/holdfast/holdfast.toml
"""
NSSWITCH_WITHOUT_RESOLVER = "passwd: files\ngroup: files\nhosts: dns\n"


class Host:
    """One host of a lab; all state is in its folder and in the kernel, none in this object."""

    def __init__(self, lab, number):
        self.lab = lab
        self.number = number
        self.name = f"h{number}"
        self.dir = lab.dir / "hosts" / self.name
        self.group = Group(f"{lab.tag}/{self.name}")

    # --- making one ------------------------------------------------------------------------------

    def create(self):
        """The folder of a new host."""
        for name in ("etc/libvirt/hooks/qemu.d", "etc/holdfast",
                     "var/lib/libvirt", "var/lib/holdfast", "var/log/libvirt",
                     "var/log/holdfast", "var/cache/libvirt", "var/tmp", "control",
                     "watchdog", "root", "log"):
            (self.dir / name).mkdir(parents=True)
        (self.dir / "var" / "run").symlink_to("/run")
        (self.dir / "var" / "lock").symlink_to("/run/lock")
        self._fill_etc()
        emulators.recall(self)
        for datastore in datastores.all_of(self.lab):
            datastores.set_fault(self, datastore.name, "ok")
        self.group.create()

    def _fill_etc(self):
        """A private /etc: the machine's entries by reference, what a host owns for itself."""
        machine_id = uuid.uuid4()
        own = {"machine-id": machine_id.hex + "\n", "hostname": self.name + "\n",
               "hosts": "127.0.0.1 localhost\n::1 localhost\n", "boot-id": "",
               "libvirt/libvirtd.conf": LIBVIRTD_CONF.format(uuid=machine_id),
               "libvirt/qemu.conf": QEMU_CONF, "holdfast/hook.conf": HOOK_CONF}
        if self.lab.options.no_resolver:
            own |= {"resolv.conf": "", "nsswitch.conf": NSSWITCH_WITHOUT_RESOLVER}
        etc = self.dir / "etc"
        for name, text in own.items():
            (etc / name).write_text(text, encoding="utf-8")
        # libvirtd looks for hooks when it starts.  This one guards nothing before there is a
        # holdfast.toml.
        shutil.copy(HOOK, etc / "libvirt/hooks/qemu.d/holdfast")
        (etc / "libvirt/hooks/qemu.d/holdfast").chmod(0o755)
        for entry in os.scandir("/etc"):
            mine = etc / entry.name
            if not mine.exists() and not mine.is_symlink():
                mine.symlink_to(os.readlink(entry.path) if entry.is_symlink()
                                else f"/lab/etc/{entry.name}")

    # --- power -----------------------------------------------------------------------------------

    @property
    def _power_file(self):
        return self.dir / "power.json"

    def init_pid(self):
        """The pid of the host's init while it lives, else None."""
        try:
            power = json.loads(self._power_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        pid = power["pid"]
        return pid if process_start(pid) == power["start"] else None

    def is_on(self):
        return self.init_pid() is not None

    def require_on(self):
        pid = self.init_pid()
        if pid is None:
            raise LabError(f"{self.name} has no power: `scripts/lab power-on {self.number}`")
        return pid

    def power_on(self):
        """Starts the host: namespaces, storage, libvirtd, watchdog, and the agent once the lab has
        agents.  Returns when libvirtd answers."""
        if self.is_on():
            raise LabError(f"{self.name} has power already")
        self.group.create()
        self.lab.outside_group.create()
        (self.dir / "etc" / "boot-id").write_text(f"{uuid.uuid4()}\n", encoding="ascii")
        self._start_init()
        network.plug(self.lab, self.number, True)
        datastores.attach(self)
        self.start_libvirtd()
        self._start_watchdog()
        self.lab.record("power-on", self.number)
        if self.lab.options.agent_started:
            agent.start(self)

    def _start_init(self):
        reader, writer = os.pipe()
        script = Path(__file__).with_name("host_init.py")
        argv = ["nsenter", f"--net=/run/netns/{network.host_namespace(self.lab.tag, self.number)}",
                "unshare", "--mount", "--pid", "--fork", "--uts", "--ipc", "--kill-child=KILL",
                "--propagation", "slave", sys.executable, "-S", "-E", "-B", str(script),
                self.name, str(self.dir), str(self.lab.dir), self.lab.options.build, str(writer)]
        with open(self.dir / "log" / "init.log", "ab") as log, \
             open(reader, encoding="utf-8") as report:
            subprocess.Popen(in_group(self.group, argv), pass_fds=[writer], stdout=log, stderr=log,
                             stdin=subprocess.DEVNULL, start_new_session=True)
            os.close(writer)
            said = []
            for line in report:     # not to its end: unshare keeps the pipe open
                said.append(line.strip())
                if not line.startswith("pid "):
                    break
        if len(said) < 2 or said[-1] != "ready":
            raise LabError(f"{self.name} does not start: {said[-1] if said else 'no word'}; "
                           f"see {self.dir / 'log' / 'init.log'}")
        pid = int(said[0].split()[1])
        write_atomically(self._power_file, json.dumps({"pid": pid, "start": process_start(pid)}))

    def cut_power(self, event, **reason):
        """Takes the power away, at once and without asking anybody."""
        self.require_on()
        self.group.kill()
        self.lab.record(event, self.number, **reason)
        network.plug(self.lab, self.number, False)

    def wait_off(self):
        """Returns when nothing of the host is left."""
        wait_until(lambda: not self.is_on(), seconds=POWER_OFF_LIMIT_S,
                   what=f"the end of {self.name}")

    def power_off(self):
        power_off_together([self])

    def freeze(self):
        self.require_on()
        self.group.freeze()
        self.lab.record("freeze", self.number)

    def thaw(self):
        self.require_on()
        self.group.thaw()
        self.lab.record("thaw", self.number)

    def state(self):
        if not self.is_on():
            return "off"
        return "frozen" if self.group.frozen() else "on"

    # --- running things in it --------------------------------------------------------------------

    def inside(self, argv):
        """The command line that runs `argv` in the host's namespaces and control group."""
        pid = self.require_on()
        enter = ["nsenter", f"--target={pid}", "--mount", "--pid", "--net", "--uts", "--ipc",
                 "--root", "--wd", "env", f"PATH={PATH_INSIDE}", *map(str, argv)]
        return in_group(self.group, enter)

    def run(self, argv, *, check=True, timeout=COMMAND_LIMIT_S, stdin=None):
        return run(self.inside(argv), check=check, timeout=timeout, stdin=stdin)

    def start_process(self, argv, log, group=None):
        """Starts a service in the host; it ends with the host.  `group` is where it is counted:
        outside the host's own group it goes on while the host is frozen."""
        pid = self.require_on()
        enter = ["nsenter", f"--target={pid}", "--mount", "--pid", "--net", "--uts", "--ipc",
                 "--root", "--wd", "env", f"PATH={PATH_INSIDE}", "setsid", "--fork",
                 *map(str, argv)]
        with open(self.dir / "log" / log, "ab") as output:
            subprocess.run(in_group(group or self.group, enter), stdin=subprocess.DEVNULL,
                           stdout=output, stderr=output, check=True)

    def processes(self, program):
        """Pids of the host's processes that run an executable of this name."""
        found = []
        for pid in self.group.pids():
            try:
                if Path(os.readlink(f"/proc/{pid}/exe")).name.split(" ")[0] == program:
                    found.append(pid)
            except OSError:
                continue
        return found

    def path(self, inside):
        """A path of the host as the machine sees it."""
        return Path(f"/proc/{self.require_on()}/root") / str(inside).lstrip("/")

    # --- its services ----------------------------------------------------------------------------

    def start_libvirtd(self):
        self.start_process(["libvirtd", "--pid-file", "/run/libvirtd.pid"], "libvirtd.log")
        wait_until(lambda: self.path(LIBVIRT_SOCKET).exists(), seconds=60,
                   what=f"libvirtd on {self.name}")

    def set_libvirt(self, state):
        """A libvirtd that hangs (stopped), is gone (killed), or works again."""
        pids = self.processes("libvirtd")
        for pid in pids:
            os.kill(pid, {"ok": signal.SIGCONT, "hang": signal.SIGSTOP,
                          "fail": signal.SIGKILL}[state])
        if state == "ok" and not pids:
            self.path(LIBVIRT_SOCKET).unlink(missing_ok=True)
            self.start_libvirtd()
        self.lab.record("libvirt", self.number, state=state)

    def virsh(self, lines, *, check=True, timeout=60):
        """Runs virsh commands, one a line, on this host's libvirtd."""
        return self.run(["virsh", "--quiet", "--connect", "qemu:///system", ";".join(lines)],
                        check=check, timeout=timeout)

    def _start_watchdog(self):
        log = open(self.dir / "log" / "watchdog.log", "ab")
        script = Path(__file__).resolve().parents[3] / "scripts" / "lab"
        argv = [sys.executable, str(script), "--dir", str(self.lab.dir), "stand-in-watchdog",
                str(self.number)]
        with log:
            subprocess.Popen(in_group(self.lab.outside_group, argv), stdin=subprocess.DEVNULL,
                             stdout=log, stderr=log, start_new_session=True)
        wait_until(lambda: (self.dir / "watchdog" / "pid").exists(), seconds=60,
                   what=f"the stand-in watchdog of {self.name}")

    def cut_by_fence(self):
        """The host's fence device takes its power away, if it has any."""
        if self.is_on():
            self.stop_watchdog()
            self.cut_power("fence-off")
            self.wait_off()

    def stop_watchdog(self):
        mark = self.dir / "watchdog" / "pid"
        try:
            pid, start = map(int, mark.read_text(encoding="ascii").split())
        except (FileNotFoundError, ValueError):
            return
        if process_start(pid) == start:
            os.kill(pid, signal.SIGKILL)
        mark.unlink(missing_ok=True)


def power_off_together(hosts):
    """The cords of several hosts at one moment; their watchdogs lose power with them."""
    for host in hosts:
        host.require_on()
    for host in hosts:
        host.stop_watchdog()
    for host in hosts:
        host.cut_power("power-off")
    for host in hosts:
        host.wait_off()
