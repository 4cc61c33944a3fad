#!/usr/bin/env python3
"""Measures real beat processes: CPU of an idle cluster of three, locked memory of one agent in clusters of 64 and 1,024.

    bench/agents.py --build build/release --work FOLDER --device PATH... --json FILE [--seconds N]

FOLDER is scratch, on a tmpfs; each --device is an empty loop device over a sparse file that holds a datastore of 1,024 hosts.
Agents listen on 127.2.0.0/16, UDP port 17441, and have neither VMs nor a watchdog.
"""
import argparse
import json
import os
import signal
import subprocess
import sys
import time

CLUSTER = "5b0d1a52-7c1e-4f3e-9a57-0d9f4b1e2c33"
PORT = 17441
# What a member of each profile costs is measured over so many seconds after the cluster has formed.
SETTLING_S = 6


def address(host):
    return f"127.2.{host // 200}.{1 + host % 200}"


def write_config(folder, host, hosts, devices, profile, address_of=address):
    os.makedirs(folder, exist_ok=True)
    key = os.path.join(folder, "key")
    with open(key, "w") as out:
        out.write("0" * 63 + "1\n")
    os.chmod(key, 0o600)
    lines = [
        "[cluster]", f'uuid = "{CLUSTER}"', f'key_file = "{key}"', "[host]", f"id = {host}",
        "[timing]", f'profile = "{profile}"', "[network]", f"port = {PORT}",
        "[io]", "shared_filesystem_check = false", "[watchdog]", 'device = "none"',
        "[log]", f'file = "{folder}/log/holdfast.log"',
        "[paths]", f'run = "{folder}/run"', f'state = "{folder}/state"',
    ]
    for member in range(1, hosts + 1):
        lines += ["[[member]]", f"id = {member}", f'name = "h{member}"', f'addresses = ["{address_of(member)}"]']
    for i, device in enumerate(devices, 1):
        lines += ["[[datastore]]", f'name = "hb{i}"', f'path = "{device}"']
    path = os.path.join(folder, "holdfast.toml")
    with open(path, "w") as out:
        out.write("\n".join(lines) + "\n")
    return path


class Agent:
    def __init__(self, build, config, inside=()):
        self.errors = open(os.path.join(os.path.dirname(config), "stderr"), "w+")
        self.process = subprocess.Popen([*inside, f"{build}/agent/holdfastd", "--config", config], stderr=self.errors,
                                        stdout=subprocess.DEVNULL, start_new_session=bool(inside))

    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process.poll() is None

    def complaint(self):
        self.errors.seek(0)
        return self.errors.read().strip()[-400:]

    def threads(self):
        """CPU in ns and times on a core, by thread name."""
        found = {}
        for task in os.listdir(f"/proc/{self.pid()}/task"):
            base = f"/proc/{self.pid()}/task/{task}"
            with open(f"{base}/comm") as name, open(f"{base}/schedstat") as stat:
                cpu, _, slices = map(int, stat.read().split())
                old = found.get(name.read().strip(), (0, 0))
                found.setdefault("", (0, 0))
                with open(f"{base}/comm") as again:
                    found[again.read().strip()] = (old[0] + cpu, old[1] + slices)
        found.pop("", None)
        return found

    def memory(self):
        """KiB: locked pages that are there, resident pages, and what the kernel counts against the limit."""
        result = {"locked_kib": 0, "resident_kib": 0, "counted_kib": 0}
        with open(f"/proc/{self.pid()}/smaps") as smaps:
            for line in smaps:
                if line.startswith("Locked:"):
                    result["locked_kib"] += int(line.split()[1])
        with open(f"/proc/{self.pid()}/status") as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    result["resident_kib"] = int(line.split()[1])
                if line.startswith("VmLck:"):
                    result["counted_kib"] = int(line.split()[1])
        return result

    def stop(self):
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.errors.close()


def format_devices(build, devices, hosts_max):
    for number, device in enumerate(devices, 1):
        # Holes, which read as zeros, where the records of the cluster before were.
        subprocess.run(["blkdiscard", device], check=True)
        subprocess.run([f"{build}/bench/hf_bench_area", device, str(hosts_max), CLUSTER, str(number)], check=True)


def run_agents(options, name, hosts, running, profile, hosts_max, measure):
    format_devices(options.build, options.device, hosts_max)
    agents = []
    try:
        for host in range(1, running + 1):
            config = write_config(f"{options.work}/{name}-{host}", host, hosts, options.device, profile)
            agents.append(Agent(options.build, config))
        time.sleep(SETTLING_S)
        for agent in agents:
            if not agent.alive():
                raise RuntimeError(f"{name}: an agent ended: {agent.complaint()}")
        return measure(agents)
    finally:
        for agent in agents:
            agent.stop()


def cpu_of(agents, seconds):
    before = [agent.threads() for agent in agents]
    began = time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    after = [agent.threads() for agent in agents]
    shares = []
    by_thread = {}
    wakeups = []
    for old, new in zip(before, after):
        used = {name: (new[name][0] - old.get(name, (0, 0))[0], new[name][1] - old.get(name, (0, 0))[1]) for name in new}
        shares.append(100 * sum(cpu for cpu, _ in used.values()) / 1e9 / took)
        wakeups.append(sum(slices for _, slices in used.values()) / took)
        for thread, (cpu, slices) in used.items():
            entry = by_thread.setdefault(thread, {"cpu_percent": 0.0, "wakeups_per_s": 0.0})
            entry["cpu_percent"] = max(entry["cpu_percent"], round(100 * cpu / 1e9 / took, 4))
            entry["wakeups_per_s"] = max(entry["wakeups_per_s"], round(slices / took, 1))
    return {"cpu_percent_max": round(max(shares), 4), "cpu_percent": [round(share, 4) for share in shares],
            "wakeups_per_s": round(max(wakeups), 1), "threads": by_thread, "seconds": round(took, 1)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--device", action="append", required=True)
    parser.add_argument("--json", required=True)
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    results = []
    failed = False
    for profile in ("standard", "fast"):
        try:
            figures = run_agents(options, f"idle-{profile}", 3, 3, profile, 64,
                                 lambda agents: cpu_of(agents, options.seconds))
            results.append({"what": "idle", "hosts": 3, "profile": profile, **figures})
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            print(f"FAILED idle agents, {profile}: {error}", file=sys.stderr)
            failed = True
    for hosts in (64, 1024):
        try:
            memory = run_agents(options, f"memory-{hosts}", hosts, 1, "standard", hosts, lambda agents: agents[0].memory())
            results.append({"what": "memory", "hosts": hosts, **memory})
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            print(f"FAILED memory of {hosts} hosts: {error}", file=sys.stderr)
            failed = True
    with open(options.json, "w") as out:
        json.dump(results, out, indent=1)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
