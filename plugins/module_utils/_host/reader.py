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
from dataclasses import dataclass
from typing import Collection, Iterator

from .openat2 import O_PATH
from .reading import reopened

_MAY_READ_ALL = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
_TRY_SECONDS = 10.0


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


def processes(main: int, commands: Collection[str]) -> tuple[Process, ...]:
    """Those processes of a container that run one of the commands; if there is none, the main one."""
    found = [process for process in _processes(main) if process.command in commands]
    return tuple(found or filter(None, [process_of(main)]))


def _processes(main: int) -> Iterator[Process]:
    """All processes in the mount namespace of ``main``."""
    try:
        namespace = os.readlink(f"/proc/{main}/ns/mnt")
    except OSError:
        return
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with suppress(OSError):
                if os.readlink(f"/proc/{name}/ns/mnt") == namespace:
                    process = process_of(int(name))
                    if process:
                        yield process


_NOBODY = 65534


def host_id(pid: int, name: str, inside: int) -> int:
    """What an id of a process's user namespace is on this host, by ``uid_map`` or ``gid_map``; see user_namespaces(7).

    One that is not mapped is nobody's.
    """
    with suppress(OSError, ValueError), open(f"/proc/{pid}/{name}", encoding="utf-8") as file:
        for line in file:
            first, outside, count = map(int, line.split())
            if first <= inside < first + count:
                return outside + inside - first
    return _NOBODY


def process_of(pid: int) -> Process | None:
    """A process; ``None`` if it has ended or may not be looked at."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            fields = dict(line.rstrip("\n").partition(":\t")[::2] for line in file)
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read(4096).decode("utf-8", "replace").split("\0")
        is_here = os.readlink(f"/proc/{pid}/ns/user") == os.readlink("/proc/self/ns/user")
        ids = [int(fields[key].split()[3]) for key in ("Uid", "Gid")]  # that for the file system
        groups = tuple(int(word) for word in fields["Groups"].split())
        capabilities = int(fields["CapEff"], 16) if is_here else 0
    except (OSError, KeyError, ValueError, IndexError):
        return None
    return Process(pid, ids[0], ids[1], groups, capabilities, _command(words))


def _command(words: list[str]) -> str:
    """The program that a command line runs: the script, where an interpreter runs one."""
    names = [posixpath.basename(word) for word in words if word and not word.startswith("-")]
    interpreters = ("node", "python3", "sh", "bash", "dash", "bun", "busybox")
    name = next((name for name in names if name not in interpreters), names[0] if names else "")
    return name[: -len(".js")] if name.endswith(".js") else name


def obstacle(process: Process, path: str) -> str | None:
    """Why a process cannot open a file for reading, by its own path for it; ``None`` if it can.

    As root. The child has lost every right of root before it looks at a path of the container's.
    """
    if process.capabilities & _MAY_READ_ALL:
        return None
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


def obstacle_of(pid: int, path: str) -> str | None:
    """The same of a process by its number, whose ids are looked up where this process is now: in a user namespace they
    are others than on the host."""
    process = process_of(pid)
    return obstacle(process, path) if process else "it has ended"


def _become(process: Process) -> None:
    root = os.open(f"/proc/{process.pid}/root", O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    os.fchdir(root)
    os.chroot(".")
    os.setgroups(process.groups)
    os.setresgid(process.gid, process.gid, process.gid)
    os.setresuid(process.uid, process.uid, process.uid)
    _drop_capabilities()


def _drop_capabilities() -> None:
    """As uid 0 they are not lost by the change of ids."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    if ctypes.CDLL(None, use_errno=True).capset(header, (ctypes.c_uint32 * 6)()):
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
