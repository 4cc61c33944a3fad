#!/usr/bin/env python3
"""Prints what scripts/bench measured: tables with ratios, the machine's noise, and whether each goal is met.

    bench/report.py FOLDER      FOLDER holds the JSON files of one run

Exit code 0 whatever the goals say: a figure is no failure.  --goals-must-hold makes a goal that is not met exit 1.
"""
import json
import os
import platform
import sys
import time


def load(folder, name):
    try:
        with open(os.path.join(folder, name + ".json")) as file:
            return json.load(file)
    except (OSError, ValueError):
        return []


def table(headings, rows):
    cells = [headings] + [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(headings))]
    for number, row in enumerate(cells):
        print("  " + "  ".join(cell.ljust(widths[i]) if i == 0 else cell.rjust(widths[i]) for i, cell in enumerate(row)))
        if number == 0:
            print("  " + "  ".join("-" * width for width in widths))
    print()


def ratio(value, base):
    return f"{value / base:.2f}" if base else "-"


class Goals:
    def __init__(self):
        self.rows = []
        self.missed = 0

    def check(self, what, value, limit, unit="", text=None):
        if value is None:
            self.rows.append([what, f"<= {limit}{unit}", "not measured", "?"])
            return
        met = value <= limit
        self.missed += not met
        self.rows.append([what, f"<= {limit}{unit}", text or f"{value:.3g}{unit}", "met" if met else "NOT MET"])


def print_cycles(cycles, goals):
    targets = sorted({(entry["target"], entry["hosts"]) for entry in cycles}, key=lambda t: (t[1], t[0]))
    for target, hosts in targets:
        ways = {entry["way"]: entry for entry in cycles if (entry["target"], entry["hosts"]) == (target, hosts)}
        bare, again = ways.get("bare liburing"), ways.get("bare liburing again")
        print(f"Datastore cycle on {target}, {hosts} hosts: 4 KiB write and scan of {hosts * 8} KiB, O_DIRECT|O_DSYNC, us")
        if bare and again:
            print(f"  noise: the bare loop against itself: p50 x {ratio(again['p50_us'], bare['p50_us'])}, "
                  f"CPU x {ratio(again['cpu_p50_us'], bare['cpu_p50_us'])}")
        base = bare or next(iter(ways.values()))
        rows = []
        for name, entry in ways.items():
            if name == "bare liburing again":
                continue
            rows.append([name, entry["p50_us"], entry["p99_us"], entry["p999_us"], entry["cpu_p50_us"],
                         ratio(entry["p50_us"], base["p50_us"]), ratio(entry["cpu_p50_us"], base["cpu_p50_us"]),
                         f"{entry['switches_waiting']:.2f}", f"{entry['switches_forced']:.2f}"])
        table(["way", "p50", "p99", "p99.9", "CPU", "p50 x", "CPU x", "waits", "forced"], rows)
        if (target, hosts) == ("loop-memory", 64):
            ours, plain = ways.get("holdfast io_uring"), ways.get("plain pwrite+pread")
            checking = ways.get("bare liburing and checksums")
            for label, other, p50, cpu in (("the bare liburing loop, which looks at no byte", bare, 1.05, 1.15),
                                           ("the bare loop that checksums one copy of each slot", checking, 1.05, 1.15),
                                           ("pwrite+pread", plain, 0.75, 0.55)):
                have = ours and other
                goals.check(f"datastore cycle, 64 hosts, loop over memory, p50 against {label}",
                            ours["p50_us"] / other["p50_us"] if have else None, p50, " x")
                goals.check(f"datastore cycle, 64 hosts, loop over memory, CPU against {label}",
                            ours["cpu_p50_us"] / other["cpu_p50_us"] if have else None, cpu, " x")


def print_steps(steps, goals):
    if not steps:
        return
    print("One step of the engine in a healthy cluster, 10 VMs a host, ns (cost of the clock deducted)")
    rows = []
    for entry in steps:
        role = "leader" if entry["leads"] else "follower"
        rows.append([f"{entry['hosts']} hosts, {role}, {entry['event']}", entry["steps"], entry["p50_ns"], entry["p99_ns"],
                     entry["p999_ns"], entry["allocations"]])
    table(["step", "steps", "p50", "p99", "p99.9", "allocations"], rows)
    whole = [entry for entry in steps if entry["event"] == "all" and entry["leads"] and "engine_kib" in entry]
    print("Memory of the engine, all of it allocated when it is made, MiB")
    table(["hosts", "engine"], [[entry["hosts"], f"{entry['engine_kib'] / 1024:.1f}"] for entry in whole])
    at_64 = [entry for entry in steps if entry["hosts"] == 64 and entry["event"] == "all"]
    goals.check("engine step, 64 hosts, median (of leader and follower the slower)",
                max((entry["p50_ns"] for entry in at_64), default=None), 300, " ns")
    goals.check("engine step, allocations", sum(entry["allocations"] for entry in steps), 0)


def print_beats(beats):
    if not beats:
        return
    print("A beat over the network, one at a time on loopback, from poll to the end of the step; CPU in us")
    table(["hosts", "receive", "step p50", "send", "beats/s of one core", "arrival p50", "p99", "p99.9", "lost"],
          [[entry["hosts"], entry["receive_cpu_us"], entry["step_p50_us"], entry["send_cpu_us"], int(entry["beats_per_second"]),
            entry["arrival_p50_us"], entry["arrival_p99_us"], entry["arrival_p999_us"], entry["lost"]] for entry in beats])


def print_micro(micro, goals):
    benchmarks = micro.get("benchmarks", []) if isinstance(micro, dict) else []
    medians = {entry["run_name"].split("/")[0]: entry for entry in benchmarks if entry.get("aggregate_name") == "median"}
    spread = {entry["run_name"].split("/")[0]: entry for entry in benchmarks if entry.get("aggregate_name") == "cv"}
    if not medians:
        return
    scale = {"ns": 1, "us": 1000, "ms": 1e6}
    print("Codecs and lock-free parts, CPU of one call, median of the repetitions, ns; spread: deviation over mean")
    table(["what", "median", "spread"],
          [[name, f"{entry['cpu_time'] * scale[entry['time_unit']]:.1f}", f"{100 * spread[name]['cpu_time']:.0f} %" if name in spread else "-"]
           for name, entry in sorted(medians.items())])

    def against(name, base):
        if name not in medians or base not in medians:
            return None
        one, other = medians[name], medians[base]
        return one["cpu_time"] * scale[one["time_unit"]] / (other["cpu_time"] * scale[other["time_unit"]])

    goals.check("verify and judge 1,024 slots, against the bare checksums", against("verify_and_judge_1024", "checksum_1024"), 2, " x")
    goals.check("ring hand-over of a beat, against bare boost::lockfree", against("ring_of<BeatReceived>", "boost_of<BeatReceived>"), 1.2, " x")
    goals.check("ring hand-over of 16 bytes, against bare boost::lockfree", against("ring_of<Small>", "boost_of<Small>"), 1.2, " x")


def print_agents(agents, goals):
    idle = [entry for entry in agents if entry["what"] == "idle"]
    if idle:
        print("Beat processes of an idle cluster of three, loop over memory, no VMs")
        table(["profile", "CPU of the busiest, % of a core", "wake-ups/s"],
              [[entry["profile"], entry["cpu_percent_max"], entry["wakeups_per_s"]] for entry in idle])
        for entry in idle:
            threads = ", ".join(f"{name} {figures['cpu_percent']:.3f} %" for name, figures in
                                sorted(entry["threads"].items(), key=lambda item: -item[1]["cpu_percent"]) if figures["cpu_percent"] > 0)
            print(f"  {entry['profile']} by thread: {threads}")
        print()
    standard = next((entry["cpu_percent_max"] for entry in idle if entry["profile"] == "standard"), None)
    goals.check("beat process, standard timing, 3 hosts, idle: CPU of one core", standard, 0.5, " %")
    memory = {entry["hosts"]: entry for entry in agents if entry["what"] == "memory"}
    if memory:
        print("Memory of one beat process with three datastores, MiB")
        table(["hosts", "locked", "resident", "counted as locked by the kernel"],
              [[hosts, *(f"{entry[key] / 1024:.1f}" for key in ("locked_kib", "resident_kib", "counted_kib"))]
               for hosts, entry in memory.items()])
    for hosts, limit in ((64, 24), (1024, 64)):
        goals.check(f"locked memory of the beat process, {hosts} hosts",
                    memory[hosts]["locked_kib"] / 1024 if hosts in memory else None, limit, " MiB")


def print_failover(runs):
    if not runs:
        return
    print("Failover in the simulator, three hosts, power cut at any moment of the beat, s")
    table(["profile, victim", "declared dead p50", "p99", "VM runs again p50", "p99", "runs"],
          [[f"{entry['profile']}, {entry['victim']}", entry["declared_p50_s"], entry["declared_p99_s"], entry["away_p50_s"],
            entry["away_p99_s"], entry["runs"]] for entry in runs])


def print_scale(folder):
    try:
        with open(os.path.join(folder, "scale.txt")) as file:
            lines = file.read().splitlines()
    except OSError:
        return
    print("A large cluster in the simulator loses a host full of VMs; all engines run in one process")
    for line in lines:
        print("  " + line)
    print()


def machine():
    model = "unknown CPU"
    try:
        with open("/proc/cpuinfo") as cpuinfo:
            model = next(line.split(":")[1].strip() for line in cpuinfo if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{model}, {os.cpu_count()} cores, Linux {platform.release()}, load {os.getloadavg()[0]:.2f}"


def main():
    arguments = [word for word in sys.argv[1:] if not word.startswith("--")]
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    folder = arguments[0]
    goals = Goals()
    print(f"Holdfast, measured {time.strftime('%Y-%m-%d %H:%M')} on {machine()}\n")
    print_cycles(load(folder, "cycle"), goals)
    print_steps(load(folder, "step"), goals)
    print_beats(load(folder, "beats"))
    print_micro(load(folder, "micro"), goals)
    print_agents(load(folder, "agents"), goals)
    print_failover(load(folder, "failover"))
    print_scale(folder)
    print("Goals; against sanlock, sbd and corosync: bench/peers/run")
    table(["goal", "limit", "here", ""], goals.rows)
    if goals.missed:
        print(f"{goals.missed} of {len(goals.rows)} not met: docs/PERFORMANCE.md says why and what would.")
    return 1 if goals.missed and "--goals-must-hold" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
