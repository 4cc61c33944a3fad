"""How a lab ends: its processes first, and patiently, because storage may hang under them."""
import contextlib
import os
import signal
import time

from .cgroups import Group
from .common import LabError, note, process_start

ATTEMPTS = 3


@contextlib.contextmanager
def guard(lab, keep=lambda: False):
    """Destroys the lab at the end of the block, however that ends, and lets no signal stop it half
    way.  `keep` may say that the lab is still wanted."""
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
        if not keep():
            destroy_undisturbed(lab)


@contextlib.contextmanager
def undertaker(lab):
    """While the block runs, a process of its own waits for the end of this one, and takes the lab
    down when that end was not the block's: a run that is killed leaves nothing behind."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writer)
        _outlive(lab, reader)
    os.close(reader)
    try:
        yield
    finally:
        os.write(writer, b"done")
        os.close(writer)
        os.waitpid(child, 0)


def _outlive(lab, reader):
    """The undertaker's whole life."""
    try:
        os.setsid()
        if os.read(reader, 4):
            os._exit(0)
        note("lab: the run was killed; its lab is taken down")
        for left in range(ATTEMPTS, 0, -1):     # what the killed run was starting may still come
            try:
                destroy_undisturbed(lab)
                os._exit(0)
            except (LabError, OSError) as failed:
                if left == 1:
                    note(f"lab: {failed}")
    finally:
        os._exit(1)


def destroy_undisturbed(lab):
    before = {number: signal.signal(number, signal.SIG_IGN)
              for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    lab.destroy()
    for number, handler in before.items():
        signal.signal(number, handler)


def _interrupt(*_):
    raise KeyboardInterrupt


def kill_everything(lab):
    """Kills all processes of the lab and waits until they are gone.

    The stand-in watchdogs go first, so that none of them reports or restarts a dying host.
    """
    me = os.getpid()
    for name in (f"{lab.tag}/outside", lab.tag):
        group = Group(name)
        if not group.path.is_dir():
            continue
        for pid in group.pids():
            if pid != me:
                _kill(pid)
        if name == lab.tag and me not in group.pids():
            group.kill()
    _wait_for_the_end(Group(lab.tag), me)


def _kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _wait_for_the_end(group, me):
    deadline = time.monotonic() + 60
    while True:
        left = [pid for pid in group.pids() if pid != me and process_start(pid) is not None]
        if not left:
            return
        if time.monotonic() > deadline:
            raise LabError(f"processes {left} of {group.path.name} do not end; "
                           "their storage may hang in the kernel: run down again later")
        for pid in left:
            _kill(pid)
        time.sleep(0.05)
