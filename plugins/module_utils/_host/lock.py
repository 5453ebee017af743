# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run at a time on one engine: two of them would take each other's new containers for leftovers.

Root's lock file lies in root's directory and has the owner, group and mode of the engine's socket: who may use the
engine may hold the lock, and nobody else can open it. A user's run takes that file once it is there, else one of his
own, and looks again when he has it. Root's run takes root's file first and then waits for the users' own. Nobody waits
for root's file while he holds one of his own, so no two wait for each other.

In a directory that everybody can write to, such as ``/run/lock``, any user could hold the lock, or put a FIFO in its
place.
"""

from __future__ import annotations

import contextlib
import fcntl
import grp
import hashlib
import os
import pwd
import stat
import time
from dataclasses import dataclass
from typing import Iterator

from .._base.errors import EngineError
from .bounded import LOOK_SECONDS, within
from .openat2 import O_PATH

_STEP_SECONDS = 0.1
_OPEN_SECONDS = 1.0
"""Root's file is made with its mode first and its group a moment later."""

_NAME = "agentops-credentials"
_ROOTS = f"/run/{_NAME}"
_RUNTIME = "/run/user"
_DOCKER_SOCKET = "/run/docker.sock"


@dataclass(frozen=True)
class _Access:
    """Who may use the engine, and so hold root's lock file."""

    uid: int
    gid: int
    mode: int


@contextlib.contextmanager
def exclusive(timeout: float, engine: str, socket: str | None = None) -> Iterator[None]:
    """Hold the lock of an engine; it goes with the process.

    :param timeout: seconds to wait for other runs.
    :param engine: what is unique in the engine, its id: runs on two engines do not wait for each other.
    :param socket: where the engine listens on this host.
    :raises EngineError: the other run did not end in time, or the lock cannot be trusted.
    """
    access = _access(socket)
    # An engine says itself what its id is. With the socket's owner, one of a user's cannot pass for root's.
    name = f"{hashlib.sha256(f'{access.uid} {engine}'.encode('utf-8', 'replace')).hexdigest()[:16]}.lock"
    end = time.monotonic() + timeout
    descriptor = _as_root(name, access, end) if os.geteuid() == 0 else _as_user(name, end)
    try:
        yield
    finally:
        os.close(descriptor)


def _access(socket: str | None) -> _Access:
    for path in filter(None, (socket, _DOCKER_SOCKET)):
        with contextlib.suppress(OSError):
            status = os.stat(path)
            groups = 0o060 if status.st_mode & stat.S_IWGRP else 0
            everybody = 0o006 if status.st_mode & stat.S_IWOTH else 0
            # A socket of root's alone says nothing: it may be a second one of the engine, or a proxy's.
            if stat.S_ISSOCK(status.st_mode) and (status.st_uid or groups or everybody):
                return _Access(status.st_uid, status.st_gid if groups else 0, 0o600 | groups | everybody)
    return _Access(0, 0, 0o600)


def _as_root(name: str, access: _Access, end: float) -> int:
    path = f"{_ROOTS}/{name}"
    descriptor = _open(_ROOTS, name, access)
    try:
        _take(descriptor, path, end)
        for own, uid in _own_locks(access, name):
            while _is_held(own, uid):
                _step(own, end)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _as_user(name: str, end: float) -> int:
    directory = own_directory(os.geteuid())
    own: int | None = None
    while True:
        descriptor = _roots_file(name)
        if descriptor is None and own is not None:
            return own
        if own is not None:
            os.close(own)
        path = f"{directory if descriptor is None else _ROOTS}/{name}"
        taken = _open(directory, name, None) if descriptor is None else descriptor
        try:
            _take(taken, path, end)
        except BaseException:
            os.close(taken)
            raise
        if descriptor is not None:
            return descriptor
        own = taken


def own_directory(uid: int) -> str:
    """Where a user who is not root has his lock: in his runtime directory, else in his cache. It is not made yet.

    The environment is not asked: two runs of one user, one of them by ``sudo``, would hold different locks.
    """
    return _own_directories(uid)[0]


def _own_directories(uid: int) -> list[str]:
    places = []
    runtime = f"{_RUNTIME}/{uid}"
    with contextlib.suppress(OSError):
        status = os.lstat(runtime)
        if stat.S_ISDIR(status.st_mode) and status.st_uid == uid and not status.st_mode & 0o022:
            places.append(f"{runtime}/{_NAME}")
    home = _home(uid)
    if home:
        places.append(f"{home}/.cache/{_NAME}")
    if not places:
        raise EngineError(f"uid {uid} has no home directory for the lock; run as a user who has one.")
    return places


def _home(uid: int) -> str | None:
    try:
        return pwd.getpwuid(uid).pw_dir.rstrip("/")
    except KeyError:
        return None


# ---------------------------------------------------------------------------------------------------------------------
# One file


def _take(descriptor: int, path: str, end: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            _step(path, end)


def _step(path: str, end: float) -> None:
    if time.monotonic() > end:
        raise EngineError(f"another run changes agent containers on this host (it holds {path}); try again later")
    time.sleep(_STEP_SECONDS)


def _open(directory: str, name: str, access: _Access | None) -> int:
    """The lock file, made if it is missing, in a directory that is looked at and used by descriptor."""
    path = f"{directory}/{name}"
    try:
        os.makedirs(os.path.dirname(directory), 0o755, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.mkdir(directory, 0o700)
            os.chmod(directory, 0o700 if access is None else 0o755)  # whatever the umask
        parent = os.open(directory, O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            _require_trusted(directory, os.fstat(parent), _Access(os.geteuid(), -1, 0o755))
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
            descriptor = os.open(name, flags, 0o600, dir_fd=parent)
        finally:
            os.close(parent)
    except OSError as error:
        raise EngineError(f"{path}: the lock cannot be opened ({error.strerror}); remove it, and run again.") from None
    access = access or _Access(os.geteuid(), -1, 0o600)
    try:
        status = os.fstat(descriptor)
        _require_plain(path, status)
        _require_trusted(path, status, access)
        if access.gid != -1 and (status.st_uid, status.st_gid) != (access.uid, access.gid):
            os.fchown(descriptor, access.uid, access.gid)
        if stat.S_IMODE(status.st_mode) != access.mode:
            os.fchmod(descriptor, access.mode)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _require_plain(path: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        raise EngineError(f"{path}: the lock is no plain file; remove it, and run again.")


def _require_trusted(path: str, status: os.stat_result, access: _Access) -> None:
    if status.st_uid not in (os.geteuid(), access.uid):
        raise EngineError(f"{path}: it belongs to uid {status.st_uid}, who could hold the lock; remove it.")
    if status.st_mode & 0o022 & ~access.mode:
        raise EngineError(f"{path}: others can write it, and could hold the lock; remove it.")


def _roots_file(name: str) -> int | None:
    """For a user: root's lock file, if root has run since the boot."""
    path = f"{_ROOTS}/{name}"
    end = time.monotonic() + _OPEN_SECONDS
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
            break
        except FileNotFoundError:
            return None
        except OSError as error:
            if time.monotonic() > end:
                raise EngineError(
                    f"{path}: root's lock of this engine cannot be opened ({error.strerror}), for this user may not"
                    f" open the engine's socket; run as root, or as a user who may."
                ) from None
            time.sleep(_STEP_SECONDS)
    try:
        _require_plain(path, os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


# ---------------------------------------------------------------------------------------------------------------------
# For root: the locks that users hold, who began before root's file was there


def _own_locks(access: _Access, name: str) -> Iterator[tuple[str, int]]:
    for uid in _users(access):
        with contextlib.suppress(EngineError):
            for directory in _own_directories(uid):
                yield f"{directory}/{name}", uid


def _users(access: _Access) -> list[int]:
    """Who may use the engine, besides root."""
    uids = {access.uid}
    if access.mode & 0o060:
        with contextlib.suppress(KeyError):
            uids |= set(filter(None, map(_uid, grp.getgrgid(access.gid).gr_mem)))
    for entry in pwd.getpwall():
        if access.mode & 0o006 or (access.mode & 0o060 and entry.pw_gid == access.gid):
            uids.add(entry.pw_uid)
    return sorted(uids - {0})


def _uid(name: str) -> int | None:
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(name).pw_uid
    return None


def _is_held(path: str, uid: int) -> bool:
    """Whether the user holds the lock there. What is no plain file of his is no lock."""
    with contextlib.suppress(OSError):
        return within(LOOK_SECONDS, _look, path, uid)
    return False


def _look(path: str, uid: int) -> bool:
    with contextlib.ExitStack() as stack:
        found = os.open(path, O_PATH | os.O_CLOEXEC)  # opens nothing yet, whatever it is
        stack.callback(os.close, found)
        status = os.fstat(found)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != uid:
            return False
        descriptor = os.open(f"/proc/self/fd/{found}", os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        stack.callback(os.close, descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
