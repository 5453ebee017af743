# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The users of a host, and how root does their work with their rights alone."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
from dataclasses import dataclass
from typing import Any, Callable

from .._base.changes import Record
from .._base.errors import AgentMountsError, HostError


@dataclass(frozen=True)
class User:
    name: str
    uid: int
    gid: int
    home: str


def find_user(name: str | None) -> User:
    """:raises HostError: there is no such user on the host."""
    try:
        entry = pwd.getpwnam(name) if name else pwd.getpwuid(os.geteuid())
    except KeyError:
        raise HostError(f"creds_mirror_user: this host has no user {name}; create it, or name another.") from None
    return User(entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir.rstrip("/"))


def owner_of(home: str) -> User:
    """The user whose home directory a path is, by its owner.

    :raises HostError: there is none.
    """
    try:
        entry = pwd.getpwuid(os.stat(home).st_uid)
    except (OSError, KeyError):
        raise HostError(f"home: {home} is no user's home directory; set home to one.") from None
    return User(entry.pw_name, entry.pw_uid, entry.pw_gid, home.rstrip("/"))


_ENGINE_SOCKETS = ("/run/docker.sock", "/run/podman/podman.sock")


def may_use_engine(user: User) -> bool | None:
    """Whether the user is root or may open the socket of each engine of root's; ``None`` where there is no engine."""
    may: bool | None = None
    for path in _ENGINE_SOCKETS:
        with contextlib.suppress(OSError):
            status = os.stat(path)
            groups = os.getgrouplist(user.name, user.gid)
            by_mode = (
                status.st_mode & 0o002
                or (status.st_mode & 0o020 and status.st_gid in groups)
                or (status.st_mode & 0o200 and status.st_uid == user.uid)
            )
            may = may is not False and (user.uid == 0 or bool(by_mode))
    return may


def as_user(user: User, work: Callable[[Record], Any], record: Record) -> Any:
    """Do ``work`` with the rights of ``user``: in this process if it has them, else in a child that drops root's.

    Returns what ``work`` returns, which must be plain data.

    :raises HostError: as ``work`` does, and where this process may not act for the user.
    """
    if os.geteuid() == user.uid:
        return work(record)
    if os.geteuid() != 0:
        raise HostError(
            f"creds_mirror_user: {pwd.getpwuid(os.geteuid()).pw_name} may not act for {user.name};"
            f" connect as {user.name}, or set become."
        )
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        with os.fdopen(writing, "w") as pipe:
            json.dump(_work_in_child(user, work, Record(record.check_mode, given_back=record.given_back)), pipe)
            pipe.flush()
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    result = json.loads(answer or '{"error": "the user\'s part of the work ended without an answer"}')
    if "changes" in result:
        record.add(result)
    if "error" in result:
        raise HostError(result["error"])
    return result["value"]


def _work_in_child(user: User, work: Callable[[Record], Any], record: Record) -> dict[str, Any]:
    result: dict[str, Any] = {}
    try:
        os.initgroups(user.name, user.gid)
        os.setgid(user.gid)
        os.setuid(user.uid)
        os.chdir("/")
        result["value"] = work(record)
    except AgentMountsError as error:
        result["error"] = str(error)
    except Exception as error:  # the parent has nothing but this answer
        result["error"] = f"{type(error).__name__}: {error}"
    return {**result, "changes": record.changes, "diff": record.diff, "warnings": record.warnings}
