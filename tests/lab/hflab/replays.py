"""Replays every host's flight logs: the engine of this build must decide again what the agents decided."""
import json
import subprocess
from pathlib import Path

from .common import LabError

LIMIT_S = 120
FOLDER = "var/lib/holdfast/flight"


def replay_host(lab, host):
    """What `holdfast replay` says of one host's logs, or None when its agent has left none."""
    folder = host.dir / FOLDER
    if not any(folder.glob("*.flight")):
        return None
    done = subprocess.run(
        [Path(lab.options.build) / "agent" / "holdfast", "replay", "--json", folder],
        capture_output=True, text=True, timeout=LIMIT_S, check=False)
    try:
        answer = json.loads(done.stdout)
    except ValueError as broken:
        raise LabError(f"{host.name}: holdfast replay ended with {done.returncode}: "
                       f"{done.stderr.strip() or broken}") from broken
    return answer | {"ok": done.returncode == 0}


def describe(host, answer):
    """One line a flight, for people."""
    for flight in answer["flights"]:
        word = "identical" if flight["identical"] else "NOT identical"
        yield (f"{host.name} {flight['incarnation']}: {word}: {flight['steps']} events, "
               f"{flight['lines']} trace lines over {flight['seconds']:.1f} s, {flight['end']}"
               + (f" ({flight['end_text']})" if flight["end"] not in ("ended", "stopped") else ""))
        if flight["difference"]:
            yield f"  {json.dumps(flight['difference'])}"
    yield from answer["errors"]


def check(lab, say):
    """Replays the logs of all hosts; a difference, a gap or damage is a failure."""
    wrong = []
    for host in lab.hosts:
        answer = replay_host(lab, host)
        if answer is None:
            continue
        lines = list(describe(host, answer))
        for line in lines:
            say(f"         replay {line}")
        if not answer["ok"]:
            wrong += lines
    if wrong:
        raise LabError("a replay differs from what its agent did: " + "; ".join(wrong))
