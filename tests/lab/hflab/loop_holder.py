"""Attaches loop devices inside a host and holds them open; see loops.py.  Runs on its own:

    loop_holder.py LABEL FILE LINK [LABEL FILE LINK]…

Each FILE gets a loop device with direct I/O, 512-byte sectors and LABEL as its name; LINK becomes a
symbolic link to it.  The devices detach themselves when this process and their users are gone.
"""
import fcntl
import os
import signal
import stat
import struct
import sys

LOOP_CONFIGURE, LOOP_CTL_GET_FREE = 0x4C0A, 0x4C82
LO_FLAGS_AUTOCLEAR, LO_FLAGS_DIRECT_IO = 4, 16
LOOP_MAJOR = 7
SECTOR_BYTES = 512
ATTEMPTS = 50
# struct loop_info64: 5 u64, 4 u32 (the last is the flags), file name, crypt name, key, 2 u64
LOOP_INFO = struct.Struct("=5Q4I64s64s32s2Q")
LOOP_INFO_FILE_NAME = 9
LOOP_CONFIG = struct.Struct(f"=2I{LOOP_INFO.size}s8Q")


def configure(label, path, direct=True):
    """Attaches a free loop device to `path`.  Returns its path and an open descriptor."""
    backing = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_DIRECT if direct else 0))
    flags = LO_FLAGS_AUTOCLEAR | (LO_FLAGS_DIRECT_IO if direct else 0)
    info = LOOP_INFO.pack(0, 0, 0, 0, 0, 0, 0, 0, flags,
                          label.encode("ascii")[:63], b"", b"", 0, 0)
    config = LOOP_CONFIG.pack(backing, SECTOR_BYTES, info, *([0] * 8))
    control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
    try:
        for _ in range(ATTEMPTS):
            number = fcntl.ioctl(control, LOOP_CTL_GET_FREE)
            name = f"/dev/loop{number}"
            if not os.path.exists(name):
                os.mknod(name, 0o600 | stat.S_IFBLK, os.makedev(LOOP_MAJOR, number))
            device = os.open(name, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.ioctl(device, LOOP_CONFIGURE, config)
                return name, device
            except OSError as refused:
                os.close(device)
                taken = refused         # another host or lab was faster: try the next one
        raise taken
    finally:
        os.close(control)
        os.close(backing)


def hold(words):
    held = []
    for label, path, link in zip(words[0::3], words[1::3], words[2::3]):
        name, device = configure(label, path)
        held.append(device)
        os.makedirs(os.path.dirname(link), exist_ok=True)
        os.symlink(name, link)
    while held:
        signal.pause()


if __name__ == "__main__":
    hold(sys.argv[1:])
