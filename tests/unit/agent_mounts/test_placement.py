"""Where the credentials directory appears in a container, for each agent CLI and placement."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._agents import config as _agents
from ansible_collections.agentops.credentials.plugins.module_utils._agents import placement as _placement
from ansible_collections.agentops.credentials.plugins.module_utils._agents.placement import User


def spec(**container: Any) -> _agents.AgentSpec:
    settings = {"credentials_host_dir": "/c", **container}
    agents = _agents.parse({"agents": {"boss": {"container": settings}}}, _agents.Context("agents.json", "/h"))
    return agents.specs[0]


@pytest.mark.parametrize(
    ("container", "environment", "home", "target", "variable", "link"),
    [
        ({}, {}, "/home/a", "/run/agent-credentials/claude", "CLAUDE_SECURESTORAGE_CONFIG_DIR", "/home/a/.claude/.credentials.json"),
        ({}, {"HOME": "/x"}, "/home/a", "/run/agent-credentials/claude", "CLAUDE_SECURESTORAGE_CONFIG_DIR", "/x/.claude/.credentials.json"),
        ({}, {"CLAUDE_CONFIG_DIR": "/conf"}, "/home/a", "/run/agent-credentials/claude", "CLAUDE_SECURESTORAGE_CONFIG_DIR", "/conf/.credentials.json"),
        ({}, {}, None, "/run/agent-credentials/claude", "CLAUDE_SECURESTORAGE_CONFIG_DIR", None),
        ({"placement": "link"}, {}, "/home/a", "/run/agent-credentials/claude", None, "/home/a/.claude/.credentials.json"),
        ({"target": "/creds/"}, {}, "/home/a", "/creds", "CLAUDE_SECURESTORAGE_CONFIG_DIR", "/home/a/.claude/.credentials.json"),
        ({"placement": "config_dir"}, {}, "/home/a", "/home/a/.claude", None, None),
        ({"placement": "config_dir", "target": "/home/a/.config/claude-code"}, {}, None, "/home/a/.config/claude-code", None, None),
        ({"cli": "codex"}, {}, "/home/a", "/run/agent-credentials/codex", None, "/home/a/.codex/auth.json"),
        ({"cli": "codex"}, {"CODEX_HOME": "/cx"}, "/home/a", "/run/agent-credentials/codex", None, "/cx/auth.json"),
        ({"cli": "gemini"}, {"GEMINI_CLI_HOME": "/g"}, "/home/a", "/run/agent-credentials/gemini", None, "/g/.gemini/oauth_creds.json"),
        ({"cli": "opencode"}, {}, "/home/a", "/run/agent-credentials/opencode", None, "/home/a/.local/share/opencode/auth.json"),
    ],
)  # fmt: skip
def test_placement(
    container: Any, environment: Any, home: str | None, target: str, variable: str | None, link: str | None
) -> None:
    placed = _placement.place(spec(**container), environment, home)
    assert placed is not None
    assert placed.mount.read_only
    assert (placed.mount.source, placed.mount.target, placed.variable, placed.link) == ("/c", target, variable, link)


def test_config_dir_without_a_known_home_has_no_place() -> None:
    assert _placement.place(spec(placement="config_dir"), {}, None) is None


PASSWD = "root:x:0:0:root:/root:/bin/sh\nclaude:x:1000:1001::/home/claude:/bin/sh\nbroken line\n"


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("", User(0, 0, "/root")),
        ("claude", User(1000, 1001, "/home/claude")),
        ("1000", User(1000, 1001, "/home/claude")),
        ("claude:50", User(1000, 50, "/home/claude")),
        ("12345", User(12345, 0, "/", has_entry=False)),
        ("12345:7", User(12345, 7, "/", has_entry=False)),
        ("nobody-here", None),
    ],
)
def test_the_user_of_a_container(user: str, expected: User | None) -> None:
    assert _placement.find_user(user, PASSWD) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("new", ["A=1", "X=new", "UNSET"]),
        (None, ["A=1", "UNSET"]),
    ],
)
def test_a_variable_is_set_in_its_place_or_removed(value: str | None, expected: list[str]) -> None:
    assert _placement.with_variable(["A=1", "X=old", "UNSET"], "X", value) == expected
    assert _placement.with_variable(None, "X", "1") == ["X=1"]


def test_the_fragments_for_launchers() -> None:
    placed = _placement.place(spec(), {}, None)
    assert placed is not None
    target, variable = "/run/agent-credentials/claude", "CLAUDE_SECURESTORAGE_CONFIG_DIR"
    assert _placement.launcher_fragments(placed) == {
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
    }  # fmt: skip
