"""The stand-in watchdog: plays the hardware of one host, from outside the host.

Protocol (docs/CONFIGURATION.md): `open MS` is answered `timeout MS class CLASS` and starts the
countdown, `feed` restarts it, `stop` ends it, `reset` asks for a reset now.  A connection that
closes counts as one last feed.  When the countdown ends the host loses its power, frozen or not.
"""
import os
import selectors
import socket
import time

from .common import LabError, boottime, note, process_start, write_atomically

TIMEOUT_MIN_MS = 100
AUTO_REBOOT_DELAY_S = 1.0


class StandIn:
    """One host's watchdog.  serve() returns with the reason for which the host has to be reset."""

    def __init__(self, host):
        self.host = host
        self.watchdog_class = host.lab.options.watchdog_class
        self.timeout_s = 0.0
        self.fed_at = None          # boottime of the last feed; None while nothing counts
        self.selector = selectors.DefaultSelector()

    def listen(self):
        folder = self.host.dir / "watchdog"
        (folder / "socket").unlink(missing_ok=True)
        server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        os.chdir(folder)            # a socket's path may not be longer than 107 bytes
        server.bind("socket")
        server.listen(8)
        self.selector.register(server, selectors.EVENT_READ)
        mark = f"{os.getpid()} {process_start(os.getpid())}\n"
        write_atomically(folder / "pid", mark)

    def serve(self):
        while True:
            left = None
            if self.fed_at is not None:
                left = self.fed_at + self.timeout_s - boottime()
                if left <= 0:
                    return "watchdog", {"timeout_ms": round(self.timeout_s * 1000),
                                        "fed_before_ms": round((boottime() - self.fed_at) * 1000)}
            for key, _ in self.selector.select(left):
                if key.data is None:
                    client, _ = key.fileobj.accept()
                    self.selector.register(client, selectors.EVENT_READ, data="client")
                elif self._serve_client(key.fileobj) == "reset":
                    return "reset asked for", {}

    def _serve_client(self, client):
        try:
            words = client.recv(256).decode("ascii", "replace").split()
        except OSError:
            words = []
        if not words:
            self.selector.unregister(client)
            client.close()
            if self.fed_at is not None:
                self.fed_at = boottime()
            return None
        if words[0] == "open" and len(words) == 2 and words[1].isdigit():
            milliseconds = max(int(words[1]), TIMEOUT_MIN_MS)
            self.timeout_s = milliseconds / 1000
            self.fed_at = boottime()
            client.send(f"timeout {milliseconds} class {self.watchdog_class}".encode("ascii"))
        elif words[0] == "feed":
            self.fed_at = boottime()
        elif words[0] == "stop":
            self.fed_at = None
        elif words[0] == "reset":
            return "reset"
        else:
            note(f"{self.host.name}: not a watchdog message: {' '.join(words)}")
        return None


def serve(host):
    """The whole life of a stand-in: from power-on to the host's reset, or to its own end when the
    lab takes the power away."""
    stand_in = StandIn(host)
    stand_in.listen()
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(10))
    except PermissionError:
        pass                        # a busy machine may then reset a little late
    reason, numbers = stand_in.serve()
    try:
        host.cut_power("reset", reason=reason, **numbers)
        host.wait_off()
    except LabError as already_off:
        note(f"{host.name}: {already_off}")
        return
    finally:
        (host.dir / "watchdog" / "pid").unlink(missing_ok=True)
    if host.lab.options.auto_reboot:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        time.sleep(AUTO_REBOOT_DELAY_S)
        host.power_on()
