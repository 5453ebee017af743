"""``state: absent`` removes what the roles made, and leaves the user's login and the container alone."""

from __future__ import annotations

from testbed.hosts import Agents


def test_the_users_login_is_untouched(agents: Agents) -> None:
    assert "refreshToken" in agents.host.file(agents.source).content_string


def test_the_container_runs_without_the_mount_and_the_variable(agents: Agents) -> None:
    boss = agents.inspect("absent-boss")
    assert boss["State"]["Running"]
    assert [mount["Destination"] for mount in boss["Mounts"]] == []
    assert not [entry for entry in boss["Config"]["Env"] if "agent-credentials" in entry]


def test_the_mirror_is_gone(agents: Agents) -> None:
    assert not agents.host.file(agents.directory).exists
    assert agents.systemctl("list-unit-files", "--no-legend", "'*creds-mirror*'") == ""
    assert agents.host.run(f"find {agents.home} -name '*creds-mirror*' -o -name '*.staging'").stdout == ""


def test_no_directory_is_left_that_the_role_made(agents: Agents) -> None:
    """Of a user who had none of these: what is left is what useradd and the login made."""
    assert agents.host.check_output(f"find {agents.home} -mindepth 1 -type d -printf '%P\\n' | sort") == ".claude"
