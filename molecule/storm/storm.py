#!/usr/bin/env python3
"""Rewrite a login in bursts, in every style, while others read what is published; count what must never happen.

    storm.py REWRITES SEED CONTAINER [SEED_UNIT_TARGET]

Run as the user whose login it is, on a host with the mirror of claude. CONTAINER has the credentials directory mounted
at /run/agent-credentials/claude. SEED_UNIT_TARGET is what another mirror writes, counted beside ours. Prints a JSON
report. Every fabricated token contains "fake-token-".
"""

from __future__ import annotations

import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

HOME = pathlib.Path.home()
SOURCE = HOME / ".claude" / ".credentials.json"
DIRECTORY = HOME / ".config" / "claude-hooks" / "claude-credentials"
PUBLISHED = DIRECTORY / ".credentials.json"
UNITS = ("claude-creds-mirror.path", "claude-creds-mirror-verify.timer")
# The timer would mend a lost change within a minute: what took longer than this was lost by the watch.
LOST_SECONDS = 10.0
FUTURE = int(time.time() + 300 * 24 * 3600) * 1000
# The mirror takes no login of an earlier storm for a new one.
RUN = int(time.time())


def login(serial: int) -> bytes:
    return json.dumps(
        {
            "claudeAiOauth": {
                "accessToken": f"fake-token-access-{RUN}-{serial:06d}",
                "refreshToken": f"fake-token-refresh-{RUN}-{serial:06d}",
                "expiresAt": FUTURE + serial,
                "scopes": ["user:inference", "x" * 2000],
            }
        }
    ).encode()


def serial_of(content: bytes) -> int | None:
    """The login's serial number; None if this is no whole version."""
    try:
        oauth = json.loads(content)["claudeAiOauth"]
        serial = int(oauth["accessToken"].rsplit("-", 1)[1])
        whole = oauth["expiresAt"] == FUTURE + serial and len(oauth["scopes"][1]) == 2000
    except (ValueError, KeyError, TypeError, IndexError):  # IndexError: a blanked token
        return None
    return serial if whole else None


# ---- ways of saving; each leaves the whole new login behind


def rename(content: bytes) -> None:
    new = SOURCE.with_name(".new")
    new.write_bytes(content)
    new.replace(SOURCE)


def in_place(content: bytes) -> None:
    SOURCE.write_bytes(content)


def in_pieces(content: bytes) -> None:
    with SOURCE.open("wb", buffering=0) as file:
        for start in range(0, len(content), 500):
            file.write(content[start : start + 500])
            time.sleep(0.001)


def closed_half_way(content: bytes) -> None:
    SOURCE.write_bytes(content[: len(content) // 2])
    time.sleep(0.002)
    SOURCE.write_bytes(content)


def delete_and_create(content: bytes) -> None:
    SOURCE.unlink(missing_ok=True)
    time.sleep(random.choice((0, 0.01)))
    SOURCE.write_bytes(content)


def blanked_first(content: bytes) -> None:
    rename(b'{"claudeAiOauth": {"accessToken": "", "refreshToken": "", "expiresAt": 0}}')
    rename(content)


def directory_made_again(content: bytes) -> None:
    shutil.rmtree(SOURCE.parent)
    SOURCE.parent.mkdir(mode=0o700)
    SOURCE.write_bytes(content)


def hard_link(content: bytes) -> None:
    other = SOURCE.with_name(".other")
    other.unlink(missing_ok=True)
    other.write_bytes(content)
    SOURCE.unlink(missing_ok=True)
    os.link(other, SOURCE)


WAYS = (rename, rename, rename, in_place, in_pieces, closed_half_way, delete_and_create, blanked_first, hard_link)
SELDOM = (directory_made_again,)


# ---- readers


class Reader(threading.Thread):
    """Reads all the time; counts reads, and those that saw no whole version."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.reads = self.torn = 0
        self.stop = False

    def see(self, content: bytes) -> None:
        self.reads += 1
        self.torn += serial_of(content) is None

    def result(self) -> dict[str, int]:
        return {"reads": self.reads, "torn": self.torn}


class FileReader(Reader):
    def __init__(self, path: pathlib.Path) -> None:
        super().__init__()
        self.path = path

    def run(self) -> None:
        while not self.stop:
            try:
                content = self.path.read_bytes()
            except FileNotFoundError:
                content = b""
            self.see(content)
            time.sleep(0.001)


class NamesReader(Reader):
    """Looks for a second name in the credentials directory."""

    def run(self) -> None:
        while not self.stop:
            self.reads += 1
            self.torn += os.listdir(DIRECTORY) != [PUBLISHED.name]
            time.sleep(0.0005)


class ContainerReader(Reader):
    def __init__(self, container: str) -> None:
        super().__init__()
        loop = (
            "while :; do line=; read -r line </run/agent-credentials/claude/.credentials.json;"
            ' echo "$line"; usleep 2000 2>/dev/null || sleep 0.002; done'
        )
        self.process = subprocess.Popen(["docker", "exec", container, "sh", "-c", loop], stdout=subprocess.PIPE)

    def run(self) -> None:
        for line in self.process.stdout or ():
            self.see(line)
            if self.stop:
                return


# ---- the storm


def systemctl(*arguments: str) -> str:
    return subprocess.run(["systemctl", "--user", *arguments], stdout=subprocess.PIPE, text=True).stdout.strip()


def settled(path: pathlib.Path, serial: int, seconds: float) -> float | None:
    """Seconds until a file holds a login; None if it does not."""
    start = time.monotonic()
    while True:
        try:
            if serial_of(path.read_bytes()) == serial:
                return time.monotonic() - start
        except FileNotFoundError:
            pass
        if time.monotonic() - start > seconds:
            return None
        time.sleep(0.002)


def percentile(values: list[float], share: float) -> float:
    return round(sorted(values)[min(len(values) - 1, int(len(values) * share))], 3) if values else 0.0


def main() -> None:
    rewrites, seed, container = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    beside = pathlib.Path(sys.argv[4]) if len(sys.argv) > 4 else None
    random.seed(seed)
    serial = 1
    rename(login(serial))
    if settled(PUBLISHED, serial, 60) is None:
        sys.exit("the mirror does not run")
    readers = {"host": FileReader(PUBLISHED), "names": NamesReader(), "container": ContainerReader(container)}
    if beside:
        readers["seed"] = FileReader(beside)
    for reader in readers.values():
        reader.start()
    lost = failures = bursts = seed_stale = 0
    convergence: list[float] = []
    start = time.monotonic()
    done = 0
    interrupted: list[int] = []
    signal.signal(
        signal.SIGTERM, lambda number, _frame: interrupted.append(number)
    )  # what was seen is told all the same
    while done < rewrites and not interrupted:
        burst = min(rewrites - done, random.choice((1, 1, 2, 3, 5, 10, 20, 50)))
        gap = random.choice((0, 0, 0.001, 0.005, 0.02, 0.05))
        for _number in range(burst):
            serial += 1
            way = random.choice(SELDOM if random.random() < 0.02 else WAYS)
            way(login(serial))
            time.sleep(gap * random.random() * 2)
        done += burst
        bursts += 1
        seconds = settled(PUBLISHED, serial, LOST_SECONDS)
        if seconds is None:
            lost += 1
            print(f"lost: burst {bursts}, {burst} rewrites, the last by {way.__name__}", file=sys.stderr)
        else:
            convergence.append(seconds)
        if beside:
            seed_stale += settled(beside, serial, 0.5) is None
        states = systemctl("is-active", *UNITS).split()
        failures += states != ["active"] * len(UNITS)
        # Sometimes go on at once, while the services still run; sometimes when all is quiet.
        time.sleep(random.choice((0, 0.02, 0.05, 0.1, 0.2)))
    for reader in readers.values():
        reader.stop = True
    report = {
        "rewrites": done,
        "bursts": bursts,
        "seconds": round(time.monotonic() - start),
        "lost": lost,
        "unit_failures": failures,
        "readers": {name: reader.result() for name, reader in readers.items() if name != "seed"},
        "convergence_seconds": {
            "median": percentile(convergence, 0.5),
            "p99": percentile(convergence, 0.99),
            "worst": percentile(convergence, 1),
        },
    }
    if beside:
        report["seed"] = {
            "stale_bursts": seed_stale,
            **readers["seed"].result(),
            "path_unit": systemctl("show", "--property=Result", "--value", "seed-mirror.path"),
        }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
