# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who reads in a container, by the kernel: its processes in the host's numbers, and whether one can open a file.

Whether it can is tried, by a child with the process's root, ids and capabilities: modes, access control lists and every
directory on the way count as they do for the process.
"""

from __future__ import annotations

import ctypes
import errno
import os
import posixpath
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Collection, Mapping

from .openat2 import O_PATH
from .reading import reopened

MAY_READ_ALL = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
_TRY_SECONDS = 10.0
_PR_SET_KEEPCAPS = 8
_ENVIRONMENT_LIMIT = 1 << 20
_NOBODY = 65534


@dataclass(frozen=True)
class Process:
    """A process, in the numbers of this host."""

    pid: int
    uid: int
    gid: int
    groups: tuple[int, ...]
    capabilities: int
    """Effective ones, as a bit mask; 0 where they mean nothing on this host."""
    command: str
    """The name of its program, as far as it says it."""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Those variables of its environment that were asked for."""
    bounding: int = 0
    """The capabilities that what is started beside it as root can have, likewise."""


@dataclass(frozen=True)
class Processes:
    """The processes of a container: those in the mount namespace of its main one."""

    main: Process
    all: tuple[Process, ...]

    @property
    def root(self) -> int:
        """The container's root."""
        return host_id(self.main.pid, "uid_map", 0)

    def running(self, commands: Collection[str]) -> tuple[Process, ...]:
        """Those that run one of the commands."""
        return tuple(process for process in self.all if process.command in commands)

    def beside(self, uid: int, gid: int, variables: Mapping[str, str]) -> Process:
        """What is started in the container as another user, by the container's numbers."""
        main = self.main
        uid, gid = host_id(main.pid, "uid_map", uid), host_id(main.pid, "gid_map", gid)
        started = replace(main, command="", variables=variables)
        if uid == main.uid:
            return started
        capabilities = main.bounding if uid == self.root else 0
        return replace(started, uid=uid, gid=gid, groups=(gid,), capabilities=capabilities)


class ProcessTable:
    """The processes of this host by their mount namespaces, listed once for all containers that ran then."""

    def __init__(self) -> None:
        self._pids: dict[str, list[int]] = {}

    def of(self, main: int, names: Collection[str]) -> Processes | None:
        """The processes of a container; ``None`` if they may not be looked at.

        :param main: the number of its main one.
        :param names: the variables of their environments to look at.
        """
        first, namespace = process_of(main, names), _mount_namespace(main)
        if first is None or namespace is None:
            return None
        if namespace not in self._pids:
            self._pids = _listed()
        found = (process_of(pid, names) for pid in self._pids.get(namespace, ()))
        return Processes(first, tuple(filter(None, found)))


def _listed() -> dict[str, list[int]]:
    pids: dict[str, list[int]] = {}
    for name in os.listdir("/proc"):
        namespace = _mount_namespace(int(name)) if name.isdecimal() else None
        if namespace is not None:
            pids.setdefault(namespace, []).append(int(name))
    return pids


def _mount_namespace(pid: int) -> str | None:
    try:
        return os.readlink(f"/proc/{pid}/ns/mnt")
    except OSError:
        return None


def host_id(pid: int, name: str, inside: int) -> int:
    """What an id of a process's user namespace is on this host, by ``uid_map`` or ``gid_map``; see user_namespaces(7).

    One that is not mapped is nobody's.
    """
    ranges = _id_map(pid, name)
    return next((outside + inside - first for first, outside, count in ranges if 0 <= inside - first < count), _NOBODY)


def _inside_id(pid: int, name: str, outside: int) -> int:
    """The other way round."""
    ranges = _id_map(pid, name)
    return next((inside + outside - first for inside, first, count in ranges if 0 <= outside - first < count), _NOBODY)


def _id_map(pid: int, name: str) -> list[tuple[int, int, int]]:
    """Ranges of ids: the first in the namespace, the first on this host, and how many. None if they may not be read."""
    ranges: list[tuple[int, int, int]] = []
    with suppress(OSError, ValueError), open(f"/proc/{pid}/{name}", encoding="utf-8") as file:
        for line in file:
            inside, outside, count = map(int, line.split())
            ranges.append((inside, outside, count))
    return ranges


def seen_from_inside(process: Process) -> Process:
    """A process in the numbers of its own user namespace. Groups that are not mapped there are left out."""
    groups = (_inside_id(process.pid, "gid_map", group) for group in process.groups)
    return replace(
        process,
        uid=_inside_id(process.pid, "uid_map", process.uid),
        gid=_inside_id(process.pid, "gid_map", process.gid),
        groups=tuple(group for group in groups if group != _NOBODY),
    )


def process_of(pid: int, names: Collection[str] = ()) -> Process | None:
    """A process; ``None`` if it has ended or may not be looked at."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            fields = dict(line.rstrip("\n").partition(":\t")[::2] for line in file)
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read(4096).decode("utf-8", "replace").split("\0")
        # Those in a user's own namespace hold over what is his; root looks for those that hold on this host.
        is_own = os.readlink(f"/proc/{pid}/ns/user") == os.readlink("/proc/self/ns/user") or os.geteuid() != 0
        ids = [int(fields[key].split()[3]) for key in ("Uid", "Gid")]  # that for the file system
        groups = tuple(int(word) for word in fields["Groups"].split())
        capabilities, bounding = (int(fields[key], 16) if is_own else 0 for key in ("CapEff", "CapBnd"))
    except (OSError, KeyError, ValueError, IndexError):
        return None
    return Process(pid, ids[0], ids[1], groups, capabilities, _command(words), _variables(pid, names), bounding)


def _variables(pid: int, names: Collection[str]) -> dict[str, str]:
    """Variables with which its program was started. What it has set since is its own."""
    if not names:
        return {}
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            entries = file.read(_ENVIRONMENT_LIMIT).decode("utf-8", "replace").split("\0")
    except OSError:
        return {}
    found = (entry.partition("=")[::2] for entry in entries)
    return {name: value for name, value in found if name in names}


def _command(words: list[str]) -> str:
    """The program that a command line runs: the script, where an interpreter runs one."""
    names = [posixpath.basename(word) for word in words if word and not word.startswith("-")]
    interpreters = ("node", "python3", "sh", "bash", "dash", "bun", "busybox")
    name = next((name for name in names if name not in interpreters), names[0] if names else "")
    return name[: -len(".js")] if name.endswith(".js") else name


def obstacle(process: Process, path: str) -> str | None:
    """Why a process cannot open a file for reading, by its own path for it; ``None`` if it can.

    As root. The child has the process's rights and no other before it looks at a path of the container's.
    """
    child = os.fork()
    if child == 0:
        status = 255
        try:
            own_descriptors = os.open("/proc/self/fd", O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            _become(process)
            found = os.open(path, O_PATH | os.O_CLOEXEC)
            status = errno.EINVAL if reopened(found, own_descriptors) is None else 0
        except OSError as error:
            status = min(error.errno or 255, 255)
        finally:
            os._exit(status)
    ended = _ended(child)
    return None if ended == 0 else os.strerror(ended) if ended and ended < 255 else "it cannot be tried"


def _become(process: Process) -> None:
    root = os.open(f"/proc/{process.pid}/root", O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    os.fchdir(root)
    os.chroot(".")
    os.setgroups(process.groups)
    os.setresgid(process.gid, process.gid, process.gid)
    library = ctypes.CDLL(None, use_errno=True)
    library.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setresuid(process.uid, process.uid, process.uid)
    low, high = process.capabilities & 0xFFFFFFFF, process.capabilities >> 32
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    if library.capset(header, (ctypes.c_uint32 * 6)(low, low, 0, high, high, 0)):
        raise OSError(ctypes.get_errno(), "capset")


def _ended(child: int) -> int | None:
    """The exit status of a child; ``None`` if it was killed, for a file system did not answer."""
    end = time.monotonic() + _TRY_SECONDS
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
        if time.monotonic() > end:
            os.kill(child, 9)  # what the kernel holds ends with this process
            return None
        time.sleep(0.002)
