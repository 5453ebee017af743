# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run at a time on a host: two of them would take each other's new containers for leftovers."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import time
from typing import Iterator

from .._base.errors import EngineError

_STEP_SECONDS = 0.1


@contextlib.contextmanager
def exclusive(timeout: float, directory: str | None = None) -> Iterator[None]:
    """Hold the lock of this host, which is one for all its users; it goes with the process.

    :param timeout: seconds to wait for another run.
    :param directory: where the lock file is; ``/run/lock``, or where there is none the directory for temporary files.
    :raises EngineError: the other run did not end in time.
    """
    path = os.path.join(directory or _directory(), "agentops-credentials.lock")
    descriptor = _open(path)
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


def _directory() -> str:
    return "/run/lock" if os.access("/run/lock", os.W_OK) else tempfile.gettempdir()


def _open(path: str) -> int:
    """Reading is enough to lock. Without ``O_CREAT`` first: in a directory that everybody can write to, the kernel
    lets nobody, not even root, create over another user's file (fs.protected_regular)."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(path, flags)
    except FileNotFoundError:
        pass
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        return os.open(path, flags)
    os.fchmod(descriptor, 0o644)  # whatever the umask: every user must be able to read it
    return descriptor
