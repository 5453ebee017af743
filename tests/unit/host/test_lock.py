"""Two runs on one host exclude each other, and nobody who may not use the engine can stop them."""

from __future__ import annotations

import os
import pathlib
import socket
import stat
from collections.abc import Callable

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import EngineError
from ansible_collections.agentops.credentials.plugins.module_utils._host import lock as _lock

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file of somebody else's")


@pytest.fixture
def there(tmp_path: pathlib.Path) -> str:
    return str(tmp_path / "agentops-credentials")


def test_a_second_run_waits_and_then_says_so(there: str) -> None:
    first, second = _lock.exclusive(0, there), _lock.exclusive(0.05, there)
    with first, pytest.raises(EngineError, match="another run changes"), second:
        pass
    with _lock.exclusive(0, there):
        pass


def test_two_engines_do_not_wait_for_each_other(there: str) -> None:
    with _lock.exclusive(0, there, key="7TLX:AAAA"), _lock.exclusive(0, there, key="../../etc/passwd"):
        assert len(os.listdir(there)) == 2
        with pytest.raises(EngineError), _lock.exclusive(0, there, key="7TLX:AAAA"):
            pass


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_nobody_else_can_open_or_replace_the_lock(there: str, umask: int) -> None:
    before = os.umask(umask)
    try:
        with _lock.exclusive(0, there):
            pass
    finally:
        os.umask(before)
    (file,) = pathlib.Path(there).iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(os.stat(there).st_mode) == (0o755 if os.geteuid() == 0 else 0o700)


def test_root_locks_where_only_root_can_write() -> None:
    assert _lock.lock_directory(0) == "/run/agentops-credentials"


def test_a_user_locks_in_his_runtime_directory_or_else_in_his_cache(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = os.geteuid()
    monkeypatch.setattr(_lock, "_home", lambda _uid: str(tmp_path / "home"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    tmp_path.chmod(0o700)
    assert _lock.lock_directory(uid or 0, is_root=False) == f"{tmp_path}/agentops-credentials"
    cache = f"{tmp_path}/home/.cache/agentops-credentials"
    tmp_path.chmod(0o777)  # somebody else could make it
    assert _lock.lock_directory(uid, is_root=False) == cache
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "missing"))
    assert _lock.lock_directory(uid, is_root=False) == cache
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert _lock.lock_directory(uid, is_root=False) == cache


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
def test_what_is_no_lock_file_is_refused_at_once(there: str, form: str) -> None:
    """On 0.2.0 a FIFO that any user made in /run/lock held each run for ever (attacks.md, 8)."""
    with _lock.exclusive(0, there):
        pass
    (file,) = pathlib.Path(there).iterdir()
    file.unlink()
    FORMS[form](str(file))
    with pytest.raises(EngineError, match=r"remove it"), _lock.exclusive(0, there):
        pass
    assert not os.path.exists(f"{file}.target")


@as_root
@pytest.mark.parametrize("which", ["directory", "file"])
def test_a_lock_of_somebody_elses_is_refused(there: str, which: str) -> None:
    with _lock.exclusive(0, there):
        pass
    path = there if which == "directory" else f"{there}/{os.listdir(there)[0]}"
    os.chown(path, 65534, 65534)
    with pytest.raises(EngineError, match=r"belongs to uid 65534.*remove it"), _lock.exclusive(0, there):
        pass


@pytest.mark.parametrize("mode", [0o1777, 0o775, 0o757])
def test_a_directory_that_others_can_write_is_refused(there: str, mode: int) -> None:
    os.mkdir(there)
    os.chmod(there, mode)
    with pytest.raises(EngineError, match="others can write"), _lock.exclusive(0, there):
        pass


def test_a_link_in_the_place_of_the_directory_is_refused(there: str, tmp_path: pathlib.Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    os.symlink(tmp_path / "elsewhere", there)
    with pytest.raises(EngineError, match="remove it"), _lock.exclusive(0, there):
        pass
