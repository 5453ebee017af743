"""The filter docker_args: one agent's mount for other playbooks."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.filter.docker_args import docker_args

from ..agents.specs import SHARED_ROOT

MIRRORED = "/h/.config/claude-hooks/claude-credentials"
STORE = "/run/agent-credentials/claude"


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (
            "docker_container",
            {
                "mounts": [{"type": "bind", "source": MIRRORED, "target": STORE, "read_only": True}],
                "env": {"CLAUDE_SECURESTORAGE_CONFIG_DIR": STORE},
            },
        ),
        (
            "run",
            [
                "--mount",
                f"type=bind,source={MIRRORED},target={STORE},readonly",
                "--env",
                f"CLAUDE_SECURESTORAGE_CONFIG_DIR={STORE}",
            ],
        ),
    ],
)
def test_the_filter_serves_other_playbooks(form: str, expected: Any) -> None:
    agent = {"container": {"credentials_host_path": "~/.claude/.credentials.json"}}
    assert docker_args(agent, form=form, home="/h") == expected


def test_the_filter_tells_a_writable_mount_and_home() -> None:
    agent = {"command": "codex", "container": {"mode": "shared", "home": "/work"}}
    assert docker_args(agent, home="/h") == {
        "mounts": [
            {
                "type": "bind",
                "source": f"{SHARED_ROOT}/codex/.codex",
                "target": "/run/agent-auth/codex",
                "read_only": False,
            }
        ],
        "env": {"CODEX_HOME": "/run/agent-auth/codex", "HOME": "/work"},
    }
    assert docker_args(agent, form="run", home="/h")[1].endswith("target=/run/agent-auth/codex")


@pytest.mark.parametrize(
    ("agent", "form", "fault"),
    [
        ({"container": {}}, "run", "container has neither credentials_host_dir nor credentials_host_path"),
        ({"container": {"credentials_host_dir": "/c", "placement": "config_dir"}}, "run", "container.home is not set"),
        ({"command": "vim", "container": {}}, "run", "its command is no agent CLI"),
        ({"container": {"credentials_host_dir": "/c"}}, "x", "the form x is not known; use docker_container, run"),
    ],
)
def test_the_filter_tells_faults(agent: Any, form: str, fault: str) -> None:
    with pytest.raises(Exception, match=fault):
        docker_args(agent, form=form, home="/h")
