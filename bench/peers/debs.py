"""The peers' programs, from the distribution's packages, unpacked into a folder of ours and not installed.

Installing them would start daemons: sanlock's loads a watchdog module, corosync's joins whatever its default configuration says.
A program that is installed already is taken as it is.
"""
import glob
import os
import shutil
import subprocess

PROGRAMS = {"sanlock": "sanlock", "sbd": "sbd", "corosync": "corosync"}  # program: package
SBIN = "/usr/sbin"


class Unavailable(Exception):
    pass


def _apt(folder, *words):
    command = ["apt-get", "--quiet", "--yes", "-o", "DPkg::Lock::Timeout=300", "-o", f"Dir::Cache::archives={folder}", *words]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)


def _download(folder, packages):
    os.makedirs(os.path.join(folder, "partial"), exist_ok=True)
    words = ("install", "--download-only", "--no-install-recommends", *packages)
    done = _apt(folder, *words)
    if done.returncode != 0:
        # The lists of a fresh image are empty or old.
        _apt(folder, "update")
        done = _apt(folder, *words)
    if done.returncode != 0:
        last = "\n  ".join(done.stderr.strip().splitlines()[-5:])
        raise Unavailable(f"{', '.join(packages)} cannot be had from this system's package sources (apt-get update; then "
                          f"apt-get install --download-only {' '.join(packages)} shows why):\n  {last}")


def _find(root, program):
    own = f"{root}{SBIN}/{program}"
    if os.access(own, os.X_OK):
        return own
    return shutil.which(program, path=f"{SBIN}:/sbin:/usr/bin:/bin")


def fetch(folder):
    """Downloads and unpacks what is missing.  Returns {program: path}, the environment they need, {package: version}."""
    root = os.path.join(folder, "root")
    missing = [package for program, package in PROGRAMS.items() if _find(root, program) is None]
    if missing:
        if shutil.which("apt-get") is None:
            raise Unavailable(f"{', '.join(missing)}: not installed, and this system has no apt to fetch them with. Install them.")
        archives = os.path.join(folder, "deb")
        _download(archives, missing)
        os.makedirs(root, exist_ok=True)
        for package in glob.glob(f"{archives}/*.deb"):
            subprocess.run(["dpkg-deb", "--extract", package, root], check=True)
    programs = {program: _find(root, program) for program in PROGRAMS}
    for program, path in programs.items():
        if path is None:
            raise Unavailable(f"the package {PROGRAMS[program]} has no {SBIN}/{program}")
    libraries = sorted({os.path.dirname(path) for path in glob.glob(f"{root}/usr/lib/**/*.so.*", recursive=True)})
    environment = {"LD_LIBRARY_PATH": ":".join(libraries)} if libraries else {}
    return programs, environment, _versions(os.path.join(folder, "deb"))


def _versions(archives):
    found = {}
    for package in PROGRAMS.values():
        files = glob.glob(f"{archives}/{package}_*.deb")
        if files:
            found[package] = os.path.basename(files[0]).split("_")[1]
        else:
            asked = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True, check=False)
            found[package] = asked.stdout or "unknown"
    return found
