# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""openat2(2): paths resolved in a root or beneath a directory, so that no link leads out of it."""

from __future__ import annotations

import ctypes
import functools
import os
import platform
from typing import Any

_NUMBER = 437  # the same on every architecture (Linux 5.6)
NO_MAGICLINKS, NO_SYMLINKS, BENEATH, IN_ROOT = 0x02, 0x04, 0x08, 0x10
O_PATH = 0o10000000


class UnsupportedError(Exception):
    """The kernel has no openat2."""


class _OpenHow(ctypes.Structure):
    _fields_ = [("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64)]


@functools.lru_cache(maxsize=None)
def _syscall() -> Any:
    return ctypes.CDLL(None, use_errno=True).syscall


def openat2(directory: int, path: str, flags: int, resolve: int) -> int:
    """A descriptor.

    :raises OSError: as open does; ELOOP or EXDEV where ``resolve`` forbids the way.
    :raises UnsupportedError: the kernel does not know the call.
    """
    how = _OpenHow(flags | os.O_CLOEXEC, 0, resolve | NO_MAGICLINKS)
    descriptor: int = _syscall()(
        ctypes.c_long(_NUMBER),
        ctypes.c_int(directory),
        ctypes.c_char_p(os.fsencode(path)),
        ctypes.byref(how),
        ctypes.c_size_t(ctypes.sizeof(how)),
    )
    if descriptor < 0:
        error = ctypes.get_errno()
        if error in (38, 22):  # ENOSYS, EINVAL
            raise UnsupportedError(
                f"the kernel {platform.release()} does not support openat2 (Linux 5.6 or newer does)"
            )
        raise OSError(error, os.strerror(error), path)
    return descriptor


def open_beneath(root: str, path: str, flags: int) -> int:
    """A descriptor of ``path``, which is below ``root``; no component below ``root`` may be a link.

    :raises OSError: it is not there, not below ``root``, or a link is on the way.
    """
    top = os.open(root, O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return openat2(top, os.path.relpath(path, root), flags, BENEATH | NO_SYMLINKS)
    finally:
        os.close(top)


def mount_id(descriptor: int) -> int:
    """The id of the mount on which an open file lies."""
    with open(f"/proc/self/fdinfo/{descriptor}", encoding="ascii") as file:
        return next(int(line.split(":")[1]) for line in file if line.startswith("mnt_id:"))
