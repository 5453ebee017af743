"""A login made in one container is found by the next, belongs to whoever wrote it, and is nobody else's."""

from __future__ import annotations

import json
from typing import Any

import pytest

ROOT = "/home/shared_login/.local/share/agentops/agent-auth"
LOGIN = f"{ROOT}/claude/.claude"


@pytest.mark.parametrize("container", ["shared-two", "shared-three"])
def test_the_login_of_the_first_container_is_found(agents: Any, container: str) -> None:
    read = "cat $CLAUDE_CONFIG_DIR/.credentials.json"
    assert agents.host.check_output(f"docker exec {container} sh -c '{read}'") == "login-state"


def test_the_shared_directory_is_private_to_the_containers_uid(agents: Any) -> None:
    directory = agents.host.file(LOGIN)
    assert (directory.mode, directory.uid) == (0o700, 1000)
    assert agents.host.file(ROOT).mode == 0o700
    assert agents.host.run(f"runuser -u shared_login -- ls {LOGIN}").rc != 0


def test_its_settings_are_valid_json_and_the_containers_own(agents: Any) -> None:
    settings = agents.host.file(f"{LOGIN}/.claude.json")
    assert (json.loads(settings.content_string), settings.mode, settings.uid) == ({}, 0o600, 1000)


def test_nothing_is_a_file_mount_but_the_passwd_file(agents: Any) -> None:
    binds = {
        (container, mount["Destination"]): mount
        for container in ("shared-one", "shared-two", "shared-other")
        for mount in agents.inspect(container)["Mounts"]
    }
    assert {place: mount["RW"] for place, mount in binds.items()} == {
        ("shared-one", "/run/agent-auth/claude"): True,
        ("shared-two", "/run/agent-auth/claude"): True,
        ("shared-other", "/run/agent-credentials/claude"): False,
        ("shared-other", "/etc/passwd"): False,
    }


def test_a_uid_without_an_entry_has_a_name_and_a_home_and_reads_the_login(agents: Any) -> None:
    assert agents.host.check_output("docker exec shared-other whoami") == "agent"
    assert agents.host.check_output("docker exec shared-other sh -c 'echo $HOME'") == "/tmp/other"
    published = agents.host.file(agents.published).content_string
    assert agents.inside("shared-other") == published.rstrip()


def test_an_agent_cli_of_the_users_own_is_mirrored_and_mounted(agents: Any) -> None:
    shown = json.loads(agents.inside("shared-added", "/run/agent-credentials/kimi/auth.json"))
    assert shown == {"token": "fake-token-kimi"}
    link = agents.host.check_output("docker exec shared-added readlink /home/claude/.kimi/auth.json")
    assert link == "/run/agent-credentials/kimi/auth.json"


def test_who_shares_a_writable_login_is_told(agents: Any) -> None:
    told = json.loads(agents.host.file("/home/shared_login/info.json").content_string)["agents"]
    assert {name: agent["shares_login_with"] for name, agent in told.items()} == {
        "one": ["two"],
        "two": ["one"],
        "other": [],
        "added": [],
    }
    assert all(agent["fresh"] for agent in told.values())
    assert "a refresh token that rotates logs the others out" in told["one"]["warnings"][-1]
