"""Every way of saving a new login on the host is seen by the running container, which is not restarted."""

from __future__ import annotations

import time
from typing import Any

import pytest

WAYS = ("atomic_rename", "in_place", "delete_and_create", "in_pieces", "move_away_and_create", "directory_made_again")
SECONDS = 20


@pytest.mark.parametrize(("serial", "way"), list(enumerate(WAYS, start=2)))
def test_a_new_login_is_seen_without_a_restart(agents: Any, way: str, serial: int) -> None:
    before = agents.inspect("refresh-boss")["State"]
    agents.login(way, serial)
    end = time.monotonic() + SECONDS
    while (
        f"access-{serial:06d}"
        not in agents.host.run(
            "docker exec --user root refresh-boss cat /run/agent-credentials/claude/.credentials.json"
        ).stdout
    ):
        assert time.monotonic() < end, f"the login saved by {way} is not visible after {SECONDS} seconds"
        time.sleep(0.1)
    after = agents.inspect("refresh-boss")["State"]
    assert (after["StartedAt"], after["Pid"]) == (before["StartedAt"], before["Pid"])


@pytest.mark.parametrize(
    "content",
    ["", "{", '{"claudeAiOauth": {"accessToken": "", "refreshToken": "", "expiresAt": 0}}', "[]"],
    ids=["empty", "truncated", "logged out", "another form"],
)
def test_what_is_no_login_does_not_reach_the_container(agents: Any, content: str) -> None:
    last = agents.host.file(agents.published).content_string
    agents.host.check_output("runuser -u refresh -- sh -c %s", f"printf %s '{content}' > {agents.source}")
    time.sleep(2)
    assert agents.host.file(agents.published).content_string == last
    assert agents.host.check_output(f"ls -A {agents.directory}") == ".credentials.json"
    agents.login("atomic_rename", 100)
