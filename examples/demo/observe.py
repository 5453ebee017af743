"""Runs on the throwaway host, as root: what do the agent containers see of the login, and how soon?

    observe.py SOURCE PATH_INSIDE CONTAINER... [--login WAY SERIAL] [--wait SECONDS]

With --login, the user who owns SOURCE logs in again while the containers are watched. Prints one JSON object:
{"host": FINGERPRINT, "containers": {NAME: {"mount", "started_at", "fingerprint", "seconds"}}}. "mount" is [kind,
target]; "seconds" counts from the change of SOURCE until the container read the new login, null if it did not within
--wait.
A fingerprint is the start of the access token's SHA-256: enough to compare, of no use to anybody.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import subprocess
import time


def fingerprint(content: bytes) -> str:
    return hashlib.sha256(json.loads(content)["claudeAiOauth"]["accessToken"].encode()).hexdigest()[:12]


def read_fingerprint(path: str) -> str | None:
    """The login that a reader finds now; ``None`` if there is none, or half of one."""
    try:
        with open(path, "rb") as file:
            return fingerprint(file.read())
    except (OSError, ValueError, KeyError):
        return None


def watch_inside(pid: int, path: str, seconds: float) -> tuple[str | None, float]:
    """Enter the root of a container's process and read until another login is there: (fingerprint, when)."""
    os.chroot(f"/proc/{pid}/root")
    before = now = read_fingerprint(path)
    end = time.time() + seconds
    while now in (before, None) and time.time() < end:
        time.sleep(0.003)
        now = read_fingerprint(path)
    return now, time.time()


def mount_of(container: dict, path_inside: str) -> list[str]:
    """The mount through which the container gets its credentials: what it is, and where."""
    for mount in container["Mounts"]:
        target = mount["Destination"]
        if target.startswith("/run/agent-credentials/") or path_inside.startswith(target):
            kind = "directory" if os.path.isdir(mount["Source"]) else "file"
            return [f"{kind}, {'writable' if mount['RW'] else 'read-only'}", target]
    return ["none", ""]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("source")
    parser.add_argument("path_inside")
    parser.add_argument("containers", nargs="+")
    parser.add_argument("--login", nargs=2)
    parser.add_argument("--wait", type=float, default=0)
    arguments = parser.parse_args()

    inspect = subprocess.run(["docker", "inspect", *arguments.containers], check=True, stdout=subprocess.PIPE)
    containers = json.loads(inspect.stdout)
    # A process for each: none of them gets out of its container's root again.
    # By fork: this program comes by standard input, where another way to start has no file to read (Python 3.14).
    with multiprocessing.get_context("fork").Pool(len(containers), maxtasksperchild=1) as pool:
        watched = [
            pool.apply_async(watch_inside, (container["State"]["Pid"], arguments.path_inside, arguments.wait))
            for container in containers
        ]
        if arguments.login:
            time.sleep(0.2)  # the watchers have read the old login by then
            user = str(os.stat(os.path.dirname(arguments.source)).st_uid)
            command = ["setpriv", "--reuid", user, "--regid", user, "--clear-groups"]
            subprocess.run([*command, "fake-login", arguments.source, *arguments.login], check=True)
        seen = [result.get() for result in watched]

    host = read_fingerprint(arguments.source)
    # A write, a rename and a creation all set the inode's change time; its precision is a clock tick (4 ms).
    changed_at = os.stat(arguments.source).st_ctime
    report = {
        container["Name"].lstrip("/"): {
            "mount": mount_of(container, arguments.path_inside),
            "started_at": container["State"]["StartedAt"],
            "fingerprint": inside,
            "seconds": max(when - changed_at, 0) if arguments.login and inside == host else None,
        }
        for container, (inside, when) in zip(containers, seen, strict=True)
    }
    print(json.dumps({"host": host, "containers": report}))


if __name__ == "__main__":
    main()
