"""The measurement itself, as the first process of its own namespaces; see `run`, which starts it.

Everything runs at the same time, so that whatever else the machine does hits all alike; CPU is counted per process in windows, and
each window gives one value of each figure.  Then hosts are killed, again and again.
"""
import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import threading
import time

import table
from corosync import Corosync
from holdfast import Holdfast
from sanlock import Sanlock
from sbd import Sbd
from world import Trouble, World, say

BEAT_PAUSE_MS = 500     # the standard profile's interval
BEAT_DEVICE_BYTES = 16 << 20


class LoneBeat:
    """hf_bench_beat for the length of a window: a leader's whole beat at 64 hosts, alone in its process."""

    def __init__(self, world, build):
        self.world, self.program = world, f"{build}/bench/hf_bench_beat"
        self.device = world.loop("beat", BEAT_DEVICE_BYTES, written=True)
        self.process = None

    def begin(self, seconds):
        out = self.world.path("beat.json")
        beats = max(int(seconds * 1000 / BEAT_PAUSE_MS) - 2, 5)
        self.process = subprocess.Popen([self.program, "--device", self.device, "--hosts", "64", "--beats", str(beats),
                                         "--pause", str(BEAT_PAUSE_MS), "--json", out])

    def end(self):
        if self.process.wait(timeout=60) != 0:
            raise Trouble("hf_bench_beat failed")
        with open(self.world.path("beat.json")) as file:
            return json.load(file)

    def without_pause(self):
        out = self.world.path("beat.json")
        subprocess.run([self.program, "--device", self.device, "--hosts", "64", "--beats", "1000", "--json", out], check=True)
        with open(out) as file:
            return json.load(file)


def windows(parts, lone, count, seconds):
    """{name: [figures of one window, …]}"""
    seen = {name: [] for name in (*parts, "beat", "beat at once")}
    for number in range(1, count + 1):
        say(f"window {number} of {count}, {seconds} s")
        seen["beat at once"].append(lone.without_pause())
        before = {name: part.sample() for name, part in parts.items()}
        began = time.monotonic()
        lone.begin(seconds)
        time.sleep(seconds)
        took = time.monotonic() - began
        for name, part in parts.items():
            seen[name].append(part.between(before[name], part.sample(), took))
        seen["beat"].append(lone.end())
    return seen


def again_and_again(what, times, bring_back, found):
    for number in range(times):
        found.append(what())
        if number + 1 < times:
            bring_back()
            time.sleep(3 + 0.37 * number)       # another place in everybody's rhythm each time


def deaths(parts, quick):
    """{name: [seconds, …]}, all at the same time."""
    times = 2 if quick else 6
    found = {name: [] for name in parts}
    failures = []

    def guarded(name, work):
        try:
            work()
        except Trouble as trouble:
            failures.append(f"{name}: {trouble}")

    def job(name, part):
        if isinstance(part, Sanlock):
            return lambda: found[name].extend(part.kill_and_time(0.9 if quick else 2.3))
        if isinstance(part, Sbd):
            return lambda: again_and_again(part.message_and_time, times, lambda: None, found[name])
        return lambda: again_and_again(part.kill_and_time, times, part.bring_back, found[name])

    threads = [threading.Thread(target=guarded, args=(name, job(name, part)), daemon=True) for name, part in parts.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise Trouble("; ".join(failures))
    return found


def machine():
    model = "unknown CPU"
    with open("/proc/cpuinfo") as cpuinfo:
        for line in cpuinfo:
            if line.startswith("model name"):
                model = line.split(":")[1].strip()
                break
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "unknown system")
    return {"cpu": model, "cores": os.cpu_count(), "kernel": platform.release(), "system": system}


def measure(options):
    programs, environment = dict(options.program), dict(options.environment)
    world = World(options.work)
    shim = f"{options.build}/bench/libhf_bench_memlock_shim.so"
    parts = {
        "holdfast standard": Holdfast(world, options.build, "standard", 1),
        "holdfast fast": Holdfast(world, options.build, "fast", 4),
        "corosync": Corosync(world, programs["corosync"], environment),
        "sbd": Sbd(world, programs["sbd"], environment),
        "sanlock 1": Sanlock(world, programs["sanlock"], environment, shim, 1, 2 if options.quick else 4),
    }
    if not options.quick:
        parts["sanlock 10"] = Sanlock(world, programs["sanlock"], environment, shim, 10, 4)
    lone = LoneBeat(world, options.build)
    load = [os.getloadavg()[0]]
    for name, part in parts.items():
        say(f"starting {name}")
        part.start()
    for part in parts.values():
        part.await_formed()
    time.sleep(3)
    seen = windows(parts, lone, options.windows, options.seconds)
    load.append(os.getloadavg()[0])
    dead = {}
    if not options.no_kills:
        say("killing hosts, until each is known to be dead")
        dead = deaths(parts, options.quick)
    return {"measured": time.strftime("%Y-%m-%d %H:%M"), "machine": machine(), "load": load, "quick": options.quick,
            "versions": dict(options.version), "seconds": options.seconds, "msgwait_s": parts["sbd"].msgwait_s,
            "windows": seen, "deaths": dead}


def main():
    pair = lambda text: tuple(text.split("=", 1))  # noqa: E731
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", required=True)
    parser.add_argument("--build", required=True)
    parser.add_argument("--json", required=True)
    parser.add_argument("--windows", type=int, required=True)
    parser.add_argument("--seconds", type=int, required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--no-kills", action="store_true")
    for name in ("--program", "--version", "--environment"):
        parser.add_argument(name, action="append", type=pair, default=[])
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        result = measure(options)
    except (Trouble, OSError, subprocess.SubprocessError) as trouble:
        print(f"FAILED: {trouble}", file=sys.stderr)
        return 1
    with open(options.json, "w") as out:
        json.dump(result, out, indent=1)
    table.show(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
