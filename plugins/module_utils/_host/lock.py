# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run at a time: two of them would take each other's new containers for leftovers.

The lock lies where nobody but root, or without root the user himself, can make, open or replace it. In a directory that
everybody can write to, such as ``/run/lock``, any user could hold it, or put a FIFO in its place.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pwd
import stat
import time
from typing import Iterator

from .._base.errors import EngineError
from .openat2 import O_PATH

_STEP_SECONDS = 0.1
_NAME = "agentops-credentials"


@contextlib.contextmanager
def exclusive(timeout: float, directory: str | None = None, key: str = "") -> Iterator[None]:
    """Hold the lock of this user; it goes with the process.

    :param timeout: seconds to wait for another run.
    :param directory: where the lock file is, made if it is missing; :func:`lock_directory` if it is left out.
    :param key: what is unique in the engine, such as its id: runs on two engines do not wait for each other.
    :raises EngineError: the other run did not end in time, or the lock cannot be trusted.
    """
    directory = directory or lock_directory(os.geteuid())
    name = f"{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()[:16]}.lock" if key else "engine.lock"
    path = f"{directory}/{name}"
    try:
        descriptor = _open(directory, name)
    except OSError as error:
        raise EngineError(f"{path}: the lock cannot be opened ({error.strerror}); remove it, and run again.") from None
    try:
        end = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise EngineError(
                        f"another run changes agent containers on this host (it holds {path}); try again later"
                    ) from None
                time.sleep(_STEP_SECONDS)
        yield
    finally:
        os.close(descriptor)


def lock_directory(uid: int, *, is_root: bool | None = None) -> str:
    """Root's, or the user's own; not made yet."""
    if uid == 0 if is_root is None else is_root:
        return f"/run/{_NAME}"
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    with contextlib.suppress(OSError):
        status = os.lstat(runtime)
        if stat.S_ISDIR(status.st_mode) and status.st_uid == uid and not status.st_mode & 0o022:
            return f"{runtime}/{_NAME}"
    return f"{_home(uid)}/.cache/{_NAME}"


def _home(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_dir.rstrip("/")
    except KeyError:
        raise EngineError(f"uid {uid} has no home directory for the lock; run as a user who has one.") from None


def _open(directory: str, name: str) -> int:
    """The lock file, in a directory that is looked at and used by descriptor."""
    os.makedirs(os.path.dirname(directory), 0o755, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.mkdir(directory, 0o700)
        os.chmod(directory, 0o755 if os.geteuid() == 0 else 0o700)  # whatever the umask
    parent = os.open(directory, O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _require_trusted(directory, os.fstat(parent))
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        descriptor = os.open(name, flags, 0o600, dir_fd=parent)
    finally:
        os.close(parent)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            raise EngineError(f"{directory}/{name}: the lock is no plain file; remove it, and run again.")
        _require_trusted(f"{directory}/{name}", status)
        os.fchmod(descriptor, 0o600)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _require_trusted(path: str, status: os.stat_result) -> None:
    if status.st_uid != os.geteuid():
        raise EngineError(f"{path}: it belongs to uid {status.st_uid}, who could hold the lock; remove it.")
    if status.st_mode & 0o022:
        raise EngineError(f"{path}: others can write it, and could hold the lock; remove it.")
