"""Two runs on one engine exclude each other, and nobody who may not use the engine can stop them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import shutil
import socket
import stat
import time
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from typing import ClassVar

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import EngineError
from ansible_collections.agentops.credentials.plugins.module_utils._host import lock as _lock

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file of somebody else's")
ENGINE = "7TLX:AAAA"
USER, OTHER = 64990, 64991


class Host:
    """A host in a directory: root's lock directory, the users' runtime directories and homes, and an engine's socket."""

    def __init__(self, top: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.top, self.roots, self.runtime = top, top / "roots", top / "runtime"
        self.socket = top / "docker.sock"
        top.chmod(0o755)
        self.runtime.mkdir()
        self.runtime.chmod(0o755)
        monkeypatch.setattr(_lock, "_ROOTS", str(self.roots))
        monkeypatch.setattr(_lock, "_RUNTIME", str(self.runtime))
        monkeypatch.setattr(_lock, "_DOCKER_SOCKET", str(top / "missing"))
        monkeypatch.setattr(_lock, "_home", lambda uid: str(self.home(uid)))
        monkeypatch.setattr(_lock, "_users", lambda access: [USER, OTHER] if access.mode & 0o060 else [])

    def home(self, uid: int) -> pathlib.Path:
        return self.top / f"home-{uid}"

    def add_user(self, uid: int, *, has_runtime: bool) -> None:
        for path in (self.home(uid), *([self.runtime / str(uid)] if has_runtime else [])):
            path.mkdir(mode=0o700)
            os.chown(path, uid, uid)

    def listen(self, mode: int, gid: int = 0, uid: int = 0) -> None:
        _socket(str(self.socket))
        os.chown(self.socket, uid, gid)
        self.socket.chmod(mode)

    @property
    def directory(self) -> str:
        """Where this process has its lock."""
        return str(self.roots) if os.geteuid() == 0 else _lock.own_directory(os.geteuid())

    @property
    def file(self) -> pathlib.Path:
        (file,) = pathlib.Path(self.directory).iterdir()
        return file


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    # Not pytest's own directory: its parents are closed to other users.
    top = pathlib.Path(f"/tmp/test-lock-{os.getpid()}")
    top.mkdir(mode=0o755)
    try:
        yield Host(top, monkeypatch)
    finally:
        shutil.rmtree(top)


def exclusive(
    timeout: float = 0, engine: str = ENGINE, at: Host | None = None
) -> contextlib.AbstractContextManager[None]:
    return _lock.exclusive(timeout, engine, str(at.socket) if at else None)


def test_a_second_run_waits_and_then_says_so(host: Host) -> None:
    with exclusive(), pytest.raises(EngineError, match="another run changes"), exclusive(0.05):
        pass
    with exclusive():
        pass


def test_two_engines_do_not_wait_for_each_other(host: Host) -> None:
    with exclusive(), exclusive(engine="../../etc/passwd"):
        assert len(os.listdir(host.directory)) == 2
        with pytest.raises(EngineError), exclusive():
            pass


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_nobody_else_can_open_or_replace_the_lock(host: Host, umask: int) -> None:
    before = os.umask(umask)
    try:
        with exclusive():
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE(host.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(os.stat(host.directory).st_mode) == (0o755 if os.geteuid() == 0 else 0o700)


@as_root
@pytest.mark.parametrize(
    ("listens", "expected"),
    [
        ({"mode": 0o660, "gid": USER}, (0, USER, 0o660)),
        ({"mode": 0o600, "gid": USER}, (0, 0, 0o600)),
        ({"mode": 0o640, "gid": USER}, (0, 0, 0o600)),  # who may only read a socket cannot connect
        ({"mode": 0o660, "gid": USER, "uid": USER}, (USER, USER, 0o660)),  # a rootless engine
        ({"mode": 0o600, "gid": OTHER, "uid": USER}, (USER, 0, 0o600)),
        ({"mode": 0o666}, (0, 0, 0o666)),
    ],
)
def test_who_may_open_the_socket_may_open_the_lock_and_nobody_else(
    host: Host, listens: dict[str, int], expected: tuple[int, int, int]
) -> None:
    host.listen(**listens)
    for _again in range(2):
        with exclusive(at=host):
            status = host.file.stat()
            assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == expected


@as_root
def test_an_engine_of_a_users_cannot_pass_for_roots(host: Host) -> None:
    """An engine says itself what its id is, and the lock's group is that of its socket."""
    host.listen(0o660, gid=USER, uid=USER)
    with exclusive(at=host), exclusive():
        assert len(os.listdir(host.roots)) == 2


def test_a_user_locks_in_his_runtime_directory_or_else_in_his_cache(host: Host) -> None:
    uid = os.geteuid()
    cache = f"{host.home(uid)}/.cache/agentops-credentials"
    assert _lock.own_directory(uid) == cache
    runtime = host.runtime / str(uid)
    runtime.mkdir(mode=0o700)
    assert _lock.own_directory(uid) == f"{runtime}/agentops-credentials"
    runtime.chmod(0o777)  # somebody else could make it
    assert _lock.own_directory(uid) == cache


def _socket(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(path)


def _hard_link(path: str) -> None:
    pathlib.Path(f"{path}.other").touch()
    os.link(f"{path}.other", path)


FORMS: dict[str, Callable[[str], None]] = {
    "FIFO": os.mkfifo,
    "link": lambda path: os.symlink("/etc/passwd", path),
    "dangling link": lambda path: os.symlink(f"{path}.target", path),
    "directory": os.mkdir,
    "socket": _socket,
    "hard link": _hard_link,
}


@pytest.mark.parametrize("form", FORMS)
def test_what_is_no_lock_file_is_refused_at_once(host: Host, form: str) -> None:
    """On 0.2.0 a FIFO that any user made in /run/lock held each run for ever (attacks.md, 8)."""
    with exclusive():
        pass
    file = host.file
    file.unlink()
    FORMS[form](str(file))
    with pytest.raises(EngineError, match=r"remove it"), exclusive():
        pass
    assert not os.path.exists(f"{file}.target")


@as_root
@pytest.mark.parametrize("which", ["directory", "file"])
def test_a_lock_of_somebody_elses_is_refused(host: Host, which: str) -> None:
    with exclusive():
        pass
    os.chown(host.directory if which == "directory" else host.file, 65534, 65534)
    with pytest.raises(EngineError, match=r"belongs to uid 65534.*remove it"), exclusive():
        pass


@pytest.mark.parametrize("mode", [0o1777, 0o775, 0o757])
def test_a_directory_that_others_can_write_is_refused(host: Host, mode: int) -> None:
    os.makedirs(host.directory)
    os.chmod(host.directory, mode)
    with pytest.raises(EngineError, match="others can write"), exclusive():
        pass


def test_a_link_in_the_place_of_the_directory_is_refused(host: Host) -> None:
    (host.top / "elsewhere").mkdir()
    os.makedirs(os.path.dirname(host.directory), exist_ok=True)
    os.symlink(host.top / "elsewhere", host.directory)
    with pytest.raises(EngineError, match="remove it"), exclusive():
        pass


# root, and users who may use root's engine

FORK = get_context("fork")


class Run:
    """A run in a process of its own, as a user."""

    all: ClassVar[list[Run]] = []

    def __init__(self, host: Host, uid: int, timeout: float = 60) -> None:
        self.host, self.uid, self.timeout = host, uid, timeout
        self.ours, theirs = FORK.Pipe()
        self.process = FORK.Process(target=self._run, args=(theirs,), daemon=True)
        self.process.start()
        self.all.append(self)

    def _run(self, pipe: object) -> None:
        become(self.uid)
        try:
            with exclusive(self.timeout, at=self.host):
                pipe.send("has it")  # type: ignore[attr-defined]
                pipe.recv()  # type: ignore[attr-defined]
        except EngineError as error:
            pipe.send(str(error))  # type: ignore[attr-defined]

    def said(self, within: float = 30) -> str:
        """What it says in time, or nothing."""
        return str(self.ours.recv()) if self.ours.poll(within) else ""

    def end(self) -> None:
        self.ours.send("end")
        self.process.join(30)
        assert self.process.exitcode == 0


def become(uid: int) -> None:
    if uid:
        os.setgroups([GROUP] if uid in (USER, OTHER) else [])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)


GROUP, STRANGER = 64999, 64992


@pytest.fixture
def shared(host: Host) -> Iterator[Host]:
    """A host on which two users are in the group of root's engine; one of them has no runtime directory."""
    host.add_user(USER, has_runtime=True)
    host.add_user(OTHER, has_runtime=False)
    host.add_user(STRANGER, has_runtime=False)
    host.listen(0o660, gid=GROUP)
    yield host
    while Run.all:
        process = Run.all.pop().process
        process.kill()
        process.join()


PAIRS = [(0, USER), (0, OTHER), (USER, 0), (OTHER, 0), (USER, USER), (OTHER, OTHER), (0, 0)]


@as_root
@pytest.mark.parametrize("has_root_run", [False, True])
@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_root_and_a_user_of_the_same_engine_exclude_each_other(
    shared: Host, first: int, second: int, has_root_run: bool
) -> None:
    if has_root_run:
        Run(shared, 0).end()
    one = Run(shared, first)
    assert one.said() == "has it"
    other = Run(shared, second)
    assert other.said(0.3) == ""
    one.end()
    assert other.said() == "has it"
    other.end()


@as_root
def test_two_users_exclude_each_other_once_root_has_run(shared: Host) -> None:
    Run(shared, 0).end()
    one = Run(shared, USER)
    assert one.said() == "has it"
    other = Run(shared, OTHER)
    assert other.said(0.3) == ""
    one.end()
    assert other.said() == "has it"
    other.end()


@as_root
def test_a_user_who_found_no_lock_of_roots_looks_again_when_he_has_his_own(
    shared: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root comes in the middle: when it looks for the user's lock, that is not there yet."""
    ours, theirs = FORK.Pipe()
    opened = _lock._open

    def open_later(*arguments: object) -> int:
        if os.geteuid() == USER:
            theirs.send("found none")
            theirs.recv()
        return opened(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(_lock, "_open", open_later)
    user = Run(shared, USER)
    assert ours.poll(30)
    root = Run(shared, 0)
    assert root.said() == "has it"
    ours.send("go on")
    assert user.said(0.3) == ""
    root.end()
    assert user.said() == "has it"
    user.end()


@as_root
@pytest.mark.parametrize(("first", "second"), [(USER, 0), (0, USER)])
def test_who_waits_too_long_is_told_which_file_is_held(shared: Host, first: int, second: int) -> None:
    one = Run(shared, first)
    assert one.said() == "has it"
    said = Run(shared, second, timeout=0.3).said()
    assert "another run changes agent containers on this host (it holds /" in said
    assert f"{shared.runtime}/{USER}/" in said or f"{shared.roots}/" in said
    one.end()


@as_root
def test_a_user_who_may_not_use_the_engine_can_hold_nothing(shared: Host) -> None:
    Run(shared, 0).end()
    stranger = Run(shared, STRANGER)
    assert "run as root, or as a user who may" in stranger.said()
    file = shared.file
    with pytest.raises(PermissionError):
        _as(STRANGER, lambda: os.open(file, os.O_RDONLY))
    root = Run(shared, 0)
    assert root.said() == "has it"
    root.end()


def _as(uid: int, work: Callable[[], object]) -> None:
    os.setegid(uid)
    os.seteuid(uid)
    try:
        work()
    finally:
        os.seteuid(0)
        os.setegid(0)


def _link_to_a_fifo(path: str) -> None:
    os.mkfifo(f"{path}.fifo")
    os.symlink(f"{path}.fifo", path)


OBSTACLES: dict[str, Callable[[str], None]] = {
    **FORMS,
    "a link to a FIFO": _link_to_a_fifo,
    "a link to a terminal": lambda path: os.symlink("/dev/tty", path),
    "a link to itself": lambda path: os.symlink(path, path),
    "a file of root's that is held": lambda path: pathlib.Path(path).touch(),
}


@as_root
@pytest.mark.parametrize("form", OBSTACLES)
def test_what_lies_in_the_place_of_a_users_lock_does_not_hold_root(shared: Host, form: str) -> None:
    Run(shared, 0).end()
    place = shared.home(OTHER) / ".cache/agentops-credentials"
    place.mkdir(parents=True)
    path = str(place / shared.file.name)
    OBSTACLES[form](path)
    held = os.open(path, os.O_RDONLY) if form == "a file of root's that is held" else None
    if held is not None:
        fcntl.flock(held, fcntl.LOCK_EX)
    started = time.monotonic()
    root = Run(shared, 0)
    assert root.said() == "has it"
    assert time.monotonic() - started < 2
    root.end()
    if held is not None:
        os.close(held)


def _many(host: Host, uid: int, rounds: int, counters: str) -> None:
    """Take the lock again and again, and find nobody in the room whom it keeps out."""
    become(uid)
    mine = os.open(f"{counters}/{uid}", os.O_RDWR)
    theirs = [os.open(f"{counters}/{other}", os.O_RDWR) for other in ((USER, OTHER) if uid == 0 else (0,))]
    for _round in range(rounds):
        with exclusive(60, at=host):
            fcntl.flock(mine, fcntl.LOCK_EX | fcntl.LOCK_NB)  # another run of this user is in the room: BlockingIOError
            for other in theirs:
                fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
                fcntl.flock(other, fcntl.LOCK_UN)
            time.sleep(0.002)
            fcntl.flock(mine, fcntl.LOCK_UN)


@as_root
def test_many_runs_of_root_and_users_never_meet_and_never_wait_for_each_other_for_ever(
    shared: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They start at once, root's lock file not there yet, so the moment in which it appears is among what is tried."""
    monkeypatch.setattr(_lock, "_STEP_SECONDS", 0.003)
    counters = shared.top / "counters"
    counters.mkdir()
    counters.chmod(0o755)
    for uid in (0, USER, OTHER):
        (counters / str(uid)).touch()
        (counters / str(uid)).chmod(0o666)
    for _trial in range(10):
        for file in shared.roots.glob("*") if shared.roots.exists() else ():
            file.unlink()
        arguments = [(shared, uid, 5, str(counters)) for uid in (0, 0, USER, USER, OTHER)]
        processes = [FORK.Process(target=_many, args=one, daemon=True) for one in arguments]
        for process in processes:
            process.start()
        for process in processes:
            process.join(90)
        assert [process.exitcode for process in processes] == [0] * 5
