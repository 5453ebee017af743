"""On 0.2.0 verify passed with the whole ~/.claude mounted next to the safe directory: case 09, clients.md section 9."""

from __future__ import annotations

from typing import Any

import pytest

from testbed.hosts import Agents

# What is told of each container, and whether it says that the login can be replaced.
WAYS = {
    "whole": ("/home/claude/.claude/.credentials.json", True),
    "elsewhere": ("/work/.claude/.credentials.json", False),
    "volume": ("/data/.credentials.json", True),
    "nested": ("/srv/project/inner/.credentials.json", True),
    "renamed": ("/opt/config/.credentials.json", False),
    "accepted": ("/home/claude/.claude/.credentials.json", False),
}


@pytest.fixture(scope="module")
def known() -> dict[str, dict[str, Any]]:
    return {}


@pytest.fixture
def info(agents: Agents, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    name = agents.host.check_output("hostname")
    if name not in known:
        succeeded, result = agents.module(
            "agent_mounts_info", {"path": f"{agents.home}/agents.json", "home": agents.home}
        )
        assert succeeded, result
        known[name] = result
    return known[name]


@pytest.mark.parametrize("way", WAYS)
def test_each_way_to_the_login_is_told(agents: Agents, info: dict[str, Any], way: str) -> None:
    path, is_writable = WAYS[way]
    assert "refreshToken" in agents.inside(f"exposed-{way}", path), "else there would be nothing to tell"
    (sentence,) = info["agents"][way]["exposed"]
    assert f" at {path}: start it without the mount at " in sentence
    assert ("can read and replace" in sentence) == is_writable
    assert info["agents"][way]["standing"] == ("works" if way == "accepted" else "fails")


@pytest.mark.parametrize("way", ["closed", "covered", "socket"])
def test_what_does_not_lead_there_is_not_told(info: dict[str, Any], way: str) -> None:
    assert info["agents"][way]["exposed"] == []
    assert info["agents"][way]["standing"] == "works"


def test_the_engines_socket_is_told(info: dict[str, Any]) -> None:
    assert "as good as root on the host, for /run/docker.sock is mounted" in " ".join(
        info["agents"]["socket"]["warnings"]
    )
    assert info["summary"].startswith("4 of 9 agents can work now; cannot: ")
