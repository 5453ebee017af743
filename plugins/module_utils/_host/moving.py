# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A directory moved from place to place: it stays the same one, so what has it mounted goes on seeing what is in it.

The user cannot do it, for one of the places is root's. Root reaches both by descriptors, and moves only a directory of
the user's own, out of and into a directory of the user's or of root's. A link is followed to the user's only: one that
leads to root's could have been made by the user.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import Any

from .._base.changes import Changes
from .._base.errors import HostError
from .bounded import LOOK_SECONDS, within
from .files import status_of
from .openat2 import O_PATH, open_beneath
from .users import User, look_as


def is_link_to(path: str, target: str) -> bool:
    """Whether the link that :func:`move` leaves is at a path."""
    try:
        return os.readlink(path) in (target, os.path.realpath(target))
    except (OSError, ValueError):
        return False


def remove_link(changes: Changes, path: str, target: str) -> bool:
    """Remove the link that :func:`move` has left. Returns whether it was, or would be, removed."""
    if not is_link_to(path, target):
        return False
    changes.make(f"removed the link {path}", path, f"link to {target}\n", "absent\n", lambda: os.unlink(path))
    return True


def move(changes: Changes, user: User, former: str, directory: str, owner: int, *, leave_link: bool = True) -> bool:
    """As root: move ``former``, a directory of the uid ``owner``, to ``directory``, whose parent is made before.

    A link stays behind: containers that were made with the former path start with it. Returns whether it was, or would
    be, moved: not if there is none, something is at its new path, or root cannot (another file system).
    """
    if os.geteuid() != 0 or directory in changes.made:
        return False
    is_free, device = look_as(user, lambda: _look(former, directory))
    if not is_free:
        return False
    try:
        source = _open_parent(former, user)
    except OSError:
        return False
    try:
        name = os.path.basename(former)
        status = within(LOOK_SECONDS, lambda: os.stat(name, dir_fd=source, follow_symlinks=False))
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != owner or status.st_dev != device:
            return False
        if not changes.check_mode and not _renamed(source, status, user, former, directory, leave_link):
            return False
    except OSError:
        return False
    finally:
        os.close(source)
    what = f"moved {former} to {directory}"
    if not changes.make(what, directory, "absent\n", f"moved from {former}\n", lambda: None):
        changes.made.add(directory)
        changes.moved.add(directory)
    return True


def _look(former: str, directory: str) -> list[Any]:
    """As the user: whether the new path is free, and its file system."""
    is_free = status_of(directory) is None or is_link_to(directory, former)
    above = os.path.dirname(directory)
    while not os.path.isdir(above):
        above = os.path.dirname(above)
    return [is_free, os.stat(above).st_dev]


def _open_parent(path: str, user: User) -> int:
    """The directory that holds ``path``: the user's own, or one of root's to which no link leads.

    :raises OSError: it is neither, or cannot be reached.
    """
    parent = os.path.dirname(path)
    with suppress(OSError):
        return within(LOOK_SECONDS, _open_owned, parent, (0, user.uid))
    real = look_as(user, lambda: os.path.realpath(parent))
    return within(LOOK_SECONDS, _open_owned, real, (user.uid,))


def _open_owned(directory: str, uids: tuple[int, ...]) -> int:
    descriptor = open_beneath("/", directory, O_PATH | os.O_DIRECTORY)
    if os.fstat(descriptor).st_uid in uids:
        return descriptor
    os.close(descriptor)
    raise PermissionError(f"{directory} is another user's")


def _renamed(source: int, status: os.stat_result, user: User, former: str, directory: str, leave_link: bool) -> bool:
    """Whether the directory could be renamed; what another one was put in its place meanwhile goes back."""
    old, new = os.path.basename(former), os.path.basename(directory)
    target = _open_parent(directory, user)
    try:
        with suppress(OSError):
            if stat.S_ISLNK(os.stat(new, dir_fd=target, follow_symlinks=False).st_mode):
                os.unlink(new, dir_fd=target)  # the link of an earlier move
        os.rename(old, new, src_dir_fd=source, dst_dir_fd=target)
        moved = os.stat(new, dir_fd=target, follow_symlinks=False)
        if (moved.st_dev, moved.st_ino) != (status.st_dev, status.st_ino):
            os.rename(new, old, src_dir_fd=target, dst_dir_fd=source)
            raise HostError(f"{former} was replaced while it was moved; look at it and run again.")
    finally:
        os.close(target)
    if leave_link:
        holder = os.fstat(source)
        with suppress(FileExistsError):
            os.symlink(directory, old, dir_fd=source)
            os.chown(old, holder.st_uid, holder.st_gid, dir_fd=source, follow_symlinks=False)
    return True
