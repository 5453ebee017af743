# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a process in a container really sees.

Only ``/proc/PID/root`` shows the truth: the archive API and ``--volumes-from`` mount the sources
again and so show fresh content for a stale container. Paths below it are resolved by openat2(2) with
``RESOLVE_IN_ROOT``: a plain open would follow an absolute symbolic link of the container into the host.
"""

from __future__ import annotations

import contextlib
import functools
import os
import posixpath
import stat
from dataclasses import dataclass
from typing import Iterable

from .mountinfo import Mount, mounts_of
from .node import MISSING_NODE, UNKNOWN_NODE, Node, have_same_content, node_of
from .openat2 import IN_ROOT, NO_SYMLINKS, O_PATH, UnsupportedError, mount_id, openat2
from .reading import fingerprint, read_regular, reopened

_KERNELS = frozenset(
    "autofs bdev binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts devtmpfs efivarfs fusectl mqueue nfsd nsfs proc"
    " pstore rpc_pipefs securityfs selinuxfs smackfs sysfs tracefs".split()
)
"""File systems whose files are the kernel's."""


@dataclass(frozen=True)
class FileView:
    """What the process sees at a path."""

    kind: str
    """``directory``, ``file``, ``link``, ``other`` or ``missing``."""
    identity: tuple[int, int] | None = None
    """``(st_dev, st_ino)``; ``None`` if nothing is there."""
    read_only: bool = False
    fingerprint: str | None = None
    """The first 12 hexadecimal digits of the content's SHA-256, for regular files."""
    link_target: str | None = None
    uid: int | None = None
    """Whose it is, for directories and files."""


MISSING = FileView("missing")


class NotProven(Exception):
    """``/proc`` does not show what the process sees; ``str()`` says why."""


class ContainerRoot:
    """The root directory of a running container, as its process sees it. A context manager.

    :raises NotProven: the process is not visible from here, is not the container's, or may not be read.
    """

    def __init__(self, pid: int, container_id: str) -> None:
        self._pid = pid
        if pid == 0:
            raise NotProven("it has no process at this moment")
        try:
            with open(f"/proc/{pid}/cgroup", encoding="utf-8") as file:
                if container_id not in file.read():
                    raise NotProven(f"process {pid} on this host is not the container's (a remote engine?)")
            self._descriptor = os.open(f"/proc/{pid}/root", O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise NotProven(f"process {pid} is not visible on this host (a remote engine?)") from None
        except OSError as error:
            raise NotProven(f"/proc/{pid}/root cannot be read ({os.strerror(error.errno or 0)}); use become") from None

    def __enter__(self) -> ContainerRoot:
        return self

    def __exit__(self, *unused: object) -> None:
        os.close(self._descriptor)

    def _open(self, path: str, flags: int, resolve: int = 0) -> int:
        try:
            return openat2(self._descriptor, path, flags, IN_ROOT | resolve)
        except UnsupportedError as reason:
            raise NotProven(str(reason)) from None

    def mounts(self) -> tuple[Mount, ...]:
        """Its mounts, with the paths that it has for them; none if they may not be read."""
        return mounts_of(str(self._pid))

    def stat(self, path: str) -> FileView:
        """What is at ``path``, symbolic links followed inside the container's root."""
        try:
            descriptor = self._open(path, O_PATH)
        except OSError:
            return MISSING
        try:
            status = os.fstat(descriptor)
            read_only = bool(os.fstatvfs(descriptor).f_flag & os.ST_RDONLY)
            identity = (status.st_dev, status.st_ino)
            if stat.S_ISDIR(status.st_mode):
                return FileView("directory", identity, read_only, uid=status.st_uid)
            if not stat.S_ISREG(status.st_mode):
                return FileView("other", identity, read_only)
            return FileView("file", identity, read_only, fingerprint(self._content(descriptor)), uid=status.st_uid)
        finally:
            os.close(descriptor)

    def lstat(self, path: str) -> FileView:
        """What the last component of ``path`` itself is: a ``link`` with its target, or as :meth:`stat`."""
        directory, name = os.path.split(path)
        try:
            descriptor = self._open(directory, O_PATH | os.O_DIRECTORY)
        except OSError:
            return MISSING
        try:
            return FileView("link", link_target=os.readlink(name, dir_fd=descriptor))
        except OSError:
            return self.stat(path)
        finally:
            os.close(descriptor)

    def node(self, path: str) -> Node:
        """What stands at ``path``, symbolic links followed inside the container's root."""
        try:
            descriptor = self._open(path, O_PATH)
        except (FileNotFoundError, NotADirectoryError):
            return MISSING_NODE
        except OSError:
            return UNKNOWN_NODE
        try:
            return node_of(os.fstat(descriptor))
        finally:
            os.close(descriptor)

    def has_content_of(self, path: str, host_path: str) -> bool:
        """Whether the regular file at ``path`` has the content of one of the host."""
        with contextlib.ExitStack() as stack:
            descriptors = []
            for look in (functools.partial(self._open, path), functools.partial(os.open, host_path)):
                try:
                    found = look(O_PATH | os.O_CLOEXEC)
                    stack.callback(os.close, found)
                    descriptor = None if self._is_of_the_kernel(found) else reopened(found)
                except OSError:
                    return False
                if descriptor is None:
                    return False
                stack.callback(os.close, descriptor)
                descriptors.append(descriptor)
            return have_same_content(*descriptors)

    def holder(self, path: str, targets: Iterable[str]) -> str | None:
        """On which of the mounts at ``targets`` the nearest existing parent of ``path`` really lies.

        ``/`` stands for the container's own file system; ``None`` is another mount.
        """
        parent = posixpath.dirname(path)
        while parent not in ("", "/") and self.stat(parent) is MISSING:
            parent = posixpath.dirname(parent)
        real = self._mount_id(parent or "/")
        return next((target for target in ("/", *targets) if self._mount_id(target) == real), None)

    def _mount_id(self, path: str) -> int | None:
        try:
            descriptor = self._open(path, O_PATH)
        except OSError:
            return None
        try:
            return mount_id(descriptor)
        finally:
            os.close(descriptor)

    def read(self, path: str, is_mounted: bool = False) -> bytes | None:
        """The start of the regular file at ``path``; ``None`` if there is none.

        It is read from the container's own file system only: a link of the container could lead into its ``/proc``,
        which would be read with this process's rights. ``is_mounted`` says that a mount is known to be there.
        """
        try:
            found = self._open(path, O_PATH, NO_SYMLINKS if is_mounted else 0)
        except OSError:
            return None
        try:
            is_elsewhere = not is_mounted and mount_id(found) != mount_id(self._descriptor)
            return None if is_elsewhere else self._content(found)
        finally:
            os.close(found)

    def _content(self, found: int) -> bytes | None:
        """The start of a regular file, whatever link has led to it."""
        try:
            return None if self._is_of_the_kernel(found) else read_regular(reopened(found))
        except OSError:
            return None

    def _is_of_the_kernel(self, found: int) -> bool:
        """Whether a file is made up by the kernel as it is read, by the rights of who reads it, or taken away so."""
        number = mount_id(found)
        return any(mount.id == number and mount.kind in _KERNELS for mount in self.mounts())
