# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whom a file of the host can be believed: who may write it, by its mode, its access control list and its parents."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from typing import Iterable

from .._base.errors import ConfigError
from .acl import writers
from .bounded import LOOK_SECONDS, NoAnswerError, within
from .reading import open_regular
from .users import User, look_as, may_use_engine

_LIMIT = 4 << 20
"""Bytes of a configuration. That of 300 agents has some 100 KiB."""


def read_configuration(path: str, user: User) -> str:
    """The text of a file that root or ``user`` wrote, and nobody else can.

    It is read with the rights of ``user``, unless every parent is root's: a link of his must lead nobody to a file that
    he may not read.

    :raises ConfigError: it is not there, not readable, or others may write it; the sentence names the fix.
    """
    path = os.path.abspath(path)
    try:
        # By its name: what a link of the user's leads to may be root's, and not be his to read.
        if os.geteuid() == 0 and user.uid != 0 and not within(LOOK_SECONDS, is_roots, path):
            result = look_as(user, lambda: _read(path, user.uid))
        else:
            result = within(LOOK_SECONDS, _read, path, user.uid)
    except NoAnswerError as error:
        raise ConfigError(f"{path}: {error}; name a file on another file system.") from None
    if "fault" in result:
        raise ConfigError(f"{path} {result['fault']}")
    return str(result["text"])


def redirectable(paths: Iterable[str], user: User) -> str | None:
    """Find the first of the directories whose mount ``user`` can redirect and so win what he does not have.

    Root's engine follows a mount's path at each start of its container. Who may not use that engine, but owns a
    directory above, wins the whole host by a link in it.
    """
    if os.geteuid() != 0 or may_use_engine(user) is not False:
        return None
    try:
        return next((path for path in paths if not within(LOOK_SECONDS, is_roots, os.path.dirname(path))), None)
    except NoAnswerError:
        return None


def is_roots(path: str) -> bool:
    """Whether ``path`` and every parent of it are root's, and nobody else may write them."""
    while True:
        try:
            status = os.lstat(path)
        except OSError:
            return False
        if status.st_uid != 0 or stat.S_ISLNK(status.st_mode) or _others_may_write(path, status, 0):
            return False
        if path == "/":
            return True
        path = os.path.dirname(path)


def _read(path: str, uid: int) -> dict[str, str]:
    """``text``, or ``fault``."""
    try:
        descriptor = open_regular(path)
    except FileNotFoundError:
        return {"fault": "does not exist on the managed host; set path to the agents' configuration."}
    except OSError as error:
        return {"fault": f"cannot be read ({error.strerror}); fix its permissions or use become."}
    if descriptor is None:
        return {"fault": "is no regular file; name the agents' configuration."}
    try:
        return _content(descriptor, path, uid)
    except OSError as error:
        return {"fault": f"cannot be read ({error.strerror}); name the agents' configuration."}
    finally:
        os.close(descriptor)


def _content(descriptor: int, path: str, uid: int) -> dict[str, str]:
    status = os.fstat(descriptor)
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        if status.st_size > _LIMIT:
            return {"fault": f"is larger than {_LIMIT >> 20} MiB; name the agents' configuration."}
        fault = _writers_fault(os.path.realpath(path), uid)
        if fault:
            return {"fault": fault}
        content = file.read(_LIMIT + 1)
    try:
        return {"text": content[:_LIMIT].decode("utf-8")}
    except ValueError:
        return {"fault": "cannot be read (not UTF-8 text); write it as UTF-8."}


def _writers_fault(path: str, uid: int) -> str | None:
    """Who else may write a file, or replace it."""
    status = os.lstat(path)
    if status.st_uid not in (0, uid):
        return f"belongs to uid {status.st_uid}; it must be root's or the agents' user's, for it says what is mounted."
    who = _others_may_write(path, status, uid)
    if who:
        return f"can be written by {who}; take that right away (chmod go-w), for it says what is mounted."
    parent = os.path.dirname(path)
    while True:
        status = os.lstat(parent)
        is_sticky = bool(status.st_mode & stat.S_ISVTX)
        who = None if is_sticky else _others_may_write(parent, status, uid)
        if status.st_uid not in (0, uid):
            who = f"uid {status.st_uid}"
        if who:
            return f"can be replaced by {who}, who may write {parent}; take that right away, or move the file."
        if parent == "/":
            return None
        parent = os.path.dirname(parent)


def _others_may_write(path: str, status: os.stat_result, uid: int) -> str | None:
    """Who but root, ``uid`` and its private group may write; ``None`` if nobody."""
    if status.st_mode & stat.S_IWOTH:
        return "everybody"
    uids, gids = writers(path)
    others = [f"uid {other}" for other in uids if other not in (0, uid)]
    others += [f"gid {gid}" for gid in gids if not _is_private(gid, uid)]
    has_acl = bool(uids or gids)
    if not has_acl and status.st_mode & stat.S_IWGRP and not _is_private(status.st_gid, uid):
        others.append(f"gid {status.st_gid}")
    return ", ".join(others) or None


def _is_private(gid: int, uid: int) -> bool:
    """Whether nobody but root and ``uid`` is in a group."""
    if gid == 0:
        return True
    try:
        name = pwd.getpwuid(uid).pw_name
        members = set(grp.getgrgid(gid).gr_mem)
    except KeyError:
        return False
    members |= {entry.pw_name for entry in pwd.getpwall() if entry.pw_gid == gid}
    # A group of nobody's, as Debian's users, is not his: whoever is added to it could write.
    return name in members and members <= {name, "root"}
