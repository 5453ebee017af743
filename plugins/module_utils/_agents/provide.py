# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make on the host what containers are to mount, before the engine could make it as root."""

from __future__ import annotations

import os
import shutil
import stat
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from .._base.changes import Changes
from .._base.errors import HostError
from .._base.paths import is_below
from .._catalog import mirror_paths
from .._host import files, moving
from .._host.openat2 import O_PATH, open_beneath
from .._host.trust import is_roots
from .._host.users import User, as_user, look_as, owner_of
from .host_needs import FormerPlace, HostNeeds
from .passwd import Passwd


@dataclass
class Provider:
    """Makes on the host what containers mount: as planned first, then really."""

    home: str
    diff: list[dict[str, str]] = field(default_factory=list)

    def missing(self, needs: HostNeeds) -> tuple[str, ...]:
        """What :meth:`provide` would change, one sentence each; their diff is kept.

        :raises HostError: it cannot be done; the sentence names the agent and the fix.
        """
        predicted = Changes(check_mode=True)
        prepare(needs, self.home, predicted)
        self.diff += predicted.diff
        return tuple(predicted.changes)

    def provide(self, needs: HostNeeds) -> None:
        """:raises HostError: it cannot be done; the sentence names the agent and the fix."""
        prepare(needs, self.home, Changes(check_mode=False))

    def leftovers(self, former: FormerPlace) -> tuple[str, ...]:
        """What :meth:`retire` would change, one sentence each; their diff is kept."""
        predicted = Changes(check_mode=True)
        retire(former, self.home, predicted)
        self.diff += predicted.diff
        return tuple(predicted.changes)

    def retire(self, former: FormerPlace) -> None:
        """:raises HostError: it cannot be done."""
        retire(former, self.home, Changes(check_mode=False))


def prepare(needs: HostNeeds, home: str, changes: Changes) -> None:
    """Make one agent's shared auth directory and passwd file; nothing to do for those that are there.

    :raises HostError: it cannot be done; the sentence names the agent and the fix.
    """
    user = owner_of(home)
    try:
        if needs.directory is not None:
            _shared_directory(needs, needs.directory, user, changes)
        if needs.passwd is not None:
            _passwd(needs.passwd, user, changes)
    except HostError as error:
        raise HostError(f"{needs.agent}: {error}") from None
    except OSError as error:
        raise HostError(
            f"{needs.agent}: {error.filename}: {error.strerror}; fix its permissions and run again."
        ) from None


def _shared_directory(needs: HostNeeds, directory: str, user: User, changes: Changes) -> None:
    """The directory, made by ``user`` and given to the uid that writes it. One that is there is never given away."""
    uid = needs.uid
    if needs.claimed_uid not in (None, 0, user.uid):
        uid = _accepted_claim(needs, directory, user)
    is_users = uid in (None, 0, user.uid)  # root in a container can write anywhere
    writer = user.uid if is_users else uid or 0
    if not is_users and os.geteuid() != 0:
        raise HostError(
            f"{directory} must belong to uid {writer}, as which the container runs, and only root can see to that; "
            f"use become."
        )
    is_systems = is_below(directory, mirror_paths.SYSTEM_PLACE)
    if is_systems:
        _ensure_roots(directory, changes)
    _take_over(needs, directory, writer, user, changes)
    if directory in changes.made:
        return
    if is_systems:
        _make_as_root(directory, needs, writer, user.gid if is_users else needs.gid or 0, changes)
        return
    made = as_user(user, partial(_make_as_user, directory, dict(needs.initial_files), writer), changes)
    if made and not is_users and not changes.check_mode:
        _give_away(made, user, writer, needs.gid or 0)


def _ensure_roots(directory: str, changes: Changes) -> None:
    """As root: every directory above one in the place ``system``."""
    if os.geteuid() != 0:
        if not os.path.isdir(directory):
            raise HostError(f"{directory}: only root can make it (creds_mirror_place: system); use become.")
        return
    inside = os.path.relpath(os.path.dirname(directory), mirror_paths.SYSTEM_PLACE).split("/")
    for depth in range(len(inside) + 1):
        files.ensure_roots_directory(changes, "/".join([mirror_paths.SYSTEM_PLACE, *inside[:depth]]))


def _take_over(needs: HostNeeds, directory: str, writer: int, user: User, changes: Changes) -> None:
    """Move the directory from the other place, with the login in it.

    It is moved and not copied: a client that still runs with it may renew the login, which spends the one in a copy.

    :raises HostError: it cannot be moved.
    """
    former = needs.former

    if former is None or not look_as(user, lambda: os.path.isdir(former) and not os.path.islink(former)):
        return
    if not is_below(directory, mirror_paths.SYSTEM_PLACE):
        as_user(user, lambda own: _make_parents(own, directory), changes)
    if moving.move(changes, user, former, directory, writer) or directory in changes.made:
        return
    if look_as(user, lambda: os.path.isdir(directory) and not os.path.islink(directory)):
        return
    raise HostError(
        f"{former} holds the shared login and cannot be moved to {directory} (another file system, another owner than "
        f"uid {writer}, or out of root's reach); stop the containers that use it, copy it there (cp --archive), and "
        f"move it away."
    )


def _make_as_root(directory: str, needs: HostNeeds, writer: int, gid: int, changes: Changes) -> None:
    """The directory in the place ``system``, whose parents are root's: nobody else can have a hand in it."""
    status = files.status_of(directory)
    if status is not None:
        _require_writer(directory, status, writer)
        if os.geteuid() in (0, writer):
            files.ensure_mode(changes, directory, status, 0o700)
        return

    def make() -> None:
        new = f"{directory}.new"  # of a run that was cut off, if it is there
        shutil.rmtree(new, ignore_errors=True)
        os.mkdir(new, 0o700)
        for name, text in needs.initial_files.items():
            with open(f"{new}/{name}", "x", encoding="utf-8") as file:
                os.fchmod(file.fileno(), 0o600)
                file.write(text)
                os.fchown(file.fileno(), writer, gid)
        os.chown(new, writer, gid)
        os.rename(new, directory)

    changes.make(f"made the directory {directory}", directory, "absent\n", "directory, mode 0700\n", make)


def _accepted_claim(needs: HostNeeds, directory: str, user: User) -> int | None:
    """The uid that a container's own ``/etc/passwd`` names, where the directory is that uid's already.

    :raises HostError: it is not, so the container's file would decide whose a directory of the host is.
    """

    def owner(_own: Changes) -> int | None:
        status = files.status_of(directory)
        return status.st_uid if status else None

    claimed = needs.claimed_uid
    if as_user(user, owner, Changes(check_mode=True)) == claimed:
        return claimed
    raise HostError(
        f"mode shared: the container runs as uid {claimed} by its own /etc/passwd, which it can write, so that does "
        f'not decide whose {directory} is; set container.user: "{claimed}" if it is right.'
    )


def _make_as_user(directory: str, initial_files: dict[str, str], writer: int, own: Changes) -> list[list[Any]]:
    """Make the directory and its files; the path and identity of each thing that was made, the directory first."""
    try:
        status = os.lstat(directory)
    except (FileNotFoundError, NotADirectoryError):
        _make_parents(own, directory)
        files.ensure_directory(own, directory, 0o700)
        for name, text in initial_files.items():
            files.ensure_file(own, f"{directory}/{name}", text, 0o600)
        paths = [] if own.check_mode else [directory, *(f"{directory}/{name}" for name in initial_files)]
        return [[os.path.realpath(path), *_identity(os.lstat(path))] for path in paths]
    _require_writer(directory, status, writer)
    if status.st_uid == os.geteuid():
        files.ensure_directory(own, directory, 0o700)
    return []


def _require_writer(directory: str, status: os.stat_result, writer: int) -> None:
    if not stat.S_ISDIR(status.st_mode):
        raise HostError(f"{directory} is no directory; move it away.")
    if status.st_uid != writer:
        raise HostError(
            f"the container runs as uid {writer}, but {directory} belongs to uid {status.st_uid}; run all containers "
            f"that share a login as one user, give it to that uid yourself (chown --recursive), or remove it if it is "
            f"empty."
        )


def _make_parents(own: Changes, directory: str) -> None:
    for parent in _missing_parents(directory):
        files.ensure_directory(own, parent, 0o700)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _give_away(made: list[list[Any]], user: User, uid: int, gid: int) -> None:
    """As root: chown what the user has just made, by descriptor. What is not the same any more is left as it is.

    It must be the user's still: by a link he can have had something of another one's looked at as what he made.
    """
    for path, device, inode in reversed(made):
        try:
            descriptor = open_beneath("/", path, O_PATH)
        except OSError as error:
            raise HostError(f"{path}: {error.strerror}; it was moved while it was made: run again.") from None
        try:
            status = os.fstat(descriptor)
            is_users_own = status.st_uid == user.uid and (stat.S_ISDIR(status.st_mode) or status.st_nlink == 1)
            if _identity(status) != (device, inode) or not is_users_own:
                raise HostError(f"{path} was replaced while it was made; look at it and run again.")
            os.chown(f"/proc/self/fd/{descriptor}", uid, gid)
        finally:
            os.close(descriptor)


def _missing_parents(directory: str) -> list[str]:
    """The parent directories that do not exist, the topmost first."""
    missing = []
    parent = os.path.dirname(directory)
    while not os.path.isdir(parent):
        missing.append(parent)
        parent = os.path.dirname(parent)
    return missing[::-1]


def _passwd(passwd: Passwd, user: User, changes: Changes) -> None:
    def make(own: Changes) -> None:
        if not os.path.exists(passwd.path):
            files.ensure_file(own, passwd.path, passwd.text, 0o644)

    as_user(user, make, changes)


def retire(former: FormerPlace, home: str, changes: Changes) -> None:
    """Remove what a move to another place has left, and no container has mounted: a link, or a published login.

    A shared login that could not be moved is nobody's but the user's: it stays.
    """
    user = owner_of(home)

    def remove(own: Changes) -> None:
        if moving.remove_link(own, former.path, former.directory) or former.file is None:
            return
        is_there = os.path.isdir(former.path) and not os.path.islink(former.path) and os.path.isdir(former.directory)
        if is_there and set(os.listdir(former.path)) <= {former.file}:
            files.remove_file(own, f"{former.path}/{former.file}")
            files.remove_directory(own, former.path, {former.file})

    if not is_below(former.path, mirror_paths.SYSTEM_PLACE):
        as_user(user, remove, changes)
    elif os.geteuid() == 0:
        remove(changes)


def write_manifest(path: str, text: str, home: str, changes: Changes) -> None:
    """Write what launchers must mount, with the rights of the user whose home it is in.

    Only where every parent is root's, it is root's file: no link of the user's can be on the way.

    :raises HostError: it cannot be written.
    """
    user = owner_of(home)
    if os.geteuid() == 0 and is_roots(os.path.dirname(path)):
        files.ensure_file(changes, path, text, 0o644)
        return

    def write(own: Changes) -> None:
        files.ensure_file(own, path, text, 0o644)

    as_user(user, write, changes)
