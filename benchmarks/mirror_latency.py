#!/usr/bin/env python3
"""How long until a login that was saved by rename is visible where it is published: this mirror beside others.

    mirror_latency.py TRIES

Run as a user with the mirror of claude installed. Every variant has a source and a target of its own; the tries are
interleaved, so that all variants meet the same machine. Milliseconds; prints a Markdown table.
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
from dataclasses import dataclass

HOME = pathlib.Path.home()
BENCH = HOME / "bench"
UNITS = HOME / ".config/systemd/user"
PROGRAM = HOME / ".local/bin/creds-mirror"
CONFIG = HOME / ".config/creds-mirror/claude.json"
FUTURE = 4_000_000_000_000
BURST = 50


@dataclass
class Variant:
    name: str
    source: pathlib.Path
    target: pathlib.Path
    command: str | None = None  # of the service that a path unit starts; None: it is there already


def login(serial: int) -> bytes:
    oauth = {"accessToken": f"fake-token-access-{serial:06d}", "refreshToken": "fake-token-refresh", "scopes": ["x"]}
    return json.dumps({"claudeAiOauth": {**oauth, "expiresAt": FUTURE + serial}}).encode()


def save(path: pathlib.Path, serial: int) -> float:
    """Save a login by rename; when."""
    new = path.with_name(".new")
    new.write_bytes(login(serial))
    now = time.perf_counter()
    new.replace(path)
    return now


def visible(path: pathlib.Path, serial: int) -> float:
    """When a login is visible."""
    wanted = f"access-{serial:06d}".encode()
    end = time.perf_counter() + 20
    while time.perf_counter() < end:
        try:
            if wanted in path.read_bytes():
                return time.perf_counter()
        except FileNotFoundError:
            pass
        time.sleep(0.0002)
    sys.exit(f"{path} does not become the login {serial}")


def watch(source: pathlib.Path, target: pathlib.Path) -> None:
    """The floor: a resident process with inotify that copies and renames."""
    libc = ctypes.CDLL(None)
    descriptor = libc.inotify_init()
    libc.inotify_add_watch(descriptor, os.fsencode(source.parent), 0x80)  # IN_MOVED_TO
    while os.read(descriptor, 4096):
        new = target.with_name(".new")
        new.write_bytes(source.read_bytes())
        new.replace(target)


def systemctl(*arguments: str) -> None:
    subprocess.run(["systemctl", "--user", *arguments], check=True, stderr=subprocess.DEVNULL)


def bare_configuration(variant: Variant) -> pathlib.Path:
    """The mirror's own configuration, for a variant without its units."""
    config = json.loads(CONFIG.read_text())
    config.update(source=str(variant.source), directory=str(variant.target.parent))
    variant.target.parent.with_name(f".{variant.target.parent.name}.staging").mkdir(mode=0o700)
    path = BENCH / "bare.json"
    path.write_text(json.dumps(config))
    return path


def install(variant: Variant) -> None:
    for path in (variant.source.parent, variant.target.parent):
        path.mkdir(parents=True, exist_ok=True)
    if variant.command:
        command = variant.command.format(source=variant.source, target=variant.target)
        unit = UNITS / f"bench-{variant.source.parent.name}"
        unit.with_suffix(".path").write_text(
            f"[Unit]\nStartLimitIntervalSec=0\n[Path]\nPathChanged={variant.source}\nTriggerLimitIntervalSec=0\n"
        )
        unit.with_suffix(".service").write_text(
            f"[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=oneshot\nExecStart={command}\n"
        )


def row(name: str, single: list[float], burst: list[float], base: float) -> str:
    single.sort()
    burst.sort()

    def at(values: list[float], share: float) -> str:
        return f"{values[min(len(values) - 1, int(len(values) * share))] * 1000:.1f}"

    ratio = single[len(single) // 2] / base
    cells = [name, at(single, 0), at(single, 0.5), at(single, 0.99), f"{ratio:.2f}", at(burst, 0.5), at(burst, 1)]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    tries = int(sys.argv[1])
    shutil.rmtree(BENCH, ignore_errors=True)
    claude = json.loads(CONFIG.read_text())
    variants = [
        Variant("resident inotify watcher (the floor)", BENCH / "watcher/source", BENCH / "watcher.out/login"),
        Variant(
            "path unit, `sh`, `cp`, `mv`, no sandbox",
            BENCH / "sh/source",
            BENCH / "sh.out/login",
            "/bin/sh -c 'cp {source} {target}.new && mv {target}.new {target}'",
        ),
        Variant(
            "path unit, `cat >` (claude-hooks#57, its limits off)",
            BENCH / "cat/source",
            BENCH / "cat.out/login",
            "/bin/sh -c 'cat {source} > {target}'",
        ),
        Variant(
            "path unit, this program, no sandbox",
            BENCH / "bare/source",
            BENCH / "bare.out/.credentials.json",
            f"/usr/bin/python3 -I -S {PROGRAM} publish {BENCH}/bare.json",
        ),
        Variant(
            "**this mirror, sandboxed**", pathlib.Path(claude["source"]), HOME / claude["directory"] / claude["file"]
        ),
    ]
    for variant in variants:
        install(variant)
    bare_configuration(variants[3])
    child = os.fork()
    if child == 0:
        watch(variants[0].source, variants[0].target)
    systemctl("daemon-reload")
    names = [f"bench-{variant.source.parent.name}.path" for variant in variants if variant.command]
    systemctl("restart", *names)
    time.sleep(1)
    singles: dict[str, list[float]] = {variant.name: [] for variant in variants}
    bursts: dict[str, list[float]] = {variant.name: [] for variant in variants}
    serial = int(time.time()) % 100_000_000
    try:
        for number in range(tries):
            for variant in variants:
                serial += 1
                saved = save(variant.source, serial)
                singles[variant.name].append(visible(variant.target, serial) - saved)
                time.sleep(0.25)  # its services end, and the watch stands again
                if number % 10 == 0:
                    for _rewrite in range(BURST):
                        serial += 1
                        saved = save(variant.source, serial)
                        time.sleep(0.001)
                    bursts[variant.name].append(visible_or_stale(variant.target, serial, saved))
                    time.sleep(0.5)
    finally:
        os.kill(child, 9)
        systemctl("stop", *names)
        for name in names:
            (UNITS / name).unlink()
            (UNITS / name).with_suffix(".service").unlink()
        systemctl("daemon-reload")
    base = sorted(singles[variants[1].name])[tries // 2]
    print(
        f"| ms from rename to visible, {tries} tries | min | median | p99 | of `sh` "
        f"| burst of {BURST}: median | worst |"
    )
    print("|---|---|---|---|---|---|---|")
    for variant in variants:
        print(row(variant.name, singles[variant.name], bursts[variant.name], base))


def visible_or_stale(path: pathlib.Path, serial: int, saved: float) -> float:
    """Seconds until visible; where a variant loses the last change, the 2 seconds after which it is given another."""
    wanted = f"access-{serial:06d}".encode()
    while time.perf_counter() < saved + 2:
        if wanted in path.read_bytes():
            return time.perf_counter() - saved
        time.sleep(0.0002)
    return 2.0


if __name__ == "__main__":
    main()
