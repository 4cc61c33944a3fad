"""The table of bench/peers/run: medians, with the smallest and largest value of the windows or kills they come from."""
import json
import statistics
import sys

GOAL_BEAT_RATIO = 0.10
GOAL_CPU_PERCENT = 0.5


def _text(value):
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


class Figures:
    def __init__(self, values):
        self.values = [value for value in values if value is not None]

    def __bool__(self):
        return bool(self.values)

    @property
    def median(self):
        return statistics.median(self.values)

    def __str__(self):
        if not self.values:
            return "-"
        if len(self.values) == 1:
            return _text(self.median)
        return f"{_text(self.median)} ({_text(min(self.values))}..{_text(max(self.values))})"


def _of(windows, key):
    return Figures([window.get(key) for window in windows])


def _parts(values, index):
    return Figures([value[index] for value in values])


def _print(headings, rows):
    cells = [headings] + rows
    widths = [max(len(row[i]) for row in cells) for i in range(len(headings))]
    for number, row in enumerate(cells):
        print("| " + " | ".join(cell.ljust(widths[i]) for i, cell in enumerate(row)) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    print()


def _costs(windows):
    rows = []
    names = [("beat", "Holdfast's beat alone, 64 hosts, every 0.5 s"), ("beat at once", "the same, one after another")]
    for key, name in names:
        one = windows[key]
        rows.append([name, "-", str(_of(one, "beat_cpu_us")), "-", "528,384", "-"])
    names = [("holdfast standard", "Holdfast, beat process, standard"), ("holdfast fast", "Holdfast, beat process, fast"),
             ("sanlock 1", "sanlock, io_timeout 1 s (its least)"), ("sanlock 10", "sanlock, io_timeout 10 s (default)"),
             ("sbd", "sbd, reading its mailbox"), ("corosync", "corosync, defaults")]
    for key, name in names:
        if key not in windows:
            continue
        one = windows[key]
        own = _of(one, "datastore_cpu_us") if key.startswith("holdfast") else _of(one, "renewal_cpu_us")
        rows.append([name, str(_of(one, "period_s")), str(own), str(_of(one, "whole_cpu_us")), str(_of(one, "bytes")),
                     str(_of(one, "cpu_percent"))])
    print("What it costs while nothing happens.  Renewal: a beat of Holdfast on one datastore (write and scan), a renewal of sanlock's")
    print("lease (write and read of the lockspace), a look of sbd into its mailbox (three reads, no write).  CPU of the thread that does")
    print("the renewal, and of the whole daemon; Holdfast's three datastores and all its network beats are in the latter.\n")
    _print(["", "period, s", "CPU of a renewal, us", "whole daemon per period, us", "bytes of a renewal", "CPU, % of a core"], rows)


def _deaths(result):
    dead, rows = result["deaths"], []
    for profile in ("standard", "fast"):
        values = dead[f"holdfast {profile}"]
        rows.append([f"Holdfast, {profile}: silent", str(_parts(values, 0)), "no life on either path; not yet proof"])
        rows.append([f"Holdfast, {profile}: dead", str(_parts(values, 1)), "proved: its VMs start now"])
    if "sanlock 10" in dead:
        rows.append(["sanlock, io_timeout 10 s (default)", str(Figures(dead["sanlock 10"])), "another host has its resource"])
    rows.append(["sanlock, io_timeout 1 s", str(Figures(dead["sanlock 1"])), "another host has its resource"])
    rows.append(["corosync, token lost", str(_parts(dead["corosync"], 0)), "somebody is missing"])
    rows.append(["corosync, new membership", str(_parts(dead["corosync"], 1)), "known who; not yet proof: fencing follows"])
    rows.append(["sbd, message read by its target", str(_parts(dead["sbd"], 0)), "where the target still reads"])
    rows.append(["sbd, fencing counts as done", str(_parts(dead["sbd"], 1)), f"msgwait {result['msgwait_s']} s, after somebody asked for it"])
    print("From kill -9 until it is known, s\n")
    _print(["", "median (least..most)", "means"], rows)


def _ratio(windows, ours, theirs):
    """Window by window, so that noise that hits both cancels."""
    values = []
    for one, other in zip(windows[ours[0]], windows[theirs[0]]):
        if one.get(ours[1]) and other.get(theirs[1]):
            values.append(one[ours[1]] / other[theirs[1]])
    return Figures(values)


def goals(result):
    """[(what, limit, figures, met)]"""
    windows = result["windows"]
    beat = ("beat", "beat_cpu_us")
    rows = [(f"CPU of a beat, 64 hosts, against {what}", GOAL_BEAT_RATIO, _ratio(windows, beat, theirs)) for what, theirs in (
        ("sanlock's daemon per renewal, io_timeout 10 s (default)", ("sanlock 10", "whole_cpu_us")),
        ("sanlock's daemon per renewal, io_timeout 1 s", ("sanlock 1", "whole_cpu_us")),
        ("sanlock's renewing thread alone", ("sanlock 1", "renewal_cpu_us"))) if theirs[0] in windows]
    idle = _of(windows["holdfast standard"], "cpu_percent_max")
    against = _ratio(windows, ("holdfast standard", "cpu_percent_max"), ("corosync", "cpu_percent"))
    rows += [("beat process, standard, 3 hosts, idle, busiest of three, % of a core", GOAL_CPU_PERCENT, idle),
             ("the same against corosync at its default", 1.0, against)]
    return [(what, limit, figures, bool(figures) and figures.median <= limit) for what, limit, figures in rows]


def show(result):
    machine = result["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    print(f"Measured {result['measured']} on {machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}, {machine['system']}; "
          f"{versions}.")
    count = len(result["windows"]["beat"])
    noise = [window["beat_cpu_us"] for window in result["windows"]["beat at once"]]
    print(f"Median (least..most) of {count} windows of {result['seconds']} s.  Noise: load {result['load'][0]:.1f} before and "
          f"{result['load'][1]:.1f} after; one thing measured {count} times differs by {100 * (max(noise) / min(noise) - 1):.0f} %.")
    if result["quick"]:
        print("A quick run: not for figures that are quoted.")
    print()
    _costs(result["windows"])
    if result["deaths"]:
        _deaths(result)
    _print(["goal", "at most", "here", ""],
           [[what, str(limit), str(figures), "met" if met else "NOT MET"] for what, limit, figures, met in goals(result)])


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        show(json.load(file))
