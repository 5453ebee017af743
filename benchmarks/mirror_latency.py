#!/usr/bin/env python3
"""How long until a login that was saved by rename is visible where it is published: this mirror beside others.

    mirror_latency.py TRIES

Run as a user with the mirror of claude installed. Every variant has a source and a target of its own; the tries are
interleaved, so that all variants meet the same machine. Prints a Markdown table in milliseconds, and the load before
and after.
"""

from __future__ import annotations

import ctypes
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field

HOME = pathlib.Path.home()
BENCH = HOME / "bench"
UNITS = HOME / ".config/systemd/user"
START = HOME / ".local/lib/creds-mirror/start.py"
CONFIG = HOME / ".config/creds-mirror/claude.json"
FUTURE = 4_000_000_000_000
BURST = 50
# What is not visible after so long never will be, unless something else is saved.
LOST_SECONDS = 3.0


@dataclass
class Variant:
    name: str
    source: pathlib.Path
    target: pathlib.Path
    command: str | None = None  # of the service that a path unit starts; None: it is there already
    limits: bool = False  # systemd's default limits of starts, and PathModified, as in claude-hooks#57
    singles: list[float] = field(default_factory=list)  # seconds
    bursts: list[float] = field(default_factory=list)
    lost_singles: int = 0
    lost_bursts: int = 0
    stopped: int = 0

    @property
    def unit(self) -> str | None:
        return f"bench-{self.source.parent.name}.path" if self.command else None

    @property
    def median(self) -> float:
        return at(self.singles, 0.5)


def login(serial: int) -> bytes:
    oauth = {"accessToken": f"fake-token-access-{serial:06d}", "refreshToken": "fake-token-refresh", "scopes": ["x"]}
    return json.dumps({"claudeAiOauth": {**oauth, "expiresAt": FUTURE + serial}}).encode() + b"\n"


def save(path: pathlib.Path, serial: int) -> float:
    """Save a login by rename; when."""
    new = path.with_name(".new")
    new.write_bytes(login(serial))
    now = time.perf_counter()
    new.replace(path)
    return now


def visible(path: pathlib.Path, serial: int, saved: float) -> float | None:
    """Seconds from saving a login until it is visible; None if it is lost."""
    wanted = f"access-{serial:06d}".encode()
    while time.perf_counter() < saved + LOST_SECONDS:
        try:
            if wanted in path.read_bytes():
                return time.perf_counter() - saved
        except FileNotFoundError:
            pass
        time.sleep(0.0002)
    return None


def watch(source: pathlib.Path, target: pathlib.Path) -> None:
    """The floor: a resident process with inotify that copies and renames."""
    libc = ctypes.CDLL(None)
    descriptor = libc.inotify_init()
    libc.inotify_add_watch(descriptor, os.fsencode(source.parent), 0x80)  # IN_MOVED_TO
    while os.read(descriptor, 4096):
        new = target.with_name(".new")
        new.write_bytes(source.read_bytes())
        new.replace(target)


def systemctl(*arguments: str, check: bool = True) -> str:
    ended = subprocess.run(["systemctl", "--user", *arguments], check=check, capture_output=True, text=True)
    return ended.stdout.strip()


def write_configuration(variant: Variant) -> None:
    """The mirror's own configuration, for a variant without its units."""
    config = json.loads(CONFIG.read_text())
    config.update(source=str(variant.source), directory=str(variant.target.parent))
    variant.target.parent.with_name(f".{variant.target.parent.name}.staging").mkdir(mode=0o700)
    (BENCH / "bare.json").write_text(json.dumps(config))


def install(variant: Variant) -> None:
    for path in (variant.source.parent, variant.target.parent):
        path.mkdir(parents=True, exist_ok=True)
    if variant.command:
        command = variant.command.format(source=variant.source, target=variant.target)
        unit, unlimited = UNITS / str(variant.unit), "" if variant.limits else "[Unit]\nStartLimitIntervalSec=0\n"
        watched = f"PathModified={variant.source}\n" if variant.limits else "TriggerLimitIntervalSec=0\n"
        unit.write_text(f"{unlimited}[Path]\nPathChanged={variant.source}\n{watched}")
        unit.with_suffix(".service").write_text(f"{unlimited}[Service]\nType=oneshot\nExecStart={command}\n")


def revive(variant: Variant) -> None:
    """Start a watch anew that systemd has stopped for good."""
    if variant.unit and systemctl("is-active", variant.unit, check=False) != "active":
        variant.stopped += 1
        systemctl("reset-failed", variant.unit, variant.unit.replace(".path", ".service"), check=False)
        systemctl("start", variant.unit)
        time.sleep(0.1)


def measure(variants: list[Variant], tries: int) -> None:
    serial = int(time.time()) % 100_000_000
    for number in range(tries):
        for variant in variants:
            serial += 1
            seconds = visible(variant.target, serial, save(variant.source, serial))
            if seconds is None:
                variant.lost_singles += 1
                revive(variant)
            else:
                variant.singles.append(seconds)
            time.sleep(0.25)  # its services end, and the watch stands again
            if number % 10 == 0:
                for _rewrite in range(BURST):
                    serial += 1
                    saved = save(variant.source, serial)
                    time.sleep(0.001)
                seconds = visible(variant.target, serial, saved)
                variant.bursts.append(LOST_SECONDS if seconds is None else seconds)
                variant.lost_bursts += seconds is None
                revive(variant)
                time.sleep(0.5)


def at(values: list[float], share: float) -> float:
    """The value below which a share of all lies, in milliseconds."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] * 1000


def row(variant: Variant, path_unit: Variant, reference: Variant) -> str:
    lost = f"{variant.lost_singles} of {len(variant.singles) + variant.lost_singles}"
    lost += f"; {variant.lost_bursts} of {len(variant.bursts)}"
    if variant.stopped:
        lost += f"; it stopped watching {variant.stopped} times"
    cells = [
        variant.name,
        *(f"{at(variant.singles, share):.1f}" for share in (0, 0.5, 0.9, 0.99)),
        f"{variant.median - path_unit.median:+.1f}",
        f"{variant.median / reference.median:.2f}",
        f"{at(variant.bursts, 0.5):.0f}",
        lost,
    ]
    return f"| {' | '.join(cells)} |"


def load() -> str:
    return " ".join(f"{value:.1f}" for value in os.getloadavg())


def main() -> None:
    tries = int(sys.argv[1])
    shutil.rmtree(BENCH, ignore_errors=True)
    claude = json.loads(CONFIG.read_text())
    shell = "/bin/sh -c '{}'"
    variants = [
        Variant("resident inotify watcher (the floor)", BENCH / "watcher/source", BENCH / "watcher.out/login"),
        Variant(
            "path unit alone: `sh` with nothing but builtins",
            BENCH / "path/source",
            BENCH / "path.out/login",
            shell.format('read -r line <{source}; echo "$$line" >{target}'),
        ),
        Variant(
            "path unit, `sh`, `cp`, `mv` (the reference)",
            BENCH / "sh/source",
            BENCH / "sh.out/login",
            shell.format("cp {source} {target}.new && mv {target}.new {target}"),
        ),
        Variant(
            "the mirror of claude-hooks#57: `cat >`, default limits",
            BENCH / "cat/source",
            BENCH / "cat.out/login",
            shell.format("cat {source} > {target}"),
            limits=True,
        ),
        Variant(
            "path unit, this program, no sandbox",
            BENCH / "bare/source",
            BENCH / "bare.out/.credentials.json",
            f"/usr/bin/python3 -I -S {START} publish {BENCH}/bare.json",
        ),
        Variant(
            "**this mirror, sandboxed**", pathlib.Path(claude["source"]), HOME / claude["directory"] / claude["file"]
        ),
    ]
    for variant in variants:
        install(variant)
    write_configuration(variants[4])
    child = os.fork()
    if child == 0:
        watch(variants[0].source, variants[0].target)
    systemctl("daemon-reload")
    units = [variant.unit for variant in variants if variant.unit]
    systemctl("restart", *units)
    time.sleep(1)
    before = load()
    try:
        measure(variants, tries)
    finally:
        os.kill(child, 9)
        systemctl("stop", *units)
        for unit in units:
            (UNITS / unit).unlink()
            (UNITS / unit).with_suffix(".service").unlink()
        systemctl("daemon-reload")
    print(f"{tries} tries, load average before {before}, after {load()}; Python {sys.version.split()[0]};")
    print(systemctl("--version").splitlines()[0])
    print()
    print(
        "| ms from rename to visible | min | median | p90 | p99 | median above the path unit | median of `sh`"
        f" | burst of {BURST}: median | lost: logins; bursts |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for variant in variants:
        print(row(variant, variants[1], variants[2]))


if __name__ == "__main__":
    main()
