"""Every way of saving a new login on the host is seen by the running container, which is not restarted."""

from __future__ import annotations

import pytest

from testbed.hosts import Agents, wait_until

WAYS = ("atomic_rename", "in_place", "delete_and_create", "in_pieces", "move_away_and_create", "directory_made_again")


@pytest.mark.parametrize(("serial", "way"), list(enumerate(WAYS, start=2)))
def test_a_new_login_is_seen_without_a_restart(agents: Agents, way: str, serial: int) -> None:
    before = agents.inspect("refresh-boss")["State"]
    agents.login(way, serial)
    agents.wait_until_seen("refresh-boss", serial)
    after = agents.inspect("refresh-boss")["State"]
    assert (after["StartedAt"], after["Pid"]) == (before["StartedAt"], before["Pid"])


BAD = {
    "empty": "",
    "truncated": '{"claudeAiOauth": {"accessTok',
    "logged out": '{"claudeAiOauth": {"accessToken": "", "refreshToken": "", "expiresAt": 0}}',
    "another form": "[]",
}


@pytest.mark.parametrize(("serial", "kind"), list(enumerate(BAD, start=20)))
def test_what_is_no_login_does_not_reach_the_container(agents: Agents, kind: str, serial: int) -> None:
    agents.login("atomic_rename", serial)
    agents.wait_until_seen("refresh-boss", serial)
    agents.host.check_output("runuser -u refresh -- sh -c %s", f"printf %s '{BAD[kind]}' > {agents.source}")
    status = ("show", "--property=ExecMainStatus", "--value", "claude-creds-mirror.service")
    wait_until(lambda: agents.systemctl(*status) == "75", "the mirror has not refused it")
    agents.wait_until_seen("refresh-boss", serial)
    assert agents.host.check_output(f"ls -A {agents.directory}") == ".credentials.json"


def test_the_drill_gives_the_login_a_new_inode_and_the_mirror_sees_it(agents: Agents) -> None:
    agents.login("atomic_rename", 40)
    agents.wait_until_seen("refresh-boss", 40)
    content, inode = agents.host.file(agents.source).content_string, agents.inode(agents.source)
    agents.host.check_output("runuser -l refresh -c '~/.local/bin/creds-mirror rotate'")
    assert agents.host.file(agents.source).content_string == content
    assert agents.inode(agents.source) != inode
    agents.wait_until_seen("refresh-boss", 40)
