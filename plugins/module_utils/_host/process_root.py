# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a process in a container really sees.

Only ``/proc/PID/root`` tells the truth: the archive API and ``--volumes-from`` mount the sources
anew and so show fresh content for a stale container. Paths below it are resolved by openat2(2) with
``RESOLVE_IN_ROOT``: a plain open would follow an absolute symbolic link of the container into the host.
"""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import stat
from dataclasses import dataclass
from typing import Any

from .reading import fingerprint, read_regular

_SYS_OPENAT2 = 437  # the same number on every architecture (Linux 5.6)
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_IN_ROOT = 0x10
_O_PATH = 0o10000000


class _OpenHow(ctypes.Structure):
    _fields_ = [("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64)]


@dataclass(frozen=True)
class FileView:
    """What the process sees at a path. ``identity`` is ``(st_dev, st_ino)``, ``None`` if nothing is there.

    ``fingerprint`` is the first 12 hexadecimal digits of the content's SHA-256, for regular files.
    """

    kind: str
    identity: tuple[int, int] | None = None
    read_only: bool = False
    fingerprint: str | None = None
    link_target: str | None = None


MISSING = FileView("missing")


class NotProven(Exception):
    """``/proc`` does not tell what the process sees; ``str()`` says why."""


@functools.lru_cache(maxsize=None)
def _syscall() -> Any:
    return ctypes.CDLL(None, use_errno=True).syscall


class ContainerRoot:
    """The root directory of a running container, as its process sees it. A context manager.

    :raises NotProven: the process is not visible from here, is not the container's, or may not be read.
    """

    def __init__(self, pid: int, container_id: str) -> None:
        try:
            with open(f"/proc/{pid}/cgroup", encoding="utf-8") as file:
                if container_id not in file.read():
                    raise NotProven(f"process {pid} on this host is not the container's (a remote engine?)")
            self._descriptor = os.open(f"/proc/{pid}/root", _O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise NotProven(f"process {pid} is not visible on this host (a remote engine?)") from None
        except OSError as error:
            raise NotProven(f"/proc/{pid}/root cannot be read ({os.strerror(error.errno or 0)}); use become") from None
        self._syscall = _syscall()

    def __enter__(self) -> ContainerRoot:
        return self

    def __exit__(self, *unused: object) -> None:
        os.close(self._descriptor)

    def _open(self, path: str, flags: int) -> int:
        how = _OpenHow(flags | os.O_CLOEXEC, 0, _RESOLVE_IN_ROOT | _RESOLVE_NO_MAGICLINKS)
        descriptor: int = self._syscall(
            ctypes.c_long(_SYS_OPENAT2),
            ctypes.c_int(self._descriptor),
            ctypes.c_char_p(os.fsencode(path)),
            ctypes.byref(how),
            ctypes.c_size_t(ctypes.sizeof(how)),
        )
        if descriptor < 0:
            error = ctypes.get_errno()
            if error in (38, 22):  # ENOSYS, EINVAL
                raise NotProven(f"the kernel {platform.release()} does not support openat2 (Linux 5.6 or newer does)")
            raise OSError(error, os.strerror(error), path)
        return descriptor

    def stat(self, path: str) -> FileView:
        """What is at ``path``, symbolic links followed inside the container's root."""
        try:
            descriptor = self._open(path, _O_PATH)
        except OSError:
            return MISSING
        try:
            status = os.fstat(descriptor)
            read_only = bool(os.fstatvfs(descriptor).f_flag & os.ST_RDONLY)
            identity = (status.st_dev, status.st_ino)
            if stat.S_ISDIR(status.st_mode):
                return FileView("directory", identity, read_only)
            if not stat.S_ISREG(status.st_mode):
                return FileView("other", identity, read_only)
        finally:
            os.close(descriptor)
        return FileView("file", identity, read_only, fingerprint(self.read(path)))

    def lstat(self, path: str) -> FileView:
        """What the last component of ``path`` itself is: a ``link`` with its target, or as :meth:`stat`."""
        directory, name = os.path.split(path)
        try:
            descriptor = self._open(directory, _O_PATH | os.O_DIRECTORY)
        except OSError:
            return MISSING
        try:
            return FileView("link", link_target=os.readlink(name, dir_fd=descriptor))
        except OSError:
            return self.stat(path)
        finally:
            os.close(descriptor)

    def read(self, path: str) -> bytes | None:
        """The first MiB of the regular file at ``path``; ``None`` if there is none."""
        try:
            descriptor = self._open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        except OSError:
            return None
        return read_regular(descriptor)
