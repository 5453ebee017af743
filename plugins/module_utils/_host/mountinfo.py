# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The mounts of a process as the kernel lists them (proc_pid_mountinfo(5)), and what they let it reach."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import Iterable, Sequence

from .._base.paths import is_below


@dataclass(frozen=True)
class Mount:
    """One mount: a directory or file of a file system, and where it is seen."""

    device: str
    """The file system, as ``major:minor``."""
    root: str
    """What of it is mounted, a path from its own root."""
    point: str
    """Where, as the process sees it."""
    read_only: bool
    id: int = 0
    """By which the kernel names it; see ``openat2.mount_id``."""
    kind: str = ""
    """The file system's kind, such as ``ext4`` or ``proc``."""


def parse(text: str) -> tuple[Mount, ...]:
    """The mounts in a text of the kernel's, the one that was made last at the end. Lines that are none are left out."""
    mounts = []
    for line in text.splitlines():
        fields = line.split(" ")
        if len(fields) > 5 and fields[0].isdecimal():
            _optional, _dash, kind = line.partition(" - ")
            is_read_only = "ro" in fields[5].split(",")
            mounts.append(
                Mount(fields[2], _plain(fields[3]), _plain(fields[4]), is_read_only, int(fields[0]), kind.split(" ")[0])
            )
    return tuple(mounts)


def mounts_of(process: str) -> tuple[Mount, ...]:
    """The mounts of a process, by its number or ``self``; none if they may not be read."""
    try:
        with open(f"/proc/{process}/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            return parse(file.read())
    except OSError:
        return ()


def _plain(field: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)


def _topmost(mounts: Iterable[Mount], path: str) -> Mount | None:
    """The mount on which a path lies: of those above it the last one covers the others."""
    above = [mount for mount in mounts if path == mount.point or is_below(path, mount.point)]
    return above[-1] if above else None


def _joined(top: str, path: str, below: str) -> str:
    """``path``, which is ``top`` or below it, seen from ``below``."""
    return posixpath.normpath(posixpath.join(below, posixpath.relpath(path, top)))


@dataclass(frozen=True)
class Reach:
    """Where a process can reach a path of the host."""

    path: str
    """As the process names it."""
    mount_point: str
    read_only: bool


def reaches(host: Sequence[Mount], path: str, inside: Sequence[Mount]) -> tuple[Reach, ...]:
    """Each way in which a process with the mounts ``inside`` can reach a real path of the host.

    By whatever name: a mount of a directory above it, of another mount of that directory, or of a volume.
    """
    on_host = _topmost(host, path)
    if on_host is None:
        return ()
    in_file_system = _joined(on_host.point, path, on_host.root)
    found = []
    for mount in inside:
        if mount.device != on_host.device:
            continue
        if in_file_system != mount.root and not is_below(in_file_system, mount.root):
            continue
        seen = _joined(mount.root, in_file_system, mount.point)
        if _topmost(inside, seen) == mount:
            found.append(Reach(seen, mount.point, mount.read_only))
    return tuple(found)
