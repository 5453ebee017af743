# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make on the host what containers are to mount, before the engine could make it as root."""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass, field, replace

from .._base.changes import Record
from .._base.errors import HostError
from .._host import files
from .._host.users import User, as_user
from .host_needs import HostNeeds
from .passwd import Passwd


def owner_of(home: str) -> User:
    """The user whose home directory a path is, by its owner.

    :raises HostError: there is none.
    """
    try:
        entry = pwd.getpwuid(os.stat(home).st_uid)
    except (OSError, KeyError):
        raise HostError(f"home: {home} is no user's home directory; set home to one.") from None
    return User(entry.pw_name, entry.pw_uid, entry.pw_gid, home.rstrip("/"))


@dataclass
class Provider:
    """Makes on the host what containers mount: as planned first, then really."""

    home: str
    diff: list[dict[str, str]] = field(default_factory=list)

    def missing(self, needs: HostNeeds) -> tuple[str, ...]:
        """What :meth:`provide` would change, one sentence each; their diff is kept.

        :raises HostError: it cannot be done; the sentence names the agent and the fix.
        """
        predicted = Record(check_mode=True)
        prepare(needs, self.home, predicted)
        self.diff += predicted.diff
        return tuple(predicted.changes)

    def provide(self, needs: HostNeeds) -> None:
        """:raises HostError: it cannot be done; the sentence names the agent and the fix."""
        prepare(needs, self.home, Record(check_mode=False))


def prepare(needs: HostNeeds, home: str, record: Record) -> None:
    """Make one agent's shared auth directory and passwd file; nothing to do for those that are there.

    :raises HostError: it cannot be done; the sentence names the agent and the fix.
    """
    user = owner_of(home)
    try:
        if needs.directory is not None:
            _shared_directory(needs, needs.directory, user, record)
        if needs.passwd is not None:
            _passwd(needs.passwd, user, record)
    except HostError as error:
        raise HostError(f"{needs.agent}: {error}") from None
    except OSError as error:
        raise HostError(
            f"{needs.agent}: {error.filename}: {error.strerror}; fix its permissions and run again."
        ) from None


def _shared_directory(needs: HostNeeds, directory: str, user: User, record: Record) -> None:
    writer = user if needs.uid is None else replace(user, uid=needs.uid, gid=needs.gid or 0)
    if writer.uid == 0:
        writer = user  # root in a container can write anywhere
    try:
        status = os.lstat(directory)
    except (FileNotFoundError, NotADirectoryError):
        status = None
    except PermissionError:
        raise HostError(f"{directory} cannot be looked at by the user who runs this module; use become.") from None
    if status is not None and status.st_uid == writer.uid and stat.S_IMODE(status.st_mode) == 0o700:
        return
    if writer.uid != user.uid and os.geteuid() != 0:
        raise HostError(
            f"{directory} must belong to uid {writer.uid}, as which the container runs, and only root can see to that; "
            f"use become."
        )
    if status is not None and status.st_uid not in (user.uid, writer.uid, 0):
        raise HostError(
            f"the container runs as uid {writer.uid}, but {directory} belongs to uid {status.st_uid}; run all "
            f"containers that share a login as one user, or name another container.credentials_host_dir."
        )
    if status is not None and status.st_uid != writer.uid and os.listdir(directory):
        raise HostError(
            f"the container runs as uid {writer.uid}, but {directory} and what is in it belong to uid {status.st_uid}; "
            f"give it to that uid (chown --recursive), or name another container.credentials_host_dir."
        )
    is_new = status is None
    if status is not None and status.st_uid != user.uid:
        files.give_back(record, user, directory)

    def make(own: Record) -> None:
        for parent in _missing_parents(directory):
            files.ensure_directory(own, parent, 0o700)
        files.ensure_directory(own, directory, 0o700)
        if is_new:
            for name, text in needs.initial_files.items():
                files.ensure_file(own, f"{directory}/{name}", text, 0o600)

    as_user(user, make, record)
    if writer.uid != user.uid and not record.check_mode:
        # Part of making it, so not told as a change of its own.
        given = Record(check_mode=False) if is_new else record
        for name in needs.initial_files if is_new else ():
            files.give_back(given, writer, f"{directory}/{name}")
        files.give_back(given, writer, directory)


def _missing_parents(directory: str) -> list[str]:
    """The parent directories that do not exist, the topmost first."""
    missing = []
    parent = os.path.dirname(directory)
    while not os.path.isdir(parent):
        missing.append(parent)
        parent = os.path.dirname(parent)
    return missing[::-1]


def _passwd(passwd: Passwd, user: User, record: Record) -> None:
    def make(own: Record) -> None:
        if not os.path.exists(passwd.path):
            files.ensure_file(own, passwd.path, passwd.text, 0o644)

    as_user(user, make, record)
