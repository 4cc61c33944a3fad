"""Fence devices: what plays the management boards of the hosts, and answers fence_stand_in.py.

One process outside the hosts serves all of them on `LAB/fence/socket`, which every host sees as
/lab/fence/socket: the management network is no part of the networks that a scenario cuts.  How a
device behaves stands in `LAB/fence/hN`: `ok`, `fail` (every call ends with an error), `hang` (no
call ends) or `lie` (`off` says yes and does nothing, `status` tells the truth).
"""
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

from .cgroups import in_group
from .common import LabError, note, wait_until, write_atomically

MODES = ("ok", "fail", "hang", "lie")
PROGRAM = "/lab/tools/fence_stand_in.py"
CALL_LIMIT = "20s"


def create(lab):
    """The devices, all of them in order, and the process that plays them."""
    folder = lab.dir / "fence"
    folder.mkdir()
    if not lab.options.fenced:
        return
    for number in lab.options.fenced:
        (folder / f"h{number}").write_text("ok\n", encoding="ascii")
    script = Path(__file__).resolve().parents[3] / "scripts" / "lab"
    argv = [sys.executable, str(script), "--dir", str(lab.dir), "stand-in-fence"]
    with open(folder / "log", "ab") as log:
        subprocess.Popen(in_group(lab.outside_group, argv), stdin=subprocess.DEVNULL,
                         stdout=log, stderr=log, start_new_session=True)
    wait_until(lambda: (folder / "socket").exists(), seconds=60, what="the stand-in fence devices")


def set_mode(lab, host, mode):
    if host.number not in lab.options.fenced:
        raise LabError(f"{host.name} has no fence device")
    write_atomically(lab.dir / "fence" / host.name, mode + "\n")
    lab.record("fence-device", host.number, mode=mode)


def config_lines(member):
    """What the agents' configuration says of a member's device."""
    if member.number not in member.lab.options.fenced:
        return []
    return [f'fence = {{ program = "{PROGRAM}", timeout = "{CALL_LIMIT}", '
            f'plug = "{member.number}" }}']


def serve(lab):
    """Answers until the lab is taken down."""
    os.chdir(lab.dir / "fence")     # a socket's path may not be longer than 107 bytes
    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server.bind("socket")
    server.listen(32)
    while True:
        client, _ = server.accept()
        threading.Thread(target=_answer, args=(lab, client), daemon=True).start()


def _answer(lab, client):
    """One call: `ACTION PLUG`, answered with the exit status of a fence agent."""
    with client:
        words = client.recv(256).decode("ascii", "replace").split()
        try:
            action, plug = words
            client.send(str(_act(lab, client, action, lab.host(plug))).encode("ascii"))
        except (LabError, OSError, ValueError) as failed:
            note(f"fence call {' '.join(words)}: {failed}")


def _act(lab, client, action, host):
    mode = (lab.dir / "fence" / host.name).read_text(encoding="ascii").strip()
    lab.record("fence-call", host.number, action=action, mode=mode)
    if mode == "hang":
        client.recv(1)              # until the caller is killed
        raise LabError("the caller gave up")
    if mode == "fail" or action not in ("off", "status"):
        return 1
    if action == "off":
        if mode == "ok":
            host.cut_by_fence()
        return 0
    return 0 if host.is_on() else 2
