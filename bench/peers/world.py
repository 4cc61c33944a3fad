"""Where the peers run: hosts that are network namespaces on one bridge, scratch in memory, loop devices over it.

All of it lives in namespaces that `run` entered before (processes, mounts, network): when the first process of them ends, however
it ends, the kernel takes everything away.  Loop devices detach themselves when nobody has them open any more.
"""
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "lab"))
from hflab.loop_holder import configure  # noqa: E402  (the path above comes first)

HOSTS = (1, 2, 3, 4, 5, 6)
# Private to each daemon: sockets, locks and logs of two copies of one program would meet there.
PRIVATE = "for d in /run /var/log /var/lib /dev/shm; do mount -t tmpfs -o mode=0755 peers $d; done; " \
          "mkdir -p /run/sanlock /var/log/corosync /var/lib/corosync; exec \"$@\""


class Trouble(Exception):
    """What stops the whole run, as a sentence."""


def say(text):
    print(f"bench/peers: {text}", file=sys.stderr, flush=True)


def run(argv, **more):
    done = subprocess.run(argv, capture_output=True, text=True, check=False, **more)
    if done.returncode != 0:
        raise Trouble(f"{' '.join(map(str, argv))}: exit code {done.returncode}: {(done.stderr or done.stdout).strip()[-400:]}")
    return done.stdout


def address(host):
    return f"10.213.9.{host}"


class Daemon:
    """A process in a host, with its own /run, /var and log, and what it has cost so far."""

    def __init__(self, name, argv, log, environment):
        self.name, self.log = name, log
        with open(log, "ab") as out:
            self.process = subprocess.Popen(argv, stdout=out, stderr=out, stdin=subprocess.DEVNULL, env=environment,
                                            start_new_session=True)

    @property
    def pid(self):
        return self.process.pid

    def require_alive(self):
        if self.process.poll() is not None:
            with open(self.log, errors="replace") as log:
                last = "\n  ".join(log.read().splitlines()[-5:])
            raise Trouble(f"{self.name} ended (exit code {self.process.returncode}); its last words:\n  {last}")

    def kill(self):
        self.process.kill()
        self.process.wait()


def cpu_by_thread(pid):
    """CPU in ns of each thread of a process, by thread id."""
    found = {}
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/schedstat") as stat:
                found[int(task)] = int(stat.read().split()[0])
        except OSError:
            pass                    # it ended meanwhile
    return found


def cpu_ns(pid):
    return sum(cpu_by_thread(pid).values())


def io_bytes(pid):
    """Bytes that a process has had read from and written to devices."""
    with open(f"/proc/{pid}/io") as file:
        values = dict(line.split(": ") for line in file.read().splitlines())
    return int(values["read_bytes"]), int(values["write_bytes"])


class LogWatch:
    """Waits for a line of a log that is written from now on."""

    def __init__(self, path):
        self.path = path
        self.offset = os.path.getsize(path) if os.path.exists(path) else 0
        self.text = ""

    def wait(self, pattern, seconds):
        """The monotonic time at which the line was there; None when it did not come."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if os.path.exists(self.path):
                with open(self.path, errors="replace") as log:
                    log.seek(self.offset)
                    new = log.read()
                    self.offset = log.tell()
                self.text += new
                found = re.search(pattern, self.text)
                if found:
                    self.text = self.text[found.end():]
                    return time.monotonic()
            time.sleep(0.01)
        return None


class World:
    def __init__(self, folder):
        self.folder = folder
        self.held = []
        run(["mount", "-t", "tmpfs", "-o", "size=1g,mode=0700", "peers", folder])
        run(["mount", "-t", "tmpfs", "-o", "mode=0755", "peers", "/run"])
        # Nothing here may reset the machine, whatever it decides.
        for path in ["/proc/sysrq-trigger", *(f"/dev/{name}" for name in os.listdir("/dev") if name.startswith("watchdog"))]:
            if os.path.exists(path):
                run(["mount", "--bind", "/dev/null", path])
        lines = ["link set lo up", "link add bench type bridge mcast_snooping 0 forward_delay 0", "link set bench up"]
        for host in HOSTS:
            run(["ip", "netns", "add", f"h{host}"])
            lines += [f"link add p{host} type veth peer name eth0 netns h{host}", f"link set p{host} master bench", f"link set p{host} up"]
        run(["ip", "-batch", "-"], input="\n".join(lines) + "\n")
        for host in HOSTS:
            run(["ip", "-n", f"h{host}", "-batch", "-"],
                input=f"link set lo up\nlink set eth0 up\naddr add {address(host)}/24 dev eth0\n")

    def path(self, name):
        return os.path.join(self.folder, name)

    def loop(self, name, size, written=False):
        """A loop device over a file in memory."""
        path = self.path(name)
        with open(path, "wb") as file:
            if written:
                file.write(b"\0" * size)
            file.truncate(size)
        device, descriptor = configure(f"peers/{name}", path, direct=False)
        self.held.append(descriptor)
        return device

    @staticmethod
    def inside(host):
        return ["nsenter", f"--net=/run/netns/h{host}"]

    def start(self, name, host, argv, environment=None):
        """A daemon in a host; its process id is that of `argv` itself."""
        private = ["unshare", "--mount", "--propagation", "private", "sh", "-c", PRIVATE, "sh"]
        return Daemon(name, [*self.inside(host), *private, *argv], self.path(f"{name}.log"), {**os.environ, **(environment or {})})

    @staticmethod
    def beside(daemon, argv):
        """A command that is run where the daemon is."""
        return ["nsenter", "--target", str(daemon.pid), "--mount", "--net", *argv]
