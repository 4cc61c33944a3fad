"""The scenario language of docs/SCENARIOS.md: reads a file into statements, or says which line is
wrong.  Knows nothing about how a statement is carried out."""
import re
from dataclasses import dataclass, field

from .common import LabError

UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0}
MIB = {"M": 1, "G": 1024}

# word -> how many bare words follow it, and which keys and flags it knows
STATEMENTS = {
    "cluster": (0, {"hosts", "datastores", "profile", "locks", "block", "watchdog", "seed",
                    "late-writes", "late-feeds"}, set()),
    "host": (1, {"memory"}, set()),
    "vm": (1, {"on", "memory", "disk", "priority", "isolation", "after", "apart", "together"},
           set()),
    "run": (1, set(), set()),
    "power-off": (0, {"host"}, set()),
    "power-on": (0, {"host"}, set()),
    "shut-down": (0, {"host"}, set()),
    "freeze": (0, {"host"}, set()),
    "thaw": (0, {"host"}, set()),
    "agent-kill": (0, {"host"}, set()),
    "agent-stop": (0, {"host"}, set()),
    "agent-continue": (0, {"host"}, set()),
    "agent-upgrade": (0, {"host"}, set()),
    "drift": (0, {"host", "ppm"}, set()),
    "net cut": (0, {"host", "link", "dir", "from", "to"}, set()),
    "net heal": (0, set(), set()),
    "isolation-address": (1, set(), set()),
    "ds": (1, {"ds", "host", "delay"}, {"write-only"}),
    "libvirt": (1, {"host"}, set()),
    "fence": (1, {"host"}, set()),
    "confirm-dead": (0, {"host"}, set()),
    "vm-stop": (1, {"by"}, set()),
    "vm-crash": (1, set(), set()),
    "vm-start": (1, {"on", "by"}, set()),
    "vm-migrate": (1, {"to"}, set()),
    "maintenance": (0, {"host"}, {"on", "off"}),
    "timing": (0, {"profile"}, {"unsafe"}),
    "datastore": (0, {"ds"}, {"add", "retire"}),
    "expect vm": (1, {"on", "within"}, {"on-any", "stopped"}),
    "expect leader": (0, {"leader", "within"}, set()),
    "expect verdict": (0, {"host", "is", "within"}, set()),
    "expect changed": (0, {"within"}, set()),
    "expect unchanged": (0, {"within"}, set()),
    "expect lease": (0, {"host", "is", "within"}, set()),
    "expect reset": (0, {"host", "within"}, set()),
    "expect absorbs": (0, {"absorbs", "within"}, set()),
    "expect no-room": (1, {"host", "within"}, set()),
    "expect order": (3, set(), set()),
    "expect refused": (1, {"on", "within"}, set()),
    "expect no-reset": (0, set(), set()),
    "expect no-kill": (0, set(), set()),
    "expect never-two": (0, set(), set()),
}


@dataclass
class Statement:
    """One line: `word`, its bare words, its key=value pairs and its flags."""

    file: str
    line: int
    text: str
    word: str
    names: list = field(default_factory=list)
    keys: dict = field(default_factory=dict)
    flags: set = field(default_factory=set)

    @property
    def where(self):
        return f"{self.file}:{self.line}"

    def wrong(self, why):
        return LabError(f"{self.where}: {why}: {self.text}")

    def need(self, key):
        if key not in self.keys:
            raise self.wrong(f"needs {key}=…")
        return self.keys[key]

    def choice(self, value, *known):
        if value not in known:
            raise self.wrong(f"'{value}' is none of {', '.join(known)}")
        return value


def seconds(statement, text):
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|min)", text)
    if not match:
        raise statement.wrong(f"'{text}' is no duration such as 300ms, 10s or 5min")
    return float(match[1]) * UNITS[match[2]]


def mebibytes(statement, text):
    match = re.fullmatch(r"(\d+)([MG])", text)
    if not match:
        raise statement.wrong(f"'{text}' is no size such as 64M or 2G")
    return int(match[1]) * MIB[match[2]]


def parse(path):
    """Reads a scenario.  The first statement is `cluster`."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as failed:
        raise LabError(f"{path}: {failed.strerror}") from failed
    statements = []
    for number, line in enumerate(lines, start=1):
        text = line.split("#", 1)[0].strip()
        if text:
            statements.append(_parse_line(str(path), number, text))
    if not statements or statements[0].word != "cluster":
        raise LabError(f"{path}: the first statement must be: cluster hosts=… datastores=…")
    for again in statements[1:]:
        if again.word == "cluster":
            raise again.wrong("a second cluster")
    return statements


def _parse_line(file, number, text):
    words = text.split()
    statement = Statement(file, number, text, words.pop(0))
    if statement.word in ("net", "expect"):
        if not words:
            raise statement.wrong(f"{statement.word} what")
        kind = words[0].partition("=")[0]
        statement.word += f" {kind}"
        if "=" not in words[0]:             # `expect leader=1` names its kind by its key
            words.pop(0)
    if statement.word not in STATEMENTS:
        raise statement.wrong(f"no statement '{statement.word}'")
    names, keys, flags = STATEMENTS[statement.word]
    for word in words:
        key, equals, value = word.partition("=")
        if equals and key in keys:
            if key in statement.keys:
                raise statement.wrong(f"{key} twice")
            statement.keys[key] = value
        elif not equals and word in flags:
            statement.flags.add(word)
        elif not equals and len(statement.names) < names:
            statement.names.append(word)
        elif statement.word == "ds" and key == "delay":
            statement.names.append(word)
        else:
            raise statement.wrong(f"'{word}' does not belong here")
    if statement.word == "ds" and "delay" in statement.keys:
        statement.names.append(f"delay={statement.keys.pop('delay')}")
    if len(statement.names) != names:
        raise statement.wrong(f"needs {names} words after '{statement.word}'")
    return statement
