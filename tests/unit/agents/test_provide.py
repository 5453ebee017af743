"""What is made on a real file system before a container mounts it."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import pwd
import stat
import tempfile
from collections.abc import Iterator

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._agents.host_needs import FormerPlace, HostNeeds
from ansible_collections.agentops.credentials.plugins.module_utils._agents.passwd import (
    Passwd,
)
from ansible_collections.agentops.credentials.plugins.module_utils._agents.provide import prepare, retire
from ansible_collections.agentops.credentials.plugins.module_utils._base.changes import Changes
from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import (
    HostError,
)
from ansible_collections.agentops.credentials.plugins.module_utils._catalog import mirror_paths
from ansible_collections.agentops.credentials.plugins.module_utils._host import files, moving


def mode(path: pathlib.Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def preparation(home: pathlib.Path, uid: int | None = None, passwd: Passwd | None = None) -> HostNeeds:
    directory = str(home / ".local/share/agentops/agent-auth/opencode/.local/share/opencode")
    return HostNeeds("boss", directory, uid, uid, None, {"settings.json": "{}\n"}, passwd)


def test_a_shared_directory_is_made_private_and_seeded_once(tmp_path: pathlib.Path) -> None:
    wanted = preparation(tmp_path)
    predicted, done, again = (Changes(check) for check in (True, False, False))
    prepare(wanted, str(tmp_path), predicted)
    assert list(tmp_path.iterdir()) == []
    prepare(wanted, str(tmp_path), done)
    directory = pathlib.Path(wanted.directory or "")
    assert predicted.changes == done.changes
    assert [mode(path) for path in (directory, directory.parent, directory / "settings.json")] == [0o700, 0o700, 0o600]
    (directory / "settings.json").write_text("the client's own")
    prepare(wanted, str(tmp_path), again)
    assert again.changes == []
    assert (directory / "settings.json").read_text() == "the client's own"


def test_its_mode_is_repaired(tmp_path: pathlib.Path) -> None:
    wanted = preparation(tmp_path)
    prepare(wanted, str(tmp_path), Changes(False))
    directory = pathlib.Path(wanted.directory or "")
    directory.chmod(0o755)
    changes = Changes(False)
    prepare(wanted, str(tmp_path), changes)
    assert changes.changes == [f"set the mode of {directory} to 0700"]
    assert mode(directory) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_it_belongs_to_the_uid_that_the_container_runs_as(tmp_path: pathlib.Path) -> None:
    wanted = preparation(tmp_path, uid=12345)
    prepare(wanted, str(tmp_path), Changes(False))
    directory = pathlib.Path(wanted.directory or "")
    assert {path.stat().st_uid for path in (directory, directory / "settings.json")} == {12345}
    again = Changes(False)
    prepare(wanted, str(tmp_path), again)
    assert again.changes == []
    with pytest.raises(HostError, match=r"boss: the container runs as uid 777, but .* belongs? to uid 12345"):
        prepare(preparation(tmp_path, uid=777), str(tmp_path), Changes(False))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_root_gives_away_only_what_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    """A link in the moment between the making and the look had root chown a directory of its own to the container's uid:
    it was known again by its inode, but not asked whose it is."""
    nobody = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory() as top:
        os.chmod(top, 0o755)  # noqa: S103
        home, treasure = pathlib.Path(top, "home"), pathlib.Path(top, "treasure")
        home.mkdir()
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
        wanted = preparation(home, uid=12345)
        directory = pathlib.Path(wanted.directory or "")
        (treasure / directory.name).mkdir(parents=True)

        def swap(_own: Changes, _path: str, _text: str, _mode: int) -> None:
            """As the user: what he has just made, and what is his seed file, is root's by a link."""
            directory.parent.rename(home / "mine")
            directory.parent.symlink_to(treasure)

        monkeypatch.setattr(files, "ensure_file", swap)
        (treasure / directory.name / "settings.json").touch()
        with pytest.raises(HostError, match="was replaced while it was made"):
            prepare(wanted, str(home), Changes(False))
        assert {
            os.stat(path).st_uid for path in (treasure / directory.name, *(treasure / directory.name).iterdir())
        } == {0}


def test_a_file_in_its_place_is_told(tmp_path: pathlib.Path) -> None:
    (tmp_path / ".local").write_text("")
    with pytest.raises(HostError, match=r"boss: .*\.local"):
        prepare(preparation(tmp_path), str(tmp_path), Changes(False))


def test_a_passwd_file_is_written_once(tmp_path: pathlib.Path) -> None:
    path = tmp_path / ".local/share/agentops/passwd/abc"
    wanted = HostNeeds("boss", None, None, None, None, {}, Passwd(str(path), "root:x:0:0\n"))
    changes, again = Changes(False), Changes(False)
    prepare(wanted, str(tmp_path), changes)
    inode = path.stat().st_ino
    prepare(wanted, str(tmp_path), again)
    assert (path.read_text(), mode(path), path.stat().st_ino) == ("root:x:0:0\n", 0o644, inode)
    assert changes.changes != [] == again.changes


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_what_a_containers_passwd_claims_decides_nothing_but_is_not_overlooked(tmp_path: pathlib.Path) -> None:
    """The directory would be the host user's, and the agent could not write it: refused, with what to set."""
    claims = dataclasses.replace(preparation(tmp_path), claimed_uid=12345)
    with pytest.raises(
        HostError, match=r'uid 12345 by its own /etc/passwd.* set container\.user: "12345" if it is right'
    ):
        prepare(claims, str(tmp_path), Changes(False))
    assert list(tmp_path.iterdir()) == []
    prepare(preparation(tmp_path, uid=12345), str(tmp_path), Changes(False))
    again = Changes(False)
    prepare(claims, str(tmp_path), again)  # it is that uid's already: nothing is to be decided
    assert again.changes == []


@pytest.mark.parametrize("uid", [None, 0])
def test_a_claim_of_root_or_none_leaves_the_directory_the_users(tmp_path: pathlib.Path, uid: int | None) -> None:
    wanted = dataclasses.replace(preparation(tmp_path), claimed_uid=uid)
    prepare(wanted, str(tmp_path), Changes(False))
    assert pathlib.Path(wanted.directory or "").stat().st_uid == tmp_path.stat().st_uid


# ---------------------------------------------------------------------------------------------------------------------
# The place of the shared directories

USER = 12345
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make the place")


@dataclasses.dataclass(frozen=True)
class Places:
    """A user's home, and a directory in each place."""

    home: str
    in_home: HostNeeds
    in_system: HostNeeds


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> Iterator[Places]:
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o755)  # noqa: S103
        monkeypatch.setattr(mirror_paths, "SYSTEM_PLACE", f"{path}/lib")
        home = f"{path}/home"
        os.mkdir(home, 0o700)
        os.chown(home, pwd.getpwnam("nobody").pw_uid, -1)
        kept, moved = f"{home}/agent-auth/codex/.codex", f"{path}/lib/nobody/agent-auth/codex/.codex"
        needs = [
            HostNeeds("boss", one, None, None, None, {"config.toml": "seed"}, None, other)
            for one, other in ((kept, moved), (moved, kept))
        ]
        yield Places(home, *needs)


def made(needs: HostNeeds, home: str) -> list[str]:
    """What is done, which check mode must have predicted; nothing is left to do."""
    predicted, done, again = (Changes(check) for check in (True, False, False))
    for changes in (predicted, done, again):
        prepare(needs, home, changes)
    assert (predicted.changes, again.changes) == (done.changes, [])
    return done.changes


@as_root
@pytest.mark.parametrize("uid", [None, USER])
def test_in_the_place_system_every_parent_is_roots_and_the_leaf_the_writers(places: Places, uid: int | None) -> None:
    needs = dataclasses.replace(places.in_system, uid=uid, gid=uid)
    before = os.umask(0o077)
    try:
        assert made(needs, places.home)[-1] == f"made the directory {needs.directory}"
    finally:
        os.umask(before)
    leaf = pathlib.Path(needs.directory or "")
    writer = uid or os.stat(places.home).st_uid
    assert {(path.stat().st_uid, mode(path)) for path in leaf.parents[:4]} == {(0, 0o755)}
    assert (leaf.stat().st_uid, mode(leaf)) == (writer, 0o700)
    assert [(path.name, path.stat().st_uid, mode(path)) for path in leaf.iterdir()] == [("config.toml", writer, 0o600)]


@as_root
@pytest.mark.parametrize("uid", [None, USER])
def test_a_shared_login_moves_with_its_place_and_back(places: Places, uid: int | None) -> None:
    """Moved and not copied: the container that still runs with it may renew the login, which spends a copy's."""
    first, second = (dataclasses.replace(one, uid=uid, gid=uid) for one in (places.in_home, places.in_system))
    made(first, places.home)
    login = pathlib.Path(first.directory or "", "auth.json")
    login.write_text("a login")
    inode = os.stat(first.directory or "").st_ino
    for now, before in ((second, first), (first, second)):
        assert made(now, places.home)[-1] == f"moved {before.directory} to {now.directory}"
        assert pathlib.Path(now.directory or "", "auth.json").read_text() == "a login"
        assert os.stat(now.directory or "").st_ino == inode == os.stat(before.directory or "").st_ino


@as_root
def test_a_shared_login_that_cannot_be_moved_is_refused_with_what_to_do(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(places.in_home, places.home)
    monkeypatch.setattr(moving, "_look", lambda _former, _directory: [True, 0])
    for check in (True, False):
        with pytest.raises(HostError, match=r"boss: .*holds the shared login and cannot be moved.*cp --archive"):
            prepare(places.in_system, places.home, Changes(check))
    assert not os.path.exists(places.in_system.directory or "")


@as_root
def test_what_a_move_has_left_is_removed_when_it_is_a_link_or_a_published_login(places: Places) -> None:
    old, new = places.in_home.directory or "", places.in_system.directory or ""
    made(places.in_home, places.home)
    made(places.in_system, places.home)
    former = FormerPlace("boss", old, new, None)
    for expected in (f"removed the link {old}",), ():
        changes = Changes(False)
        retire(former, places.home, changes)
        assert tuple(changes.changes) == expected
    for names, is_kept in ((["auth.json"], False), (["auth.json", "notes"], True)):
        os.mkdir(old)
        for name in names:
            pathlib.Path(old, name).touch()
        os.chown(old, os.stat(places.home).st_uid, -1)
        retire(former, places.home, Changes(False))
        assert os.path.isdir(old), "a shared login that was not moved is nobody's but the user's"
        retire(dataclasses.replace(former, file="auth.json"), places.home, Changes(False))
        assert os.path.isdir(old) == is_kept
