"""A guarded credentials directory cannot be taken from the containers that hold it, and logins go on reaching them."""

from __future__ import annotations

import pytest

from testbed.hosts import Agents


@pytest.mark.parametrize("attack", ["rmdir {}", "mv {} {}.away", "rm -rf {}"])
def test_it_is_busy_for_its_owner(agents: Agents, attack: str) -> None:
    inode = agents.inode(agents.directory)
    refused = agents.host.run(f"runuser -u guard -- env LC_ALL=C {attack.format(*[agents.directory] * 2)}")
    assert refused.rc != 0
    assert "resource busy" in refused.stderr
    assert agents.inode(agents.directory) == inode


def test_a_login_after_the_attacks_reaches_the_running_container(agents: Agents) -> None:
    agents.host.run(f"runuser -u guard -- rm -rf {agents.directory}")
    agents.login("atomic_rename", 99)
    agents.wait_until_seen("guard-boss", 99)


def test_the_mirror_is_healthy(agents: Agents) -> None:
    agents.status()


def test_it_is_guarded_after_a_restart_too(agents: Agents) -> None:
    unit = r"run-creds\x2dmirror-guard-claude-claude\x2dcredentials.mount"
    assert agents.host.check_output(f"systemctl is-enabled '{unit}'") == "enabled"
    assert agents.host.check_output(f"systemctl is-active '{unit}'") == "active"
