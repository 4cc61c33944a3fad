"""sbd: reads a mailbox of its own on a shared disk, in which others may ask it to reset its host.

No watchdog (-W -W), no pacemaker (-P -P), test mode (-Z -Z: it only says that it would reset).  It writes no beat and sees no
other host's life; who is dead is decided elsewhere, and a fencing counts as done after `msgwait`.
"""
import os
import re
import subprocess
import time

from world import Trouble, cpu_ns, io_bytes, run

SECTOR = 512
READS_PER_LOOP = 3      # header, slot table, mailbox
DEVICE_BYTES = 8 << 20
MAILBOX_OFFSET = 2 * SECTOR     # of the first slot


def _inquisitor():
    """It makes a daemon of itself, so its process id is not that of what was started; nobody else's sbd is in these namespaces."""
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/cmdline", "rb") as file:
                    if file.read().startswith(b"sbd: inquisitor"):
                        return int(entry)
            except OSError:
                pass                # it ended meanwhile
    return None


def _children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


class Sbd:
    def __init__(self, world, program, environment):
        self.world, self.program = world, program
        self.environment = {**environment, "SBD_SYNC_RESOURCE_STARTUP": "no", "SBD_PACEMAKER": "no"}
        self.client_environment = {**os.environ, **environment}
        self.device = world.loop("sbd-device", DEVICE_BYTES, written=True)

    def start(self):
        run([self.program, "-d", self.device, "create"], env=self.client_environment)
        with open(self.world.path("sbd-header"), "w+") as out:
            subprocess.run([self.program, "-d", self.device, "dump"], env=self.client_environment, stdout=out, check=True)
            out.seek(0)
            found = re.search(r"msgwait\)?\s*:\s*(\d+)", out.read())
        self.msgwait_s = int(found.group(1)) if found else None
        self.world.start("sbd", 1, [self.program, "-d", self.device, "-n", "h1", "-R", "-W", "-W", "-P", "-P",
                                    "-Z", "-Z", "-S", "0", "-vv", "watch"], self.environment)

    def await_formed(self):
        deadline = time.monotonic() + 15
        self.inquisitor = None
        while self.inquisitor is None or not _children(self.inquisitor):
            if time.monotonic() > deadline:
                raise Trouble(f"sbd has no watcher after 15 s; see {self.world.path('sbd.log')}")
            time.sleep(0.1)
            self.inquisitor = _inquisitor()

    def sample(self):
        if _inquisitor() != self.inquisitor:
            raise Trouble("sbd ended or started anew while it was measured")
        watchers = _children(self.inquisitor)
        return (sum(map(cpu_ns, watchers)), cpu_ns(self.inquisitor), sum(io_bytes(pid)[0] for pid in watchers))

    @staticmethod
    def between(old, new, seconds):
        watcher, inquisitor, read = (b - a for a, b in zip(old, new))
        loops = read / SECTOR / READS_PER_LOOP
        result = {"cpu_percent": 100 * (watcher + inquisitor) / 1e9 / seconds, "renewals": loops}
        if loops >= 1:
            result.update(renewal_cpu_us=watcher / 1e3 / loops, whole_cpu_us=(watcher + inquisitor) / 1e3 / loops,
                          bytes=read / loops, period_s=seconds / loops)
        return result

    def message_and_time(self):
        """Seconds until the target has read a message, and until the sender may count on it."""
        empty = self._mailbox()
        sent = time.monotonic()
        sender = subprocess.Popen([self.program, "-d", self.device, "message", "h1", "test"], env=self.client_environment,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        # Written by the sender; the target clears it when it has read it.
        for wanted in (False, True):
            while (self._mailbox() == empty) != wanted and time.monotonic() < sent + 20:
                time.sleep(0.005)
        read = time.monotonic() - sent
        sender.wait(60)
        return (read if read < 20 else None), time.monotonic() - sent

    def _mailbox(self):
        with open(self.world.path("sbd-device"), "rb") as device:
            device.seek(MAILBOX_OFFSET)
            return device.read(SECTOR)
