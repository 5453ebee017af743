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
import datetime
import functools
import os
import posixpath
import re
import stat
from dataclasses import dataclass, replace
from typing import Any, Callable, Iterable, TypeVar

from .._base.namespace import in_user_namespace
from .bounded import LOOK_SECONDS
from .mountinfo import Mount, mounts_of
from .node import MISSING_NODE, UNKNOWN_NODE, Node, have_same_content, node_of
from .openat2 import IN_ROOT, NO_SYMLINKS, O_PATH, UnsupportedError, mount_id, openat2
from .reader import host_id
from .reading import fingerprint, read_regular, reopened

_KERNELS = frozenset(
    "autofs bdev binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts devtmpfs efivarfs fusectl mqueue nfsd nsfs proc"
    " pstore rpc_pipefs securityfs selinuxfs smackfs sysfs tracefs".split()
)
"""File systems whose files are the kernel's."""

_Value = TypeVar("_Value")


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

    :param started_at: when the engine says that its process was started.
    :raises NotProven: the process is not visible from here, is not the container's, or may not be read.
    """

    def __init__(self, pid: int, container_id: str, started_at: str | None = None) -> None:
        self._pid = pid
        if pid == 0:
            raise NotProven("it has no process at this moment")
        try:
            if not _is_in_cgroup(pid, container_id) and not _was_started(pid, started_at):
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


class NamespacedRoot(ContainerRoot):
    """The same of a rootless engine's container: what its user may not open, the root of its user namespace may."""

    def __init__(self, pid: int, container_id: str, started_at: str | None) -> None:
        super().__init__(pid, container_id, started_at)
        self._seen = ContainerRoot.__new__(ContainerRoot)
        self._seen._pid, self._seen._descriptor = self._pid, self._descriptor

    def _within(self, work: Callable[..., _Value], *arguments: Any) -> _Value:
        try:
            return in_user_namespace(self._pid, LOOK_SECONDS, work, *arguments)
        except OSError as error:
            raise NotProven(f"the container's user namespace: {error}") from None

    def stat(self, path: str) -> FileView:
        return self._on_host(self._within(self._seen.stat, path))

    def lstat(self, path: str) -> FileView:
        return self._on_host(self._within(self._seen.lstat, path))

    def _on_host(self, view: FileView) -> FileView:
        """A view whose uid is the host's."""
        return view if view.uid is None else replace(view, uid=host_id(self._pid, "uid_map", view.uid))

    def node(self, path: str) -> Node:
        return self._within(self._seen.node, path)

    def has_content_of(self, path: str, host_path: str) -> bool:
        return self._within(self._seen.has_content_of, path, host_path)

    def holder(self, path: str, targets: Iterable[str]) -> str | None:
        return self._within(self._seen.holder, path, tuple(targets))

    def read(self, path: str, is_mounted: bool = False) -> bytes | None:
        return self._within(self._seen.read, path, is_mounted)


def _is_in_cgroup(pid: int, container_id: str) -> bool:
    with open(f"/proc/{pid}/cgroup", encoding="utf-8") as file:
        return container_id in file.read()


_EARLY_SECONDS, _LATE_SECONDS = 60.0, 2.0
"""How long before and after the time that the engine tells of a start its process can have been made."""


def _was_started(pid: int, at: str | None) -> bool:
    """Whether a process in another mount namespace was made when a container was started.

    It shows what a container's process is where the engine makes no cgroups: the driver ``none`` of a rootless one,
    ``--cgroups=disabled`` of podman.
    """
    if at is None or os.readlink(f"/proc/{pid}/ns/mnt") == os.readlink("/proc/self/ns/mnt"):
        return False
    told = re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$", at)
    if told is None:
        return False
    zone = "+0000" if told[3] == "Z" else told[3].replace(":", "")
    second = datetime.datetime.strptime(told[1] + zone, "%Y-%m-%dT%H:%M:%S%z").timestamp()
    made = second + float(told[2] or 0) - _made_at(pid)
    return -_LATE_SECONDS <= made <= _EARLY_SECONDS


def _made_at(pid: int) -> float:
    """When a process was made, in seconds since 1970: proc_pid_stat(5), field 22, counts from the boot."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        ticks = int(file.read().rpartition(")")[2].split()[19])
    with open("/proc/stat", encoding="utf-8") as file:
        boot = next(int(line.split()[1]) for line in file if line.startswith("btime "))
    return boot + ticks / os.sysconf("SC_CLK_TCK")
