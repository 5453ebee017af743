# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work inside the user namespace of a process: with all rights over its ids, and none over any other of the host.

A rootless engine gives its containers the subordinate ids of its user. That user alone may not look into their closed
directories, nor set their owners; as root of the engine's user namespace he may do both.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pickle  # nosec: what is read comes from a child with this process's own rights
import select
import signal
import time
from typing import Any, Callable, TypeVar

_Value = TypeVar("_Value")

_NEW_USER = 0x10000000  # CLONE_NEWUSER


def user_namespace(pid: int | str) -> str | None:
    """What identifies the user namespace of a process; ``None`` if it may not be known."""
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/{pid}/ns/user")
    return None


def in_user_namespace(pid: int, seconds: float, work: Callable[..., _Value], *arguments: Any) -> _Value:
    """The value of ``work``, done by a child as root of the user namespace of ``pid``; it and its faults are plain.

    :raises OSError: the namespace may not be entered, or the child gave no answer in time.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reading)
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(_answer(pid, work, arguments))
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    try:
        content = _read(reading, time.monotonic() + seconds)
        if content is None:
            os.kill(child, signal.SIGKILL)
    finally:
        os.close(reading)
        os.waitpid(child, 0)
    if not content:
        raise OSError(
            f"what is done in the user namespace of process {pid} gave no answer within {seconds:.0f} seconds"
        )
    fault, value = pickle.loads(content)  # noqa: S301 (see above)
    if fault is not None:
        raise fault
    return value  # type: ignore[no-any-return]


def _answer(pid: int, work: Callable[..., Any], arguments: tuple[Any, ...]) -> bytes:
    try:
        _enter(pid)
        return pickle.dumps((None, work(*arguments)))
    except Exception as error:
        return pickle.dumps((error, None))


def _enter(pid: int) -> None:
    descriptor = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(descriptor, _NEW_USER):
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error), f"/proc/{pid}/ns/user")
    finally:
        os.close(descriptor)
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)


def _read(descriptor: int, end: float) -> bytes | None:
    """All that comes; ``None`` if time is up."""
    content = b""
    while select.select([descriptor], [], [], max(0.0, end - time.monotonic()))[0]:
        piece = os.read(descriptor, 1 << 16)
        if not piece:
            return content
        content += piece
    return None
