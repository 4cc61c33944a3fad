"""What else this machine does is no part of a story: a lab's hosts, which stand still for seconds
where compilers run beside them, go first.  nice(1) does that within one session; where the kernel
groups processes by session (autogroups), each session needs it, and QEMU has one of its own."""
import os
import threading

from .cgroups import Group

LAB_NICE = -15                      # the -20 of nice(1) is left to the kernel
LOOK_S = 0.25


def go_first():
    """This process and what it starts."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, LAB_NICE)
    except PermissionError:
        pass


def session_goes_first(pid):
    """The session of a process of a lab, which has sessions of its own."""
    try:
        with open(f"/proc/{pid}/autogroup", "w", encoding="ascii") as group:
            group.write(str(LAB_NICE))
    except OSError:
        pass                        # it has ended, or there are no such groups here


class HostsGoFirst:
    """While the block runs, every new process of the lab goes first soon after its start."""

    def __init__(self, lab):
        self._group = Group(lab.tag)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self._thread.start()

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _watch(self):
        own = os.getsid(0)          # what enters a host from here stays in this session
        seen = set()
        while not self._over.wait(LOOK_S):
            pids = set(self._group.pids())
            for pid in pids - seen:
                try:
                    if os.getsid(pid) != own:
                        session_goes_first(pid)
                except OSError:
                    continue
            seen = pids
