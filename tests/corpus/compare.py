"""Two snapshots → the differences, each of a kind: asked for, unavoidable and announced, or a loss."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ansible_collections.agentops.credentials.plugins.module_utils._base.paths import normalise
from ansible_collections.agentops.credentials.plugins.module_utils._engine.mounts import binds_as_mounts

FILE_TARGET = "/home/claude/.claude/.credentials.json"

LOSS = "LOSS"
ASKED = "asked for"

KINDS = {
    "volume": "anonymous volume at",
    "image": "pinned by its id",
    "commit": "which holds the writable layer (docker commit)",
    "exited": "exit status",
    "port": "another host port",
    "id-file": "goes on to hold the id of the old container",
    "mac": "the engine chooses another MAC address in the network",
    "ignored": "",
    "discarded": "",
}
"""Unavoidable differences → words of the sentence that announces each, empty where the user's own choice does."""


@dataclass(frozen=True)
class Difference:
    key: str
    before: Any
    after: Any
    kind: str

    def __str__(self) -> str:
        return f"[{self.kind}] {self.key}: {self.before!r} -> {self.after!r}"


@dataclass(frozen=True)
class Asked:
    """What the recreation was asked to change: file mount away; directory mount, variable and links there."""

    target: str
    variable: str
    links: tuple[str, ...]

    def is_asked(self, key: str, before: Any, after: Any) -> bool:
        files = {FILE_TARGET, *self.links}
        if key == "Config.Env":
            return bool(before == [entry for entry in after if not entry.startswith(f"{self.variable}=")])
        if key == "HostConfig.Binds":
            return without(before, files) == (after or [])
        if key == "HostConfig.Mounts":
            return without(before, files) == without(after, {self.target})
        names = {f"{where} {path}" for where in ("Mounts", "mount", "file") for path in (*files, self.target)}
        names |= {f"environment {self.variable}", f"runtime.process.env.{self.variable}"}
        names |= {
            f"file {path}" for path in (parent for place in (self.target, *self.links) for parent in _parents(place))
        }
        if key.startswith("volume "):
            return key[len("volume ") :].replace(" ", "", 1) in files
        return key in names or any(key.startswith(f"runtime.mounts.{path}.") for path in (*files, self.target))


def without(mounts: list[Any] | None, targets: set[str]) -> list[Any]:
    """Entries of ``Binds`` or ``Mounts`` with other targets than ``targets``."""
    return [
        mount
        for mount in mounts or []
        if (
            mount.split(":")[1]
            if isinstance(mount, str) and ":" in mount
            else mount
            if isinstance(mount, str)
            else mount["Target"]
        )
        not in targets
    ]


def _parents(path: str) -> list[str]:
    parts = path.strip("/").split("/")
    return ["/" + "/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]


# kind → whether a difference is of it
_TESTS: dict[str, Callable[[str, Any, Any], bool]] = {
    "volume": lambda key, before, after: (
        key in ("HostConfig.Binds", "HostConfig.Mounts") or (key.startswith("Mounts ") and before == after)
    ),
    "image": lambda key, before, after: key == "Config.Image",
    "commit": lambda key, before, after: (
        key in ("Config.Image", "Image") or (key.startswith("file ") and _in_whole_seconds(before) == after)
    ),
    "exited": lambda key, before, after: key.startswith("State."),
    "port": lambda key, before, after: bool(re.match(r"NetworkSettings\.Ports", key)),
    "id-file": lambda key, before, after: False,
    "mac": lambda key, before, after: key.endswith(".MacAddress") and after == "the engine's own",
    "ignored": lambda key, before, after: key == "file /tmp/x",
    "discarded": lambda key, before, after: key == "file /srv-lost",
}


def _in_whole_seconds(file: list[Any] | None) -> Any:
    """A row of ``snapshot`` about a regular file, with the fraction of its time cut off."""
    return [*file[:4], file[4] // 10**9 * 10**9, *file[5:]] if file and len(file) > 5 else None


def _without_mode(mount: str | None) -> Any:
    """A mount point of inspect without the text of its options, whose meaning stands in the other fields."""
    return {**json.loads(mount), "Mode": ""} if mount else None


def _in_one_form(snapshot: dict[str, Any]) -> dict[str, Any]:
    """Binds of paths as mounts, which the engine makes nothing for; the text of their options stands in other fields."""
    host_config = {key: snapshot.get(f"HostConfig.{key}") for key in ("Binds", "Mounts")}
    stated = binds_as_mounts(host_config)
    mounts = sorted(stated["Mounts"] or [], key=lambda mount: normalise(mount["Target"]))
    # An engine leaves out what is false of what it is told, and states it of what it makes itself.
    mounts = [{key: value for key, value in mount.items() if value is not False} for mount in mounts]
    result = {**snapshot, "HostConfig.Binds": stated["Binds"] or [], "HostConfig.Mounts": mounts}
    return {key: _without_mode(row) if key.startswith("Mounts ") else row for key, row in result.items()}


def compare(before: dict[str, Any], after: dict[str, Any], asked: Asked, kinds: frozenset[str]) -> list[Difference]:
    """Every difference, with its kind; :data:`LOSS` where it is neither asked for nor of ``kinds``."""
    found = []
    before, after = _in_one_form(before), _in_one_form(after)
    for key in sorted({*before, *after}):
        one, other = before.get(key), after.get(key)
        if one == other or (not one and not other):
            continue
        kind = ASKED if asked.is_asked(key, one, other) else LOSS
        for allowed in sorted(kinds):
            if kind == LOSS and _TESTS[allowed](key, one, other):
                kind = allowed
        found.append(Difference(key, one, other, kind))
    return found
