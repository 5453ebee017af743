# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What must be there so that a container can start again, and is looked up before it is stopped. Pure.

A container that runs holds on to what it was started with, however long that has left its place on the host.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Collection, Iterator

from .._base.paths import is_below, normalise
from .._engine.documents import Container
from .._host.node import Node
from .options import Options


@dataclass(frozen=True)
class SourceView:
    """A mount of the container: what stands at its source, and what the container has of it."""

    source: str
    target: str
    read_only: bool
    on_host: Node
    in_container: Node
    is_same_content: bool
    """Of a file that was replaced by another one."""


@dataclass(frozen=True)
class StartConditions:
    """What was found; empty for a container that does not run, for it is not started."""

    sources: tuple[SourceView, ...] = ()
    devices: tuple[tuple[str, Node, Node | None], ...] = ()
    """Devices of the host, what stands there, and what the container has of it; ``None`` where that is a volume."""
    needed: tuple[tuple[str, str], ...] = ()
    """What it needs another container for, and what that one is; only those that cannot serve."""
    holder: str | None = None
    """On which of its mounts the place for the credentials directory really lies; ``/`` for its own file system."""
    place: str | None = None
    """What is at that place: a kind of :class:`Node`. Both are ``None`` where they are not known."""
    obstacle: str | None = None
    """Why sources and devices were not looked at."""


NO_CONDITIONS = StartConditions()
_PROPAGATES = ("shared", "rshared", "slave", "rslave")


def refuse_start(
    what: str, conditions: StartConditions, unmounted: Collection[str], options: Options
) -> tuple[str, ...]:
    """Why a container could not be started again as it is, each reason with its fix.

    :param unmounted: targets of the mounts that do not count, for they are taken away.
    """
    found = [f"{what} needs {need}, {state}." for need, state in conditions.needed]
    for view in _that_count(conditions, unmounted):
        reason = _refusal(view, options)
        found += [f"{what} has {view.source} of the host at {view.target}, and {reason}"] if reason else []
    for path, node, _seen in conditions.devices:
        if node.kind == "missing":
            found.append(
                f"{what} has the device {path}, which is gone from the host; plug it in again, or take it out."
            )
        elif node.kind not in ("device", "directory", "unknown"):
            found.append(f"{what} has the device {path}, where a {node.kind} is now; put the device back.")
    return tuple(found)


def refuse_place(
    name: str, target: str, container: Container, conditions: StartConditions, unmounted: Collection[str]
) -> tuple[str, ...]:
    """Why the credentials directory cannot be mounted where it is to be."""
    rows = {normalise(row["Destination"]): row for row in container.mount_rows}
    by_path = max((path for path in rows if is_below(target, path) and path not in unmounted), key=len, default="")
    place = conditions.holder or by_path
    row = rows.get(place)
    if row is None:
        return ()
    source = row.get("Source") or row.get("Type")
    begin = f"{name}: container.target {target} lies on the mount of {source} at {place}, which"
    fix = "set container.target to a directory of the container's own, as /opt/agent-credentials."
    if row.get("Propagation") in _PROPAGATES:
        # The mount would be there for all, and stay after the container is gone (moby#36179, runc#4849).
        return (
            f"{begin} passes mounts on ({row['Propagation']}): the directory could be seen on the host, too; {fix}",
        )
    if not row.get("RW", True) and conditions.place in (None, "missing"):
        return (f"{begin} is read-only, so the engine cannot make the place for it; {fix}",)
    return ()


def start_differences(conditions: StartConditions, unmounted: Collection[str]) -> tuple[str, ...]:
    """What a container that is started again has otherwise than now, and what is not proven."""
    found = []
    if conditions.obstacle:
        found.append(
            f"not proven that the sources of its mounts are still what the container has: {conditions.obstacle}; the "
            f"engine refuses one that is missing, and one that was replaced comes in its place"
        )
    for view in _that_count(conditions, unmounted):
        if "unknown" in (view.on_host.kind, view.in_container.kind) or view.in_container.kind == "missing":
            found.append(f"not proven that {view.source} is still what the container has at {view.target}")
        elif view.on_host.kind not in ("missing", "directory") and _is_replaced(view):
            found.append(f"the {view.on_host.kind} {view.source} was replaced: at {view.target} comes the present one")
    for path, node, seen in conditions.devices:
        if seen and node.kind == seen.kind == "device" and node.identity != seen.identity:
            found.append(f"{path} is another device now than the container has: the new container gets the present one")
    return tuple(found)


def _that_count(conditions: StartConditions, unmounted: Collection[str]) -> Iterator[SourceView]:
    return (view for view in conditions.sources if view.target not in unmounted)


def _is_replaced(view: SourceView) -> bool:
    return view.on_host.identity != view.in_container.identity


def _refusal(view: SourceView, options: Options) -> str | None:
    host, seen = view.on_host.kind, view.in_container.kind
    if host == "missing":
        return (
            "that path is gone from the host: a recreation would lose what the container still has. Put it back (what "
            "the container has is read by docker exec), or start the container again without that mount."
        )
    if "unknown" in (host, seen) or seen == "missing":
        return None
    if host != seen:
        return f"there is a {host} now where the container has a {seen}. Put the {seen} back."
    if host == "directory" and _is_replaced(view):
        return (
            "that is another directory now than the container has: it was moved or made again. Move the old one back, "
            "or restart the container if it is to have the present one."
        )
    is_lost = host == "file" and _is_replaced(view) and not view.read_only and not view.is_same_content
    if is_lost and not options.accept_replaced_files:
        return (
            "that file was replaced on the host by one of other content, while the container may have written its own. "
            "Bring both together, or set accept_replaced_files: true to go on with the host's."
        )
    return None
