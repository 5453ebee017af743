# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stands at a path: its kind and its identity, by which a thing that was replaced is known."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

_CONTENT_LIMIT = 1 << 26
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Node:
    """``kind`` is ``directory``, ``file``, ``device``, ``socket``, ``pipe``, ``missing`` or ``unknown``."""

    kind: str
    identity: tuple[int, int] | None = None
    """``(st_dev, st_ino)``; of a device, which udev makes again as it likes, what the kernel calls it."""


MISSING_NODE = Node("missing")
UNKNOWN_NODE = Node("unknown")
_KINDS = {
    stat.S_IFDIR: "directory",
    stat.S_IFREG: "file",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
    stat.S_IFSOCK: "socket",
    stat.S_IFIFO: "pipe",
}


def node_of(status: os.stat_result) -> Node:
    kind = _KINDS.get(stat.S_IFMT(status.st_mode), "unknown")
    return Node(kind, (0, status.st_rdev) if kind == "device" else (status.st_dev, status.st_ino))


def have_same_content(one: int, other: int) -> bool:
    """Whether two descriptors of regular files are of the same content. Large ones never are."""
    sizes = {os.fstat(each).st_size for each in (one, other)}
    if len(sizes) > 1 or max(sizes) > _CONTENT_LIMIT:
        return False
    with os.fdopen(one, "rb", closefd=False) as file, os.fdopen(other, "rb", closefd=False) as second:
        while True:
            chunks = file.read(_CHUNK), second.read(_CHUNK)
            if chunks[0] != chunks[1]:
                return False
            if not chunks[0]:
                return True
