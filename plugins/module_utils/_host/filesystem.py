# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file system of the managed host, looked at."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from .acl import granted_readers
from .bounded import LOOK_SECONDS, NoAnswerError, within
from .node import MISSING_NODE, UNKNOWN_NODE, Node, node_of
from .process_root import ContainerRoot
from .reading import read_regular


@dataclass(frozen=True)
class DirectoryFacts:
    """What is at a host path: ``kind`` is ``directory``, ``missing``, ``unreadable`` or ``other``.

    ``identity`` is ``(st_dev, st_ino)``; ``names`` are the directory's entries; ``acl_uids`` and
    ``acl_gids`` are those that an access control list lets read and search it.
    """

    path: str
    kind: str
    identity: tuple[int, int] | None = None
    names: tuple[str, ...] = ()
    mode: int = 0
    uid: int = 0
    gid: int = 0
    acl_uids: tuple[int, ...] = ()
    acl_gids: tuple[int, ...] = ()

    def lets_in(self, uid: int, gid: int) -> bool:
        """Whether a process may list the directory and open files in it, by mode and access control list."""
        if uid in (0, self.uid):
            return True
        if uid in self.acl_uids or gid in self.acl_gids:
            return True
        if gid == self.gid:
            return self.mode & 0o050 == 0o050
        return self.mode & 0o005 == 0o005


class Host:
    """The file system of the managed host. Each look ends within seconds."""

    def directory(self, path: str) -> DirectoryFacts:
        """What is at ``path``, symbolic links resolved."""
        try:
            return within(LOOK_SECONDS, _directory, path)
        except NoAnswerError:
            return DirectoryFacts(path, "unreadable")

    def realpath(self, path: str) -> str:
        try:
            return str(within(LOOK_SECONDS, os.path.realpath, path))
        except NoAnswerError:
            return path

    def read(self, path: str) -> bytes | None:
        """The first MiB of the regular file at ``path``, its last component not followed; ``None`` if none is there."""
        try:
            return within(LOOK_SECONDS, _read, path)
        except OSError:
            return None

    def inode(self, path: str) -> int | None:
        """The inode number of what is at ``path``, its last component not followed."""
        try:
            return within(LOOK_SECONDS, os.lstat, path).st_ino
        except (OSError, ValueError):
            return None

    def node(self, path: str) -> Node:
        """What stands at ``path``, symbolic links followed."""
        try:
            return node_of(within(LOOK_SECONDS, os.stat, path))
        except (FileNotFoundError, NotADirectoryError):
            return MISSING_NODE
        except (OSError, ValueError):
            return UNKNOWN_NODE

    def root(self, pid: int, container_id: str) -> ContainerRoot:
        return ContainerRoot(pid, container_id)


def _directory(path: str) -> DirectoryFacts:
    path = os.path.realpath(path)
    try:
        status = os.stat(path)
        if not stat.S_ISDIR(status.st_mode):
            return DirectoryFacts(path, "other")
        names = tuple(sorted(os.listdir(path)))
    except FileNotFoundError:
        return DirectoryFacts(path, "missing")
    except PermissionError:
        return DirectoryFacts(path, "unreadable")
    except OSError:
        return DirectoryFacts(path, "other")
    identity = (status.st_dev, status.st_ino)
    uids, gids = granted_readers(path)
    mode = stat.S_IMODE(status.st_mode)
    return DirectoryFacts(path, "directory", identity, names, mode, status.st_uid, status.st_gid, uids, gids)


def _read(path: str) -> bytes | None:
    return read_regular(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW | os.O_CLOEXEC))
