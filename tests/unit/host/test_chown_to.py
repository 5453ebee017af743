# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What root gives to a user lies beneath his home, is no link, and can hold nothing that he may not have."""

from __future__ import annotations

import os
import pathlib

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._base.changes import Changes
from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import HostError
from ansible_collections.agentops.credentials.plugins.module_utils._host.files import chown_to
from ansible_collections.agentops.credentials.plugins.module_utils._host.users import User

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
MAL, ALICE = 60003, 60004


@pytest.fixture
def user(tmp_path: pathlib.Path) -> User:
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, MAL, MAL)
    return User("mal", MAL, MAL, str(home))


def give(user: User, path: pathlib.Path | str) -> list[str]:
    predicted, changes = Changes(check_mode=True), Changes(check_mode=False)
    chown_to(predicted, user, str(path))
    chown_to(changes, user, str(path))
    assert predicted.changes == changes.changes
    return changes.changes


def test_an_empty_directory_that_the_engine_made_is_given(user: User) -> None:
    path = pathlib.Path(user.home, "made")
    path.mkdir()
    assert give(user, path) == [f"set the owner of {path} to mal"]
    assert path.stat().st_uid == MAL
    assert give(user, path) == []


def test_nothing_outside_the_home_is_given(user: User, tmp_path: pathlib.Path) -> None:
    """On 0.2.0 /usr/local/sbin, named in agents.json, became the user's (attacks.md, 1)."""
    outside = tmp_path / "sbin"
    outside.mkdir()
    for path in (outside, f"{user.home}/../sbin", "/usr/local/sbin"):
        with pytest.raises(HostError, match="lies outside of"):
            give(user, path)
    assert outside.stat().st_uid == 0


def test_the_home_itself_is_not_given(user: User) -> None:
    with pytest.raises(HostError, match="lies outside of"):
        give(User("alice", ALICE, ALICE, user.home), user.home)
    assert os.stat(user.home).st_uid == MAL


def test_what_is_the_users_already_may_lie_anywhere(user: User, tmp_path: pathlib.Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    os.chown(elsewhere, MAL, MAL)
    assert give(user, elsewhere) == give(user, tmp_path / "missing") == []


@pytest.mark.parametrize("level", ["leaf", "parent"])
def test_no_link_is_followed(user: User, tmp_path: pathlib.Path, level: str) -> None:
    (tmp_path / "victim" / "leaf").mkdir(parents=True)
    if level == "leaf":
        os.symlink(tmp_path / "victim" / "leaf", f"{user.home}/leaf")
        assert give(user, f"{user.home}/leaf") == []
    else:
        os.symlink(tmp_path / "victim", f"{user.home}/parent")
        assert give(user, f"{user.home}/parent/leaf") == []
    assert (tmp_path / "victim" / "leaf").stat().st_uid == 0


def test_a_hard_link_is_refused(user: User, tmp_path: pathlib.Path) -> None:
    secret = tmp_path / "secret"
    secret.touch(0o600)
    os.chown(secret, MAL, MAL)
    os.link(secret, f"{user.home}/login")
    with pytest.raises(HostError, match="second name"):
        give(User("writer", ALICE, ALICE, user.home), f"{user.home}/login")
    assert secret.stat().st_uid == MAL


@pytest.mark.parametrize("owner", [0, ALICE])
def test_another_users_file_that_was_moved_there_is_refused(user: User, owner: int) -> None:
    """Who may write a directory may move each file in it, root's secret too, to the name that root gives back."""
    moved = pathlib.Path(user.home, "login")
    moved.touch(0o600)
    os.chown(moved, owner, owner)
    with pytest.raises(HostError, match=f"belongs to uid {owner}"):
        give(user, moved)
    assert moved.stat().st_uid == owner


@pytest.mark.parametrize("owner", [0, ALICE])
def test_a_directory_with_anothers_files_in_it_is_refused(user: User, owner: int) -> None:
    moved = pathlib.Path(user.home, "dir")
    moved.mkdir(0o700)
    (moved / "diary").touch(0o644)
    os.chown(moved / "diary", owner, owner)
    with pytest.raises(HostError, match="is not mal's"):
        give(user, moved)
    assert moved.stat().st_uid == 0
    os.chown(moved / "diary", MAL, MAL)
    assert give(user, moved) == [f"set the owner of {moved} to mal"]


def test_a_third_users_directory_is_refused(user: User) -> None:
    path = pathlib.Path(user.home, "dir")
    path.mkdir()
    os.chown(path, ALICE, ALICE)
    with pytest.raises(HostError, match=f"belongs to uid {ALICE}"):
        give(user, path)


def test_what_is_neither_file_nor_directory_is_left_alone(user: User) -> None:
    os.mkfifo(f"{user.home}/fifo")
    assert give(user, f"{user.home}/fifo") == give(user, f"{user.home}/missing/too") == []
    assert os.lstat(f"{user.home}/fifo").st_uid == 0


def test_a_file_that_was_made_for_the_home_can_be_given_on(user: User) -> None:
    path = pathlib.Path(user.home, "initial")
    path.touch()
    os.chown(path, MAL, MAL)
    assert give(User("uid 60004", ALICE, ALICE, user.home), path) == [f"set the owner of {path} to uid 60004"]
