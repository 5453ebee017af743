"""Where the directory appears in a container, for each agent CLI, mode and placement."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._agents.config import parse
from ansible_collections.agentops.credentials.plugins.module_utils._agents.placement import desired_state
from ansible_collections.agentops.credentials.plugins.module_utils._engine.mounts import MountSpec

from .specs import CONTEXT, SHARED_ROOT, spec


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
    desired = desired_state(spec(**{"credentials_host_dir": "/c", **container}), environment, home)
    assert desired is not None
    assert desired.mount.read_only
    assert (desired.mount.source, desired.mount.target, desired.variable, desired.links) == (
        "/c",
        target,
        variable,
        (link,) if link else (),
    )


def test_config_dir_without_a_known_home_has_no_place() -> None:
    assert desired_state(spec(credentials_host_dir="/c", placement="config_dir"), {}, None) is None


@pytest.mark.parametrize(
    ("cli", "directory", "target", "variable"),
    [
        ("claude", "claude/.claude", "/run/agent-auth/claude", ("CLAUDE_CONFIG_DIR", "/run/agent-auth/claude")),
        ("codex", "codex/.codex", "/run/agent-auth/codex", ("CODEX_HOME", "/run/agent-auth/codex")),
        ("gemini", "gemini/.gemini", "/run/agent-auth/gemini/.gemini", ("GEMINI_CLI_HOME", "/run/agent-auth/gemini")),
        (
            "opencode",
            "opencode/.local/share",
            "/run/agent-auth/opencode",
            ("XDG_DATA_HOME", "/run/agent-auth/opencode"),
        ),
        ("copilot", "copilot/.copilot", "/run/agent-auth/copilot", ("COPILOT_HOME", "/run/agent-auth/copilot")),
    ],
)
def test_the_config_directory_is_mounted_writable_where_its_variable_says(
    cli: str, directory: str, target: str, variable: Any
) -> None:
    desired = desired_state(spec(cli=cli, mode="shared"), {}, None)
    assert desired is not None
    assert desired.mounts == (MountSpec("bind", f"{SHARED_ROOT}/{directory}", target, False),)
    assert (desired.variables, desired.links) == ((variable,), ())


@pytest.mark.parametrize(
    ("cli", "credential"),
    [("claude", ".credentials.json"), ("gemini", "oauth_creds.json"), ("opencode", "opencode/auth.json")],
)
def test_where_the_login_lies_in_the_shared_directory(cli: str, credential: str) -> None:
    assert spec(cli=cli, mode="shared").credential == credential


@pytest.mark.parametrize(
    ("container", "directory", "target", "variables"),
    [
        ({"credentials_host_dir": "/srv/auth"}, "/srv/auth", "/run/agent-auth/gemini/.gemini", None),
        ({"target": "/auth"}, f"{SHARED_ROOT}/gemini/.gemini", "/auth/.gemini", (("GEMINI_CLI_HOME", "/auth"),)),
        (
            {"home": "/tmp/agent-1"},
            f"{SHARED_ROOT}/gemini/.gemini",
            "/run/agent-auth/gemini/.gemini",
            (("GEMINI_CLI_HOME", "/run/agent-auth/gemini"), ("HOME", "/tmp/agent-1")),
        ),
    ],
)
def test_what_is_explicit_wins(container: Any, directory: str, target: str, variables: Any) -> None:
    desired = desired_state(spec(cli="gemini", mode="shared", **container), {}, "/home/a")
    assert desired is not None
    assert (desired.mount.source, desired.mount.target) == (directory, target)
    assert variables is None or desired.variables == variables


@pytest.mark.parametrize(
    ("container", "fault"),
    [
        (
            {"mode": "shared", "placement": "link"},
            "boss: container.placement link has no meaning with mode shared; take",
        ),
        ({"mode": "shared", "home": "a"}, "boss: container.home a is a relative path; write"),
        (
            {"mode": "shared", "user": "claude"},
            "boss: container.user claude is not numeric; write it as UID or UID:GID",
        ),
        ({"mode": "shared", "passwd": "yes"}, "boss: container.passwd is neither true nor false; write"),
    ],
)
def test_a_fault_is_one_sentence(container: Any, fault: str) -> None:
    (found,) = parse({"agents": {"boss": {"container": container}}}, CONTEXT).faults["boss"]
    assert fault in found
