"""Runs several scenario files side by side: each in a process and a lab of its own, whose folder,
and with it every name that the lab makes, is its own too.  Most of a story is waiting."""
import ctypes
import json
import os
import signal
import sys
import tempfile
from pathlib import Path

from . import priority, scenario
from .state import Lab

PR_SET_PDEATHSIG = 1


class Job:
    """One file under way: what it says is kept until it has ended."""

    def __init__(self, number, folder, path, args):
        self.path = path
        self._words = tempfile.TemporaryFile(mode="w+", encoding="utf-8", errors="replace")
        self._result = tempfile.TemporaryFile(mode="w+", encoding="utf-8")
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            self._live(parent, Lab(f"{folder}-{number}"), args)

    def _live(self, parent, lab, args):
        """The whole life of the child.  It takes its lab down when it is asked to end, and it is
        asked when its parent is gone."""
        code = 1
        try:
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:
                return
            os.setsid()
            priority.session_goes_first("self")
            os.dup2(self._words.fileno(), 1)
            os.dup2(self._words.fileno(), 2)
            self._result.write(json.dumps(scenario.run_file(lab, self.path, args)))
            self._result.flush()
            code = 0
        except KeyboardInterrupt:
            pass
        finally:
            os._exit(code)

    def end(self, status):
        """What it said, and its result."""
        self._words.seek(0)
        self._result.seek(0)
        text = self._result.read()
        result = json.loads(text) if text else {
            "file": str(self.path), "ok": False, "seconds": 0.0,
            "failure": f"its process ended with status {status} before the story did"}
        said = self._words.read()
        self._words.close()
        self._result.close()
        return said, result


def run_files(folder, paths, args):
    """Yields what each file's run said, and its result, in the order in which they end."""
    waiting = list(enumerate(map(Path, paths)))
    running = {}
    try:
        while waiting or running:
            while waiting and len(running) < args.jobs:
                job = Job(waiting[0][0], folder, waiting.pop(0)[1], args)
                running[job.pid] = job
            pid, status = os.wait()
            if pid in running:
                yield running.pop(pid).end(os.waitstatus_to_exitcode(status))
    finally:
        for pid in running:
            os.kill(pid, signal.SIGTERM)
        for pid in running:
            os.waitpid(pid, 0)
