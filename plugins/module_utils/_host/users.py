# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The users of a host, and how root does their work with nothing but their rights."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import platform
import pwd
import select
import signal
import time
from dataclasses import dataclass
from typing import Any, Callable, Collection, Iterator

from .._base.changes import Changes
from .._base.errors import AgentMountsError, HostError, unexpected
from .._base.printable import printable
from .bounded import LOOK_SECONDS, NoAnswerError, within

_REAP_SECONDS = 2.0
_ANSWER_BYTES = 64 << 20
"""How much is taken of a child: in what it tells are the names of files, and the user can make any number of them."""
_SECONDS = 300.0
"""How long the work of one user may take. Each call of systemctl in it ends within 120 seconds."""


@dataclass(frozen=True)
class User:
    name: str
    uid: int
    gid: int
    home: str


def find_user(name: str | None) -> User:
    """Find a user by name, or the one who runs this process.

    :raises HostError: there is no such user on the host.
    """
    try:
        entry = pwd.getpwnam(name) if name else pwd.getpwuid(os.geteuid())
    except (KeyError, ValueError):
        who = f"user {printable(name)}" if name else f"user with the uid {os.geteuid()}"
        raise HostError(f"creds_mirror_user: this host has no {who}; create it, or name another.") from None
    return User(entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir.rstrip("/"))


def owner_of(home: str) -> User:
    """Find the user whose home directory a path is, by its owner.

    :raises HostError: there is none.
    """
    entry: pwd.struct_passwd | None
    try:
        entry = pwd.getpwuid(within(LOOK_SECONDS, os.stat, home).st_uid)
    except PermissionError:  # root may not look at a FUSE home
        entry = next((one for one in pwd.getpwall() if one.pw_dir.rstrip("/") == home.rstrip("/")), None)
    except (OSError, KeyError):
        entry = None
    if entry is None:
        raise HostError(f"home: {home} is no user's home directory; set home to one.")
    return User(entry.pw_name, entry.pw_uid, entry.pw_gid, home.rstrip("/"))


FIRST_PERSON = 1000
_SUBUID = "/etc/subuid"
_REMAP = "dockremap"  # whose subordinate ids Docker's userns-remap gives to containers


def whose_id(uid: int, user: User | None = None) -> str | None:
    """To whom else of this host a uid belongs: a person, or another user's subordinate ids; ``None`` if to nobody."""
    own = (_REMAP, user.name) if user else (_REMAP,)
    with contextlib.suppress(KeyError):
        name = pwd.getpwuid(uid).pw_name
        if uid >= FIRST_PERSON and name != "nobody" and (user is None or uid != user.uid):
            return name
    with contextlib.suppress(OSError), open(_SUBUID, encoding="utf-8", errors="replace") as file:
        for line in file:
            name, start, count = (*line.strip().split(":"), "", "", "")[:3]
            is_range = all(number.isascii() and number.isdigit() for number in (start, count))
            if is_range and name not in own and int(start) <= uid < int(start) + int(count):
                return f"the subordinate ids of {name}"
    return None


_ENGINE_SOCKETS = ("/run/docker.sock", "/run/podman/podman.sock")


def may_use_engine(user: User) -> bool | None:
    """Whether the user is root or may open the socket of each engine of root's; ``None`` where there is no engine."""
    may: bool | None = None
    for path in _ENGINE_SOCKETS:
        with contextlib.suppress(OSError):
            status = os.stat(path)
            groups = os.getgrouplist(user.name, user.gid)
            by_mode = (
                status.st_mode & 0o002
                or (status.st_mode & 0o020 and status.st_gid in groups)
                or (status.st_mode & 0o200 and status.st_uid == user.uid)
            )
            may = may is not False and (user.uid == 0 or bool(by_mode))
    return may


def as_user(
    user: User,
    work: Callable[[Changes], Any],
    changes: Changes,
    seconds: float | None = None,
    signals: Collection[int] = (),
) -> Any:
    """Do ``work`` with the rights of ``user``: in this process if it has them, else in a child that drops root's.

    Returns what ``work`` returns, which must be plain data.

    :param seconds: how long it may take; a look takes :data:`LOOK_SECONDS`.
    :param signals: those that are passed on to the child, which goes back by itself.
    :raises HostError: as ``work`` does, and where this process may not act for the user.
    """
    if os.geteuid() == user.uid:
        return work(changes)
    if os.geteuid() != 0:
        raise HostError(
            f"creds_mirror_user: {pwd.getpwuid(os.geteuid()).pw_name} may not act for {user.name};"
            f" connect as {user.name}, or set become."
        )
    seconds = seconds or _SECONDS
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        own = Changes(
            changes.check_mode, made=set(changes.made), chowned=set(changes.chowned), moved=set(changes.moved)
        )
        with os.fdopen(writing, "w") as pipe:
            json.dump(_work_in_child(user, work, own), pipe)
            pipe.flush()
            os._exit(0)
    os.close(writing)
    answer: bytes | None = None
    try:
        with os.fdopen(reading, "rb", buffering=0) as pipe, _passed_on(signals, child):
            answer = _answer(pipe.fileno(), seconds)
    finally:
        if answer is None:
            os.kill(child, signal.SIGKILL)
        _reap(child)
    if not answer:
        how = f"did not end within {seconds:.0f} seconds" if answer is None else "ended without an answer"
        raise HostError(
            f"what is done as {user.name} {how}; look at the user's processes and at the file system of"
            f" {user.home or 'his home'}, and run again."
        )
    result = json.loads(answer)
    changes.add(result)
    if "error" in result:
        raise HostError(result["error"])
    return result["value"]


@contextlib.contextmanager
def _passed_on(signals: Collection[int], child: int) -> Iterator[None]:
    before = {number: signal.signal(number, lambda number, _frame: os.kill(child, number)) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def look_as(user: User, work: Callable[[], Any]) -> Any:
    """What ``work`` finds with the rights of ``user``, which is plain data; it ends within seconds.

    :raises HostError: the file system does not answer, or the user may not look.
    """
    if os.geteuid() == user.uid:
        try:
            return within(LOOK_SECONDS, work)
        except NoAnswerError as error:
            raise HostError(f"{user.home or '/'}: {error}; look at the file system, and run again.") from None
    return as_user(user, lambda _own: work(), Changes(check_mode=True), LOOK_SECONDS)


def _reap(child: int) -> None:
    """A process that hangs in a file system which does not answer cannot even be killed: it is left."""
    end = time.monotonic() + _REAP_SECONDS
    while os.waitpid(child, os.WNOHANG)[0] == 0 and time.monotonic() < end:
        time.sleep(0.001)


def _answer(descriptor: int, seconds: float) -> bytes | None:
    """Read to the end, but not for ever: the user may stop a process that has his rights. ``None`` if time is up."""
    end, answer = time.monotonic() + seconds, bytearray()
    while select.select([descriptor], [], [], max(0.0, end - time.monotonic()))[0]:
        piece = os.read(descriptor, 1 << 16)
        if not piece:
            return bytes(answer)
        answer += piece
        if len(answer) > _ANSWER_BYTES:
            raise HostError("what a user's files are called takes more room than a run has; look at them.")
    return None


def _work_in_child(user: User, work: Callable[[Changes], Any], changes: Changes) -> dict[str, Any]:
    result: dict[str, Any] = {}
    try:
        _leave_roots_session(user)
        os.initgroups(user.name, user.gid)
        os.setgid(user.gid)
        os.setuid(user.uid)
        os.chdir("/")
        result["value"] = work(changes)
    except AgentMountsError as error:
        result["error"] = str(error)
    except OSError as error:
        result["error"] = fault_of(error)
    except Exception as error:  # the parent has nothing but this answer
        result["error"] = unexpected(error)
    return {**result, **changes.as_dict()}


_KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "TZ")


def _leave_roots_session(user: User) -> None:
    """What the child starts is the user's: he can replace it, or trace it.

    By root's terminal he could type into it (``TIOCSTI``), root's environment would be shown him
    (``/proc/PID/environ``), and he would possess the keys of root's session.
    """
    os.setsid()
    _leave_roots_keyring()
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    os.environ.clear()
    os.environ.update(kept, HOME=user.home or "/", USER=user.name, LOGNAME=user.name)


_KEYCTL = {"x86_64": 250, "aarch64": 219, "riscv64": 219, "ppc64le": 271, "s390x": 280, "armv7l": 311, "i686": 288}
"""The number of keyctl(2), for which the C library has no function."""
_JOIN_SESSION_KEYRING = 1


def _leave_roots_keyring() -> None:
    """As ``pam_keyinit`` does at a login; a kernel without keyrings, or in a container, has nothing to leave."""
    number = _KEYCTL.get(platform.machine())
    if number is not None:
        ctypes.CDLL(None).syscall(ctypes.c_long(number), ctypes.c_long(_JOIN_SESSION_KEYRING), None)


def fault_of(error: OSError) -> str:
    """One sentence for a system call that failed."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or type(error).__name__}; fix that and run again."
