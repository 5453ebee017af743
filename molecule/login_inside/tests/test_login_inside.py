"""A login made in one container is found by the next, belongs to whoever wrote it, and is nobody else's."""

from __future__ import annotations

import json

import pytest

from testbed.hosts import Agents

ROOT = "/home/login_inside/.local/share/agentops/agent-auth"
LOGIN = f"{ROOT}/claude/.claude"


@pytest.mark.parametrize("container", ["login_inside-two", "login_inside-three"])
def test_the_login_of_the_first_container_is_found(agents: Agents, container: str) -> None:
    read = "cat $CLAUDE_CONFIG_DIR/.credentials.json"
    assert agents.host.check_output(f"docker exec {container} sh -c '{read}'") == "login-state"


def test_the_shared_directory_is_private_to_the_containers_uid(agents: Agents) -> None:
    directory = agents.host.file(LOGIN)
    assert (directory.mode, directory.uid) == (0o700, 1000)
    assert agents.host.file(ROOT).mode == 0o700
    assert agents.host.run(f"runuser -u login_inside -- ls {LOGIN}").rc != 0


def test_its_settings_are_valid_json_and_the_containers_own(agents: Agents) -> None:
    settings = agents.host.file(f"{LOGIN}/.claude.json")
    assert (json.loads(settings.content_string), settings.mode, settings.uid) == ({}, 0o600, 1000)


def test_nothing_is_a_file_mount_but_the_passwd_file(agents: Agents) -> None:
    binds = {
        (container, mount["Destination"]): mount
        for container in ("login_inside-one", "login_inside-two", "login_inside-other")
        for mount in agents.inspect(container)["Mounts"]
    }
    assert {place: mount["RW"] for place, mount in binds.items()} == {
        ("login_inside-one", "/run/agent-auth/claude"): True,
        ("login_inside-two", "/run/agent-auth/claude"): True,
        ("login_inside-other", "/run/agent-credentials/claude"): False,
        ("login_inside-other", "/etc/passwd"): False,
    }


def test_a_uid_without_an_entry_has_a_name_and_a_home_and_reads_the_login(agents: Agents) -> None:
    assert agents.host.check_output("docker exec login_inside-other whoami") == "agent"
    assert agents.host.check_output("docker exec login_inside-other sh -c 'echo $HOME'") == "/tmp/other"
    published = agents.host.file(agents.published).content_string
    assert agents.inside("login_inside-other") == published.rstrip()


def test_an_agent_cli_of_the_users_own_is_mirrored_and_mounted(agents: Agents) -> None:
    shown = json.loads(agents.inside("login_inside-added", "/run/agent-credentials/kimi/auth.json"))
    assert shown == {"token": "fake-token-kimi"}
    link = agents.host.check_output("docker exec login_inside-added readlink /home/claude/.kimi/auth.json")
    assert link == "/run/agent-credentials/kimi/auth.json"


def test_who_shares_a_writable_login_is_told(agents: Agents) -> None:
    told = json.loads(agents.host.file("/home/login_inside/info.json").content_string)["agents"]
    assert {name: agent["shares_login_with"] for name, agent in told.items()} == {
        "one": ["two"],
        "two": ["one"],
        "other": [],
        "added": [],
    }
    assert all(agent["fresh"] for agent in told.values())
    assert "a refresh token that rotates logs the others out" in told["one"]["warnings"][-1]
