"""What people do while the story goes on: changes that they ask the leader for, migrations, and the
shutdown of a host.  Each is a Deed that ends by itself, or with the run."""
import signal
import subprocess
import threading
import time

from . import agent, guests
from .common import LabError, note, wait_until

LEADER_LIMIT_S = 30
SHUTDOWN_LIMIT_S = 60
LEASES = {"fast": "2s", "standard": "4s", "patient": "20s"}     # of the profiles


class Deed:
    """One command that was begun.  Its output is said when it has ended."""

    def __init__(self, what, argv):
        self.what = what
        self._said = None
        self._process = subprocess.Popen([str(word) for word in argv], stdin=subprocess.DEVNULL,
                                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                         text=True, errors="replace")

    def status(self):
        """The exit status, or None while it goes on."""
        status = self._process.poll()
        if status is not None and self._said is None:
            self._said = self._process.stdout.read().strip()
            note(f"         {self.what} ended with {status}: {self._said}")
        return status

    def said(self):
        return "it is not done yet" if self.status() is None else self._said

    def give_up(self):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._process.stdout.close()


def wait_leader(lab):
    """The number of the host that leads."""
    return wait_until(lambda: agent.leader(lab), seconds=LEADER_LIMIT_S,
                      what="a leader who could be asked", every=0.2)


def _ask_leader(run, *words):
    """Types a command at the host that leads."""
    number = wait_leader(run.lab)
    run.lab.record("asked", number, words=" ".join(words))
    run.change = Deed(f"h{number}: holdfast {' '.join(words)}",
                      run.lab.host(number).inside(["holdfast", *words]))
    run.deeds.append(run.change)


def maintenance(run, host, state):
    _ask_leader(run, "maintenance", host.name, state)


def timing(run, profile, unsafe):
    wanted = f"{profile},dead={LEASES[profile]}" if unsafe else profile
    _ask_leader(run, "tune", "--timing", wanted, "--apply")


def datastore(run, act, number):
    _ask_leader(run, "datastore", act, f"hb{number}")


def migrate(run, vm, target):
    deed = Deed(f"migration of {vm} to {target.name}", guests.migration(run.lab, vm, target))
    run.starts_refused[vm, target.number] = deed
    run.deeds.append(deed)


class ShutDown:
    """A host is shut down as docs/OPERATIONS.md says: its agent is told before anything stops its
    VMs, and ends after them; then the power goes."""

    def __init__(self, lab, host):
        self._failed = None
        self._host = host
        lab.record("shut-down", host.number)
        note(f"         {host.run(['holdfast', 'goodbye']).stdout.strip()}")
        vms = [vm for vm, hosts in guests.running(lab).items() if host.name in hosts]
        self._thread = threading.Thread(target=self._go_on, args=(vms,), daemon=True)
        self._thread.start()

    def _go_on(self, vms):
        host = self._host
        try:
            if vms:                 # as libvirt-guests does with guests that do not listen
                host.virsh([f"destroy {vm}" for vm in vms])
            began = time.monotonic()
            agent.signal_program(host, signal.SIGTERM, "agent-stops", "holdfast-supervise")
            wait_until(lambda: not host.processes("holdfast-supervise"), seconds=SHUTDOWN_LIMIT_S,
                       what=f"the agent of {host.name} to end", every=0.05)
            note(f"         the agent of {host.name} took {time.monotonic() - began:.1f} s to end")
            host.power_off()
        except LabError as failed:
            self._failed = failed

    def give_up(self):
        self._thread.join()
        if self._failed:
            raise LabError(f"the shutdown of {self._host.name}: {self._failed}")


def shut_down(run, host):
    run.deeds.append(ShutDown(run.lab, host))
