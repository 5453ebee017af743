# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a reader that is kept out of the login is advised."""

from __future__ import annotations

import pathlib
import pwd
from collections.abc import Iterator

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._agents.directory import reader_advice
from ansible_collections.agentops.credentials.plugins.module_utils._host import users
from ansible_collections.agentops.credentials.plugins.module_utils._host.filesystem import DirectoryFacts

CLOSED = DirectoryFacts("/x", "directory", mode=0o700, uid=1000, gid=1000)
NAMED = DirectoryFacts("/x", "directory", mode=0o700, uid=1000, gid=1000, acl_uids=(5,), acl_gids=(7, 6))


@pytest.mark.parametrize(
    ("facts", "uid", "whose", "advice"),
    [
        (CLOSED, 12345, None, "set creds_mirror_readers: {uids: [12345]} and run agentops.credentials.mirror"),
        (CLOSED, 0, None, "set creds_mirror_readers: {uids: [0]} and run agentops.credentials.mirror"),
        (NAMED, 4, None, "set creds_mirror_readers: {uids: [4, 5], gids: [6, 7]} and run agentops.credentials.mirror"),
        (CLOSED, 1001, "alice", "uid 1001 belongs to alice of the host, who could then read it too; run the container as another user"),
        (NAMED, 5, None, "a directory above it in the container, or a security module, keeps it out"),
        (CLOSED, 1000, "dev", "a directory above it in the container, or a security module, keeps it out"),
    ],
)  # fmt: skip
def test_the_line_that_lets_a_reader_in_lets_nobody_else_in(
    facts: DirectoryFacts, uid: int, whose: str | None, advice: str
) -> None:
    assert reader_advice(facts, uid, whose) == advice


@pytest.fixture
def subuid(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pathlib.Path]:
    path = tmp_path / "subuid"
    monkeypatch.setattr(users, "_SUBUID", str(path))
    yield path


def test_whose_an_id_is(subuid: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def entry(uid: int) -> pwd.struct_passwd:
        names = {0: "root", 33: "www-data", 1001: "alice", 65534: "nobody"}
        return pwd.struct_passwd((names[uid], "x", uid, uid, "", "/", ""))

    monkeypatch.setattr(pwd, "getpwuid", entry)
    subuid.write_text("alice:100000:65536\ndockremap:300000:65536\nbroken\n²:x:y\n")
    expected = {0: None, 33: None, 1001: "alice", 65534: None, 99999: None, 300001: None}
    assert {uid: users.whose_id(uid) for uid in expected} == expected
    assert users.whose_id(165535) == "the subordinate ids of alice"
    subuid.unlink()
    assert users.whose_id(165535) is None
