"""What is made on a real file system before a container mounts it."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import stat

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._agents.host_needs import HostNeeds
from ansible_collections.agentops.credentials.plugins.module_utils._agents.passwd import (
    Passwd,
)
from ansible_collections.agentops.credentials.plugins.module_utils._agents.provide import prepare
from ansible_collections.agentops.credentials.plugins.module_utils._base.changes import Changes
from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import (
    HostError,
)


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
