#!/usr/bin/env python3
"""Let logins live on this host, and write down what was seen in /var/tmp/life.json: live SECONDS-OF-A-LOGIN."""

from __future__ import annotations

import json
import os
import pathlib
import pwd
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

SEEN: dict[str, Any] = {}


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


class Mirrored:
    """A user of this host whose login is mirrored."""

    def __init__(self, name: str) -> None:
        self.name, self.home, self.uid = name, f"/home/{name}", pwd.getpwnam(name).pw_uid

    def path(self, name: str) -> pathlib.Path:
        return pathlib.Path(self.home, name)

    def do(self, *command: str) -> subprocess.CompletedProcess[str]:
        environment = (
            f"XDG_RUNTIME_DIR=/run/user/{self.uid}",
            f"HOME={self.home}",
            "PATH=/usr/local/bin:/usr/bin:/bin",
        )
        return run("runuser", "-u", self.name, "--", "env", *environment, *command)

    def status(self) -> tuple[int, dict[str, Any]]:
        ended = self.do(f"{self.home}/.local/bin/creds-mirror", "status", "--json")
        return ended.returncode, json.loads(ended.stdout)[0]

    def vendor(self, answer: str, lifetime: int) -> None:
        """What the user's client finds when it renews."""
        for name, text in (("vendor", answer), ("serial", "100"), ("lifetime", str(lifetime))):
            self.path(name).write_text(text)
            os.chown(self.path(name), self.uid, -1)

    def log_in(self, serial: int, seconds: int = 8 * 3600, way: str = "atomic_rename") -> None:
        self.do("fake-login", f"{self.home}/.claude/.credentials.json", way, str(serial), "claude", str(seconds))

    def is_published(self, serial: int) -> bool:
        path = self.path(".config/claude-hooks/claude-credentials/.credentials.json")
        return path.exists() and f"access-{serial:06d}" in path.read_text()

    def seconds_until_published(self, serial: int, limit: float) -> float | None:
        return until(lambda: self.is_published(serial), limit)


def until(holds: Callable[[], bool], limit: float) -> float | None:
    """Seconds until something holds; None if it does not."""
    begin = time.monotonic()
    while time.monotonic() - begin < limit:
        if holds():
            return round(time.monotonic() - begin, 1)
        time.sleep(0.2)
    return None


def ended_tokens(container: str, seconds: float) -> tuple[int, int, int]:
    """Looks at what a process in a container reads: how often, with a token that has ended, and how many logins."""
    pid = run("docker", "inspect", "--format", "{{.State.Pid}}", container).stdout.strip()
    path = pathlib.Path(f"/proc/{pid}/root/run/agent-credentials/claude/.credentials.json")
    looks = ended = 0
    logins = set()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        login = json.loads(path.read_text())["claudeAiOauth"]
        looks, ended = looks + 1, ended + (login["expiresAt"] < time.time() * 1000)
        logins.add(login["accessToken"])
        time.sleep(0.2)
    return looks, ended, len(logins)


def renewed(lifetime: int) -> None:
    """A login that is renewed while a container reads it."""
    user = Mirrored("life-renewed")
    user.vendor("ok", lifetime)
    user.log_in(100, lifetime)
    user.seconds_until_published(100, 10)
    SEEN["while the vendor is up"] = ended_tokens("life-renewed-boss", 1.3 * lifetime)
    SEEN["renewed"] = user.status()[1]["state"]


def renewed_by_the_host(lifetime: int) -> None:
    """The same by the host's systemd."""
    user = Mirrored("life-host")
    user.vendor("ok", lifetime)
    user.log_in(100, lifetime)
    SEEN["renewed by the host's systemd"] = user.seconds_until_published(101, lifetime)


def states() -> None:
    """Every state of a login, one after the other."""
    user = Mirrored("life")
    vendor, seen = user.path("vendor"), SEEN.setdefault("states", {})

    def reached(name: str, state: str, limit: float, healthy: bool, words: str = "") -> None:
        holds = until(lambda: user.status()[1]["state"] == state and words in user.status()[1]["login"], limit)
        code, report = user.status()
        user.do("systemctl", "--user", "start", "claude-creds-notify.service")
        seen[name] = {
            "seconds": holds, "expected": [state, healthy], "got": [report["state"], code == 0],
            "text": user.do(f"{user.home}/.local/bin/creds-mirror", "status").stdout,
        }  # fmt: skip

    user.vendor("away", 28800)
    user.log_in(200, 80)
    reached("the vendor is away", "ending", 100, False, "renewal failed twice")
    reached("nobody could renew it", "ended", 100, False)
    vendor.write_text("ok")
    reached("the vendor is back", "good", 200, True)
    vendor.write_text("no")
    user.log_in(300, 80)
    reached("the vendor says no", "log_in", 150, False, "the vendor has rejected")
    asked = user.path("asked").read_text().count("no")
    user.path(".claude/.credentials.json").unlink()
    reached("logged out", "logged_out", 70, False)
    SEEN["asked after a no"] = asked, user.path("asked").read_text().count("no")
    vendor.write_text("ok")
    user.log_in(900)
    reached("logged in again", "good", 10, True)
    path = user.path(".claude/.credentials.json")
    login = json.loads(path.read_text())
    login["claudeAiOauth"] |= {
        "accessToken": "fake-token-access-000901",
        "refreshTokenExpiresAt": int(time.time() + 2 * 86400) * 1000,
    }
    path.write_text(json.dumps(login))
    reached("the refresh token ends", "log_in", 10, True)
    SEEN["told"] = [json.loads(line) for line in user.path("told").read_text().splitlines()]


def watch() -> None:
    """In the user's own systemd: a watch that ended, or never began."""
    user = Mirrored("life-late")
    seconds = SEEN.setdefault("watch", {})
    run("loginctl", "terminate-user", user.name)
    user.log_in(10)
    seconds["his systemd was ended"] = user.seconds_until_published(10, 130)

    # As at a boot: his systemd comes before his home, and never looks again.
    run("systemctl", "stop", f"user@{user.uid}.service")
    run("umount", "--lazy", user.home)
    run("systemctl", "start", f"user@{user.uid}.service")
    settled(user, ("systemctl", "--user"), "claude-creds-mirror")
    run("mount", "--bind", f"/srv/{user.name}", user.home)
    user.log_in(20)
    seconds["his home came late"] = user.seconds_until_published(20, 130)
    user.log_in(21)
    seconds["then his watch is at work"] = user.seconds_until_published(21, 130)
    cover(user, ("systemctl", "--user"), "claude-creds-mirror.path", "")


def watch_of_the_host() -> None:
    """The same in the host's systemd."""
    user = Mirrored("life-system")
    seconds, unit = SEEN.setdefault("watch of the host", {}), r"claude-creds-mirror@life\x2dsystem.path"
    run("systemctl", "stop", unit)
    user.log_in(10)
    seconds["it was stopped"] = user.seconds_until_published(10, 130)
    run("umount", "--lazy", user.home)
    run("systemctl", "restart", unit)
    settled(user, ("systemctl",), unit.removesuffix(".path"))
    run("mount", "--bind", f"/srv/{user.name}", user.home)
    user.log_in(20)
    seconds["the home came late"] = user.seconds_until_published(20, 130)
    time.sleep(3)
    user.log_in(21)
    seconds["then it is at work"] = user.seconds_until_published(21, 130)
    cover(user, ("systemctl",), unit, " of the host")


def settled(user: Mirrored, systemctl: tuple[str, ...], service: str) -> None:
    """Wait until what the start of a watch set off has ended: it would see what is mounted meanwhile."""
    time.sleep(2)
    ended = {"inactive", "failed"}
    until(lambda: user.do(*systemctl, "is-active", f"{service}.service").stdout.strip() in ended, 30)
    time.sleep(1)


def cover(user: Mirrored, systemctl: tuple[str, ...], unit: str, whose: str) -> None:
    """The directory of the login is covered by another, of which nothing tells the watch."""
    seconds, other = SEEN[f"watch{whose}"], f"/srv/{user.name}-other"
    until(lambda: user.do(*systemctl, "is-active", unit).stdout.strip() == "active", 30)
    os.makedirs(other, exist_ok=True)
    os.chown(other, user.uid, -1)
    user.do("fake-login", f"{other}/.credentials.json", "atomic_rename", "30")
    time.sleep(6)
    run("mount", "--bind", other, f"{user.home}/.claude")
    seconds["another directory covers it"] = user.seconds_until_published(30, 130)
    time.sleep(3)
    user.log_in(31)
    seconds["then the watch looks there"] = user.seconds_until_published(31, 130)


def main() -> None:
    lifetime = (int(sys.argv[1]),)
    works = ((renewed, lifetime), (renewed_by_the_host, lifetime), (states, ()), (watch, ()), (watch_of_the_host, ()))
    threads = [threading.Thread(target=work, args=arguments) for work, arguments in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    SEEN["namespace directories"] = len(list(pathlib.Path("/tmp").glob("namespace-dev-*")))
    pathlib.Path("/var/tmp/life.json").write_text(json.dumps(SEEN))
    print(json.dumps(SEEN, indent=1))


if __name__ == "__main__":
    main()
