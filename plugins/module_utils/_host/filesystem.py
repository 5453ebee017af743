# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file system of the managed host, looked at."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any, Callable, Collection

from .._base.errors import HostError
from .._base.namespace import in_user_namespace, user_namespace
from .acl import granted_readers
from .bounded import LOOK_SECONDS, NoAnswerError, within
from .mountinfo import Mount, mounts_of
from .node import MISSING_NODE, UNKNOWN_NODE, Node, node_of
from .openat2 import O_PATH, UnsupportedError, open_beneath
from .process_root import ContainerRoot, NamespacedRoot
from .reader import Process, Processes, ProcessTable, host_id, obstacle, seen_from_inside
from .reading import read_regular, reopened
from .users import User, find_user, look_as, whose_id

_FEW = 16
"""How many files of a directory are looked at: one that may be mounted holds one."""


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
    foreign: tuple[str, ...] = ()
    """Names in it of files that are not its owner's alone: another's, or with a second name elsewhere (a hard link)."""
    is_beyond_root: bool = False
    """Whether its user reaches it and root does not, as in a FUSE home or where root is squashed."""
    obstacle: str = ""
    """Why it is ``unreadable``, where that is known."""

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
    """The file system of the managed host. Each look ends within seconds.

    :param user: as whom to look where root may not (a FUSE home, root_squash).
    """

    def __init__(self, user: User | None = None) -> None:
        self._user = user if os.geteuid() == 0 and user is not None and user.uid != 0 else None
        self._processes = ProcessTable()

    def directory(self, path: str) -> DirectoryFacts:
        """What is at ``path``, symbolic links resolved."""
        try:
            facts = within(LOOK_SECONDS, _directory, path)
        except NoAnswerError as error:
            return DirectoryFacts(path, "unreadable", obstacle=str(error))
        if facts.kind != "unreadable" or self._user is None:
            return facts
        try:
            seen = look_as(self._user, lambda: asdict(_directory(path)))
        except HostError as error:
            return replace(facts, obstacle=str(error))
        lists = {name: tuple(value) for name, value in seen.items() if isinstance(value, list)}
        return DirectoryFacts(**{**seen, **lists, "is_beyond_root": True})

    def identity(self, path: str) -> tuple[int, int] | None:
        """Device and inode of what is at ``path``, links followed; ``None`` if nothing is there."""
        found = self._look(_identity, path)
        return None if found is None else (int(found[0]), int(found[1]))

    def realpath(self, path: str) -> str:
        found = self._look(_realpath, path)
        return path if found is None else str(found)

    def read(self, path: str) -> bytes | None:
        """The first MiB of the regular file at ``path``, no link followed; ``None`` if none is there.

        Where a path leads was judged when its links were resolved: root does not read where one leads that came later.
        """
        text = self._look(_read, path)
        return None if text is None else str(text).encode("latin-1")

    def inode(self, path: str) -> int | None:
        """The inode number of what is at ``path``, its last component not followed."""
        found: int | None = self._look(_inode, path)
        return found

    def _look(self, work: Callable[[str], Any], path: str) -> Any:
        """What ``work`` finds; ``None`` if nothing is there, or nobody may look."""
        try:
            return within(LOOK_SECONDS, work, path)
        except PermissionError:
            with suppress(HostError):
                return look_as(self._user, lambda: work(path)) if self._user is not None else None
        except (OSError, ValueError):
            pass
        return None

    def mounts(self) -> tuple[Mount, ...]:
        return mounts_of("self")

    def processes(self, main: int, names: Collection[str]) -> Processes | None:
        """The processes of a container, with these variables of each; ``None`` where this process is neither root's nor
        the user's whose engine it is."""
        may_look = os.geteuid() == 0 or _is_in_users_namespace(main)
        return self._processes.of(main, names) if may_look else None

    def obstacle(self, process: Process, path: str) -> str | None:
        """Why a process cannot read a file, by its own path for it; ``None`` if it can."""
        if not _is_in_users_namespace(process.pid):
            return obstacle(process, path)
        try:
            return in_user_namespace(process.pid, LOOK_SECONDS, obstacle, seen_from_inside(process), path)
        except OSError as error:
            return f"it cannot be tried: {error}"

    def ids(self, pid: int, uid: int, gid: int) -> tuple[int, int] | None:
        """What a uid and a gid of a process's user namespace are on this host; ``None`` if it is not there."""
        if not os.path.exists(f"/proc/{pid}/uid_map"):
            return None
        return host_id(pid, "uid_map", uid), host_id(pid, "gid_map", gid)

    def whose_id(self, uid: int) -> str | None:
        """To whom else of this host a uid belongs; ``None`` if to nobody, or to the user's or the engine's own."""
        user = self._user
        if user is None and os.geteuid() != 0:
            with suppress(HostError):
                user = find_user(None)
        return whose_id(uid, user)

    def node(self, path: str) -> Node:
        """What stands at ``path``, symbolic links followed."""
        try:
            return node_of(within(LOOK_SECONDS, os.stat, path))
        except (FileNotFoundError, NotADirectoryError):
            return MISSING_NODE
        except (OSError, ValueError):
            return UNKNOWN_NODE

    def root(self, pid: int, container_id: str, started_at: str | None) -> ContainerRoot:
        kind = NamespacedRoot if _is_in_users_namespace(pid) else ContainerRoot
        return kind(pid, container_id, started_at)


def _is_in_users_namespace(pid: int) -> bool:
    """Whether a process is in a user namespace that this user, who is not root, may enter: a rootless engine's."""
    return os.geteuid() != 0 and user_namespace(pid) not in (None, user_namespace("self"))


def _directory(path: str) -> DirectoryFacts:
    path = os.path.realpath(path)
    try:
        status = os.stat(path)
        if not stat.S_ISDIR(status.st_mode):
            return DirectoryFacts(path, "other")
        names = tuple(sorted(os.listdir(path)))
        foreign = tuple(name for name in names[:_FEW] if _is_foreign(f"{path}/{name}", status.st_uid))
    except FileNotFoundError:
        return DirectoryFacts(path, "missing")
    except PermissionError:
        return DirectoryFacts(path, "unreadable")
    except OSError:
        return DirectoryFacts(path, "other")
    identity = (status.st_dev, status.st_ino)
    uids, gids = granted_readers(path)
    mode = stat.S_IMODE(status.st_mode)
    return DirectoryFacts(path, "directory", identity, names, mode, status.st_uid, status.st_gid, uids, gids, foreign)


def _is_foreign(path: str, uid: int) -> bool:
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return False
    return stat.S_ISREG(status.st_mode) and (status.st_uid != uid or status.st_nlink > 1)


def _realpath(path: str) -> str:
    real = os.path.realpath(path)  # it takes what it may not look at for no link
    with suppress(FileNotFoundError, NotADirectoryError):
        os.lstat(real)
    return real


def _identity(path: str) -> list[int]:
    status = os.stat(path)
    return [status.st_dev, status.st_ino]


def _inode(path: str) -> int:
    return os.lstat(path).st_ino


def _read(path: str) -> str | None:
    """As text of one character for each byte, for it may come out of another process."""
    try:
        found = open_beneath("/", path, O_PATH)
    except UnsupportedError:
        return None
    try:
        content = read_regular(reopened(found))
    finally:
        os.close(found)
    return None if content is None else content.decode("latin-1")
