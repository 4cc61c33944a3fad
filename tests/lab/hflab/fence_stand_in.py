#!/usr/bin/python3 -SEB
"""The fence agent of the lab's hosts: hands `action` and `plug` from its standard input to the
lab's stand-in devices (fencing.py), and ends with what they answer, as fence agents do: for
`status` 0 is on and 2 is off, for `off` 0 is done, and 1 is a failure."""
import socket
import sys


def main():
    said = dict(line.strip().partition("=")[::2] for line in sys.stdin if "=" in line)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as device:
        device.connect("/lab/fence/socket")
        device.send(f"{said['action']} {said['plug']}".encode("ascii"))
        answer = device.recv(16)
    if not answer:
        print("the device does not answer", file=sys.stderr)
        return 1
    if answer == b"1":
        print("the device answers with an error", file=sys.stderr)
    return int(answer)


if __name__ == "__main__":
    sys.exit(main())
