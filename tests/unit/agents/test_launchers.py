"""Agents whose containers a launcher starts."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._agents.config import ConfigContext, parse
from ansible_collections.agentops.credentials.plugins.module_utils._agents.launchers import (
    desired_without_container,
    devcontainer_part,
    launcher_faults,
    launcher_fragments,
    quadlet_lines,
)
from ansible_collections.agentops.credentials.plugins.module_utils._agents.placement import desired_state
from ansible_collections.agentops.credentials.plugins.module_utils._catalog.override import with_overrides
from ansible_collections.agentops.credentials.plugins.module_utils._catalog.rows import CATALOG
from ansible_collections.agentops.credentials.plugins.module_utils._containers.for_launchers import (
    prepare_for_launchers,
)

from ..world import World
from .specs import spec


def test_a_cli_without_a_variable_gets_it_where_it_looks() -> None:
    rows = with_overrides(CATALOG, {"codex": {"config_dir_variable": None}})
    agents = {"boss": {"container": {"mode": "shared", "cli": "codex"}}}
    (one,) = parse({"agents": agents}, ConfigContext("agents.json", "/h", catalog=rows)).agents
    desired = desired_state(one, {}, "/home/a")
    assert desired is not None
    assert (desired.mount.target, desired.variables) == ("/home/a/.codex", ())
    assert desired_without_container(one) is None
    assert launcher_faults(one)[0].startswith("boss: container.home is not set, and no container is looked at")


def test_the_fragments_for_launchers() -> None:
    desired = desired_state(spec(credentials_host_dir="/c"), {}, None)
    assert desired is not None
    target, variable = "/run/agent-credentials/claude", "CLAUDE_SECURESTORAGE_CONFIG_DIR"
    assert launcher_fragments(desired) == {
        "docker_args": ["--mount", f"type=bind,source=/c,target={target},readonly", "--env", f"{variable}={target}"],
        "engine_api": {
            "HostConfig": {"Mounts": [{"Type": "bind", "Source": "/c", "Target": target, "ReadOnly": True}]},
            "Env": [f"{variable}={target}"],
        },
        "compose": {
            "volumes": [
                {
                    "type": "bind", "source": "/c", "target": target, "read_only": True,
                    "bind": {"create_host_path": False},
                }
            ],
            "environment": {variable: target},
        },
        "quadlet": [
            f"Mount=type=bind,source=/c,target={target},ro",
            f"Environment={variable}={target}",
        ],
    }  # fmt: skip


def test_the_part_of_a_devcontainer_json() -> None:
    desired = desired_state(spec(credentials_host_dir="/c"), {}, None)
    assert desired is not None
    target = "/run/agent-credentials/claude"
    part = {
        "mounts": [f"type=bind,source=/c,target={target},readonly"],
        "containerEnv": {"CLAUDE_SECURESTORAGE_CONFIG_DIR": target},
    }
    assert devcontainer_part(desired) == part
    assert devcontainer_part(desired, "1001:1002") == {**part, "remoteUser": "1001"}


@pytest.mark.parametrize(
    ("directory", "line"),
    [
        ("/a b", 'Mount="type=bind,source=/a b,target=/run/agent-credentials/claude,ro"'),
        ("/a\\b", "Mount=type=bind,source=/a\\\\b,target=/run/agent-credentials/claude,ro"),
        ("/100%", "Mount=type=bind,source=/100%%,target=/run/agent-credentials/claude,ro"),
    ],
)
def test_a_line_for_quadlet_is_one_word_of_a_unit_file(directory: str, line: str) -> None:
    desired = desired_state(spec(credentials_host_dir=directory), {}, None)
    assert desired is not None
    assert quadlet_lines(desired)[0] == line


@pytest.mark.parametrize(
    ("container", "fault"),
    [
        (
            {"placement": "config_dir"},
            "boss: container.home is not set, and no container is looked at that shows it; set",
        ),
        (
            {"passwd": True, "home": "/work"},
            "boss: container.passwd needs container.user and container.home where no container is looked at; set both.",
        ),
    ],
)
def test_what_a_launcher_must_say_itself(world: World, container: Any, fault: str) -> None:
    world.container = container
    _served, result = prepare_for_launchers(world.request(), world.host, world.provider)
    assert fault in result.failures["boss"]
    assert world.provider.provided == []


def test_a_launchers_directory_is_made_before_its_first_start(world: World) -> None:
    world.container = {"mode": "shared", "cli": "gemini", "home": "/work", "user": "12345:12345", "passwd": True}
    world.container["credentials_host_dir"] = None
    _served, predicted = prepare_for_launchers(world.request(check_mode=True), world.host, world.provider)
    assert world.provider.provided == []
    (one,), done = prepare_for_launchers(world.request(), world.host, world.provider)
    assert (str(predicted.plan), done.warnings) == (str(done.plan), ())
    (needs,) = world.provider.provided
    assert (needs.directory, needs.uid, needs.gid) == (one.directory, 12345, 12345)
    assert one.directory.endswith("/agent-auth/gemini/.gemini")
    assert needs.passwd is not None
    assert "agent:x:12345:12345:agent:/work:/bin/sh\n" in needs.passwd.text


def test_a_launcher_whose_uid_may_not_read_the_directory_is_warned(world: World) -> None:
    world.container = {"user": "12345"}
    _served, result = prepare_for_launchers(world.request(), world.host, world.provider)
    (note,) = result.warnings
    assert note.startswith("boss: the container runs as uid 12345, which may not read")
    assert "creds_mirror_readers: {uids: [12345]}" in note
