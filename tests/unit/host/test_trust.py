"""Which file of the host is believed as the agents' configuration."""

from __future__ import annotations

import os
import pathlib
import struct
from collections.abc import Callable

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import ConfigError
from ansible_collections.agentops.credentials.plugins.module_utils._host import trust
from ansible_collections.agentops.credentials.plugins.module_utils._host.trust import (
    is_roots,
    read_configuration,
    redirectable,
)
from ansible_collections.agentops.credentials.plugins.module_utils._host.users import User

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="whom a file belongs to is root's to set")
NOBODY = User("nobody", 65534, 65534, "/nonexistent")


@pytest.fixture
def home(tmp_path: pathlib.Path) -> pathlib.Path:
    """A home of nobody's, below directories that everybody may pass."""
    for parent in (tmp_path, *tmp_path.parents):
        if parent != pathlib.Path("/") and parent.stat().st_uid == 0 and parent != pathlib.Path("/tmp"):
            parent.chmod(parent.stat().st_mode | 0o011)
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    os.chown(home, NOBODY.uid, NOBODY.gid)
    return home


def written(path: pathlib.Path, uid: int = NOBODY.uid, gid: int = NOBODY.gid, mode: int = 0o600) -> pathlib.Path:
    path.write_text("{}")
    os.chown(path, uid, gid)
    path.chmod(mode)
    return path


def test_the_users_own_file_is_read(home: pathlib.Path) -> None:
    assert read_configuration(str(written(home / "agents.json")), NOBODY) == "{}"


def acl_for(path: pathlib.Path, uid: int) -> None:
    """Let a uid write, by an access control list."""
    entries = [(1, 6, 0xFFFFFFFF), (2, 6, uid), (4, 0, 0xFFFFFFFF), (0x10, 6, 0xFFFFFFFF), (0x20, 0, 0xFFFFFFFF)]
    encoded = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    os.setxattr(path, "system.posix_acl_access", encoded)


def linked_to_root(home: pathlib.Path) -> None:
    secret = written(home.parent / "root-only.json", 0, 0, 0o600)
    (home / "agents.json").symlink_to(secret)


def test_a_link_of_the_users_is_not_followed_as_root_to_where_only_root_may_read(home: pathlib.Path) -> None:
    """The scenario attacks won root's file by it: its own parents were all root's."""
    (home / "agents.json").symlink_to("/etc/shadow")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_configuration(str(home / "agents.json"), NOBODY)


@pytest.mark.parametrize(
    ("arrange", "fault"),
    [
        (lambda home: None, "does not exist on the managed host"),
        (lambda home: os.mkfifo(home / "agents.json"), "is no regular file|cannot be read"),
        (lambda home: (home / "agents.json").symlink_to("/dev/zero"), "is no regular file"),
        (linked_to_root, "cannot be read"),
        (lambda home: os.mkdir(home / "agents.json", 0o755), "is no regular file"),
        (lambda home: (home / "agents.json").symlink_to("/proc/self/mem"), "cannot be read"),
        (lambda home: written(home / "agents.json", gid=100, mode=0o660), "can be written by gid 100"),
        (lambda home: written(home / "agents.json", uid=0, mode=0o600), "cannot be read"),
        (lambda home: written(home / "agents.json", uid=1, mode=0o644), "belongs to uid 1"),
        (lambda home: written(home / "agents.json", mode=0o666), "can be written by everybody"),
        (lambda home: written(home / "agents.json", gid=1, mode=0o660), "can be written by gid 1"),
        (lambda home: acl_for(written(home / "agents.json"), 7), "can be written by uid 7"),
        (lambda home: (written(home / "agents.json"), home.chmod(0o777)), "can be replaced by everybody"),
        (lambda home: os.truncate(written(home / "agents.json"), 5 << 20), "is larger than 4 MiB"),
        (lambda home: written(home / "agents.json").write_bytes(b"\xff\xfe"), "not UTF-8 text"),
    ],
)  # fmt: skip
def test_a_file_that_others_can_write_or_that_never_ends_is_not_read(
    home: pathlib.Path, arrange: Callable[[pathlib.Path], object], fault: str
) -> None:
    arrange(home)
    with pytest.raises(ConfigError, match=fault):
        read_configuration(str(home / "agents.json"), NOBODY)


def test_whose_every_parent_is_roots() -> None:
    assert is_roots("/etc")
    assert not is_roots("/tmp")
    assert not is_roots("/nonexistent")


@pytest.mark.parametrize(
    ("may_use_engine", "place", "is_redirectable"),
    [
        (False, "home", True),
        (False, "root's", False),
        (True, "home", False),  # root already
        (None, "home", False),  # no engine of root's
    ],
)
def test_a_mount_can_be_redirected_by_who_owns_a_directory_above_it(
    home: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    may_use_engine: bool | None,
    place: str,
    is_redirectable: bool,
) -> None:
    monkeypatch.setattr(trust, "may_use_engine", lambda _user: may_use_engine)
    path = str(home / "hooks" / "claude-credentials") if place == "home" else "/var/lib/agentops-of-a-test/claude"
    if place != "home":
        monkeypatch.setattr(trust, "is_roots", lambda one: one == "/var/lib/agentops-of-a-test")
    assert redirectable([path], NOBODY) == (path if is_redirectable else None)
