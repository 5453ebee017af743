"""A user's engine is his program: what is done for it is done with his rights, also where root asks for it."""

from __future__ import annotations

import os
import pathlib
import pwd
import signal
import socket as socketlib
import types
from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils import _agents_module
from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import ConfigError, HostError, RunEnded
from ansible_collections.agentops.credentials.plugins.module_utils._engine.owner import Owner

NOBODY = pwd.getpwnam("nobody")

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root takes a user's rights")


@pytest.mark.parametrize(
    ("roots", "own", "is_own"), [(True, True, False), (False, True, True), (False, False, False), (True, False, False)]
)
def test_a_users_engine_is_found_where_roots_is_not_there(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, roots: bool, own: bool, is_own: bool
) -> None:
    os.chown(tmp_path, NOBODY.pw_uid, NOBODY.pw_gid)
    socket, users = tmp_path / "docker.sock", tmp_path / f"user/{NOBODY.pw_uid}/docker.sock"
    users.parent.mkdir(parents=True)
    monkeypatch.setattr(_agents_module, "ROOTS_SOCKET", str(socket))
    monkeypatch.setattr(_agents_module, "RUNTIME", str(tmp_path / "user"))
    if own:
        users.touch()
    with socketlib.socket(socketlib.AF_UNIX) as listening:
        listening.bind(str(socket))
        if roots:
            listening.listen()
        assert _agents_module.usual_engine(str(tmp_path)) == f"unix://{users if is_own else socket}"


@pytest.fixture
def module(tmp_path: pathlib.Path) -> Any:
    os.chown(tmp_path, NOBODY.pw_uid, NOBODY.pw_gid)
    params = {"docker_host": "unix:///run/user/65534/docker.sock", "home": str(tmp_path)}
    return types.SimpleNamespace(params=params, check_mode=False)


def listens(monkeypatch: pytest.MonkeyPatch, owner: Owner | None) -> None:
    monkeypatch.setattr(_agents_module, "owner_of_socket", lambda path: owner)


def who() -> dict[str, Any]:
    return {"uid": os.getuid(), "groups": os.getgroups(), "home": os.environ["HOME"]}


@pytest.mark.parametrize("owner", [None, Owner(1, 0)])
def test_what_is_roots_engine_is_asked_as_root(
    module: Any, monkeypatch: pytest.MonkeyPatch, owner: Owner | None
) -> None:
    listens(monkeypatch, owner)
    assert _agents_module.with_rights_of_engine(module, who)["uid"] == 0


def test_a_users_engine_is_asked_as_that_user(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    listens(monkeypatch, Owner(1, NOBODY.pw_uid))
    done = _agents_module.with_rights_of_engine(module, who)
    assert done == {"uid": NOBODY.pw_uid, "groups": [NOBODY.pw_gid], "home": module.params["home"]}
    assert os.getuid() == 0


def test_what_is_imported_late_is_imported_as_root(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ansible's archive of the module lies in a directory of root's: scenario rootless ended with Permission denied."""
    listens(monkeypatch, Owner(1, NOBODY.pw_uid))
    seen: list[int] = []
    done = _agents_module.with_rights_of_engine(
        module, lambda: {"loaded by": seen, **who()}, load=lambda: seen.append(os.getuid())
    )
    assert (done["loaded by"], done["uid"]) == ([0], NOBODY.pw_uid)


def test_an_engine_of_another_user_than_whose_login_it_is_is_refused(
    module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    listens(monkeypatch, Owner(1, 12345))
    with pytest.raises(ConfigError, match="is a program of uid 12345, and the login is that of nobody"):
        _agents_module.with_rights_of_engine(module, who)


def test_a_signal_ends_the_run_that_goes_on_in_a_child(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    listens(monkeypatch, Owner(1, NOBODY.pw_uid))

    def end(number: int, frame: object) -> None:
        raise RunEnded(f"the run was ended by signal {number}")

    def work() -> dict[str, Any]:
        signal.signal(signal.SIGTERM, end)
        os.write(writing, b"x")
        signal.pause()
        return {}

    before = signal.getsignal(signal.SIGTERM)
    reading, writing = os.pipe()
    main = os.getpid()
    sender = os.fork()
    if sender == 0:
        os.read(reading, 1)
        os.kill(main, signal.SIGTERM)
        os._exit(0)
    with pytest.raises(HostError, match="the run was ended by signal 15"):
        _agents_module.with_rights_of_engine(module, work, (signal.SIGTERM,))
    os.waitpid(sender, 0)
    assert signal.getsignal(signal.SIGTERM) is before
