"""Small things that every module of the lab uses: errors, commands, clocks, waiting."""
import json
import os
import shlex
import subprocess
import sys
import time


COMMAND_LIMIT_S = 120               # of a command that needs no time by itself, on a busy machine


class LabError(Exception):
    """Something a person can act on; printed without a stack trace."""


def boottime():
    """Seconds of CLOCK_BOOTTIME: one clock for all hosts of a lab, and the agents' own."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def run(argv, *, check=True, timeout=COMMAND_LIMIT_S, stdin=None, env=None):
    """Runs a command to its end and returns the completed process, output as text."""
    argv = [str(word) for word in argv]
    try:
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=timeout,
                              env=env, errors="replace", check=False)
    except FileNotFoundError as missing:
        raise LabError(f"{argv[0]} is not installed: run scripts/deps") from missing
    except subprocess.TimeoutExpired as late:
        raise LabError(f"no answer within {timeout} s from: {shlex.join(argv)}") from late
    if check and done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or "no message")[-800:]
        raise LabError(f"{shlex.join(argv)} failed with {done.returncode}: {said}")
    return done


def wait_until(condition, *, seconds, what, every=0.02):
    """Polls until condition() is true.  Returns its value, or raises with what was awaited."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise LabError(f"waited {seconds} s in vain for {what}")
        time.sleep(every)


def process_start(pid):
    """The start time of a live process in clock ticks, or None.  Tells a reused pid from the old
    one; a zombie counts as gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def write_atomically(path, text):
    """Replaces a file by rename, so that a reader sees the old text or the new, never half."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(text, encoding="utf-8")
    fresh.rename(path)


def print_json(value):
    print(json.dumps(value, separators=(",", ":")), flush=True)


def note(text):
    """Progress for people: on stderr, so that --json output stays clean."""
    print(text, file=sys.stderr, flush=True)
