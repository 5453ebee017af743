# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read what may be anything: regular files only, bounded.

A device is not even opened, for that alone can do something: a watchdog begins to count, a tape winds. Containers may
make any device (CAP_MKNOD), and what keeps them from opening one (their cgroup) does not keep root.
"""

from __future__ import annotations

import hashlib
import os
import stat

from .openat2 import O_PATH

_LIMIT = 1 << 20


def open_regular(path: str, flags: int = 0) -> int | None:
    """A descriptor to read the regular file at ``path``; ``None`` for what is another kind of file.

    :raises OSError: it is not there, or may not be opened.
    """
    found = os.open(path, O_PATH | os.O_CLOEXEC | flags)
    try:
        return reopened(found)
    finally:
        os.close(found)


def reopened(found: int, own_descriptors: int | None = None) -> int | None:
    """A descriptor to read what ``found``, which can do nothing but name it, names; ``None`` if no regular file.

    :param own_descriptors: ``/proc/self/fd`` as a descriptor, where a path does not lead there any more.
    """
    if not stat.S_ISREG(os.fstat(found).st_mode):
        return None
    name = f"/proc/self/fd/{found}" if own_descriptors is None else str(found)
    return os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, dir_fd=own_descriptors)


def read_regular(descriptor: int | None) -> bytes | None:
    """The start of a regular file, by a descriptor that is closed."""
    if descriptor is None:
        return None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        return file.read(_LIMIT)


def fingerprint(content: bytes | None) -> str | None:
    """What names a version of a credential without telling it: 12 hexadecimal digits."""
    return None if content is None else hashlib.sha256(content).hexdigest()[:12]
