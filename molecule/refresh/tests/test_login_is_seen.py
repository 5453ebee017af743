"""Every way of saving a new login on the host is seen by the running container, which is not restarted."""

from __future__ import annotations

import time
from typing import Any

import pytest

WAYS = ("atomic_rename", "in_place", "delete_and_create", "in_pieces", "move_away_and_create", "directory_made_again")
SECONDS = 20
CREDENTIAL = "/run/agent-credentials/claude/.credentials.json"


def wait_until_seen(agents: Any, serial: int) -> None:
    end = time.monotonic() + SECONDS
    while (
        f"access-{serial:06d}" not in agents.host.run(f"docker exec --user root refresh-boss cat {CREDENTIAL}").stdout
    ):
        assert time.monotonic() < end, f"login {serial} is not visible in the container after {SECONDS} seconds"
        time.sleep(0.1)


@pytest.mark.parametrize(("serial", "way"), list(enumerate(WAYS, start=2)))
def test_a_new_login_is_seen_without_a_restart(agents: Any, way: str, serial: int) -> None:
    before = agents.inspect("refresh-boss")["State"]
    agents.login(way, serial)
    wait_until_seen(agents, serial)
    after = agents.inspect("refresh-boss")["State"]
    assert (after["StartedAt"], after["Pid"]) == (before["StartedAt"], before["Pid"])


BAD = {
    "empty": "",
    "truncated": '{"claudeAiOauth": {"accessTok',
    "logged out": '{"claudeAiOauth": {"accessToken": "", "refreshToken": "", "expiresAt": 0}}',
    "another form": "[]",
}


@pytest.mark.parametrize(("serial", "kind"), list(enumerate(BAD, start=20)))
def test_what_is_no_login_does_not_reach_the_container(agents: Any, kind: str, serial: int) -> None:
    agents.login("atomic_rename", serial)
    wait_until_seen(agents, serial)
    agents.host.check_output("runuser -u refresh -- sh -c %s", f"printf %s '{BAD[kind]}' > {agents.source}")
    end = time.monotonic() + SECONDS
    while agents.systemctl("show", "--property=ExecMainStatus", "--value", "claude-creds-mirror.service") != "75":
        assert time.monotonic() < end, "the mirror has not refused it"
        time.sleep(0.1)
    wait_until_seen(agents, serial)
    assert agents.host.check_output(f"ls -A {agents.directory}") == ".credentials.json"


def test_the_drill_gives_the_login_a_new_inode_and_the_mirror_sees_it(agents: Any) -> None:
    agents.login("atomic_rename", 40)
    wait_until_seen(agents, 40)
    content, inode = agents.host.file(agents.source).content_string, agents.inode(agents.source)
    agents.host.check_output("runuser -l refresh -c '~/.local/bin/creds-mirror rotate'")
    assert agents.host.file(agents.source).content_string == content
    assert agents.inode(agents.source) != inode
    wait_until_seen(agents, 40)
