"""A guarded credentials directory cannot be taken from the containers that hold it, and logins go on reaching them."""

from __future__ import annotations

import time
from typing import Any

import pytest


@pytest.mark.parametrize("attack", ["rmdir {}", "mv {} {}.away", "rm -rf {}"])
def test_it_is_busy_for_its_owner(agents: Any, attack: str) -> None:
    inode = agents.inode(agents.directory)
    refused = agents.host.run(f"runuser -u guard -- env LC_ALL=C {attack.format(*[agents.directory] * 2)}")
    assert refused.rc != 0
    assert "resource busy" in refused.stderr
    assert agents.inode(agents.directory) == inode


def test_a_login_after_the_attacks_reaches_the_running_container(agents: Any) -> None:
    agents.host.run(f"runuser -u guard -- rm -rf {agents.directory}")
    agents.login("atomic_rename", 99)
    end = time.monotonic() + 20
    seen = "docker exec --user root guard-boss cat /run/agent-credentials/claude/.credentials.json"
    while "access-000099" not in agents.host.run(seen).stdout:
        assert time.monotonic() < end, "the container does not see the login"
        time.sleep(0.1)


def test_the_mirror_is_healthy(agents: Any) -> None:
    status = agents.host.run("runuser -l guard -c '~/.local/bin/creds-mirror status'")
    assert status.rc == 0, status.stdout + status.stderr


def test_it_is_guarded_after_a_restart_too(agents: Any) -> None:
    unit = r"run-creds\x2dmirror-guard-claude-claude\x2dcredentials.mount"
    assert agents.host.check_output(f"systemctl is-enabled '{unit}'") == "enabled"
    assert agents.host.check_output(f"systemctl is-active '{unit}'") == "active"
