"""The first process of a host: builds the host's own view of the machine, then reaps.

Started in fresh mount, pid, uts and ipc namespaces, on the host's network namespace, as

    host_init.py NAME HOST_FOLDER LAB_FOLDER BUILD_FOLDER PIPE

It writes "pid N" to PIPE (N as the machine sees it), builds the host's root, writes "ready" or
"error: …" and closes it.  The root is a tmpfs that holds the machine's programs, and private /etc,
/run, /var and /tmp.  Nothing of the machine's own files is mounted over or written to.

Safety: a host must never reset the real machine, so /proc/sysrq-trigger and every watchdog device
are /dev/null in here; if that cannot be done the host does not start.
"""
import ctypes
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

MS_BIND, MS_REC = 4096, 16384
MNT_DETACH = 2
PRIVATE = ("etc", "run", "var", "tmp", "proc", "lab", "hb", "vms", "lost+found", "boot")
LIBC = ctypes.CDLL(None, use_errno=True)


def mount(source, target, kind=None, flags=0, data=None):
    """mount(2)."""
    done = LIBC.mount(str(source).encode(), str(target).encode(),
                      kind.encode() if kind else None, ctypes.c_ulong(flags),
                      data.encode() if data else None)
    if done != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"mount {source} on {target}: {os.strerror(number)}")


def bind(source, target, recursive=False):
    mount(source, target, flags=MS_BIND | (MS_REC if recursive else 0))


def build_root(root, host, lab, build):
    """Assembles the host's root below `root`."""
    mount("hf-root", root, "tmpfs", data="mode=755")
    for entry in os.scandir("/"):
        if entry.name in PRIVATE:
            continue
        target = root / entry.name
        if entry.is_symlink():
            target.symlink_to(os.readlink(entry.path))
        elif entry.is_dir():
            target.mkdir()
            bind(entry.path, target, recursive=True)
    for name in ("run", "tmp", "hb", "vms"):
        (root / name).mkdir()
        mount(f"hf-{name}", root / name, "tmpfs", data="mode=755")
    os.chmod(root / "tmp", 0o1777)
    (root / "run" / "lock").mkdir()
    for name, source in {"etc": host / "etc", "var": host / "var", "lab/etc": "/etc",
                         "lab/build": build, "lab/san": lab / "san",
                         "lab/control": host / "control",
                         "lab/watchdog": host / "watchdog", "lab/fence": lab / "fence",
                         "lab/tools": Path(__file__).parent}.items():
        (root / name).mkdir(parents=True)
        if Path(source).is_dir():       # a lab without agents needs no build
            bind(source, root / name)


def enter_root(root):
    """Makes `root` the root and lets go of the machine's."""
    os.chdir(root)
    subprocess.run(["pivot_root", ".", "."], check=True)
    if LIBC.umount2(b".", MNT_DETACH) != 0:
        raise OSError(ctypes.get_errno(), "cannot detach the machine's root")
    os.chdir("/")


def guard_the_machine():
    """Nothing in a host may reach the real sysrq or a real watchdog."""
    dangerous = [Path("/proc/sysrq-trigger"), *Path("/dev").glob("watchdog*")]
    for path in dangerous:
        if path.exists():
            bind("/dev/null", path)
            if os.stat(path).st_rdev != os.stat("/dev/null").st_rdev:
                raise OSError(f"{path} is still the machine's own")


def start(name, host, lab, build):
    root = host / "root"
    build_root(root, host, lab, build)
    enter_root(root)
    os.mkdir("/proc")
    mount("proc", "/proc", "proc")
    guard_the_machine()
    bind("/etc/boot-id", "/proc/sys/kernel/random/boot_id")
    socket.sethostname(name)
    os.environ.update(PATH="/lab/build/agent:/usr/sbin:/usr/bin:/sbin:/bin", HOME="/root")


def reap_forever():
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            signal.pause()


def main():
    name, host, lab, build, pipe = sys.argv[1:]
    with os.fdopen(int(pipe), "w", encoding="utf-8") as report:
        # This /proc is still the machine's, so it knows us by the number the machine uses.
        report.write(f"pid {os.readlink('/proc/self')}\n")
        report.flush()
        try:
            start(name, Path(host), Path(lab), Path(build))
            report.write("ready\n")
        except (OSError, subprocess.SubprocessError) as failed:
            report.write(f"error: {failed}\n")
            return 1
    null = os.open("/dev/null", os.O_RDWR)
    for number in range(3):
        os.dup2(null, number)
    return reap_forever()


if __name__ == "__main__":
    sys.exit(main())
