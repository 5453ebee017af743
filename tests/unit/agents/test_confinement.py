"""What a configuration may name: its writer is trusted with his own files and nothing else."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._agents.config import Allowed, ConfigContext, parse
from ansible_collections.agentops.credentials.plugins.module_utils._agents.directory import directory_faults
from ansible_collections.agentops.credentials.plugins.module_utils._host.filesystem import DirectoryFacts

USER, ROOT, ALICE = 1003, 0, 1004
CONTEXT = ConfigContext(
    "agents.json",
    "/home/mal",
    shared_roots=("/home/mal/.local/share/agentops/agent-auth",),
    owner_uid=USER,
    allowed=Allowed(directories=("/srv/allowed",)),
)


def faults(container: dict[str, Any], path: str, uid: int, kind: str = "directory") -> str:
    """What is wrong with an agent whose directory leads to ``path``, which belongs to ``uid``."""
    found = parse({"agents": {"spy": {"container": container}}}, CONTEXT)
    assert found.faults == {}
    facts = DirectoryFacts(path, kind, (1, 2), (), 0o700, uid)
    return "".join(directory_faults(found.agents[0], facts, CONTEXT))


@pytest.mark.parametrize(
    ("path", "uid"),
    [
        pytest.param("/root/.docker", ROOT, id="root's"),
        pytest.param("/home/alice/.config/claude-hooks/claude-credentials", ALICE, id="another user's"),
        pytest.param("/srv/allowed-not", ROOT, id="a sibling of what is allowed"),
        pytest.param("/etc", ROOT, id="the host's"),
    ],
)
def test_a_directory_of_somebody_else_is_not_mounted(path: str, uid: int) -> None:
    said = faults({"credentials_host_dir": path}, path, uid)
    assert f"spy: container.credentials_host_dir: {path} belongs to uid {uid} and not to the agents' user" in said


def test_a_link_to_a_directory_of_somebody_else_is_not_mounted() -> None:
    assert "belongs to uid 0" in faults({"credentials_host_dir": "~/mine"}, "/root/.docker", ROOT)


@pytest.mark.parametrize(("path", "uid"), [("/home/mal/creds", USER), ("/srv/allowed/creds", ROOT)])
def test_what_is_the_users_or_the_operator_allows_may_be_mounted(path: str, uid: int) -> None:
    assert faults({"credentials_host_dir": path}, path, uid) == ""


@pytest.mark.parametrize("kind", ["directory", "missing"])
@pytest.mark.parametrize("path", ["/usr/local/sbin", "/home/mal/.ssh", "/home/mal/.local/share/agentops/agent-auth-x"])
def test_a_shared_directory_is_below_the_shared_root(path: str, kind: str) -> None:
    said = faults({"mode": "shared", "cli": "codex", "credentials_host_dir": path}, path, USER, kind)
    assert f"{path} is not below /home/mal/.local/share/agentops/agent-auth" in said


def test_a_shared_root_that_a_link_leads_out_of_the_home_allows_nothing() -> None:
    context = dataclasses.replace(CONTEXT, shared_roots=())
    (agent,) = parse({"agents": {"spy": {"container": {"mode": "shared", "cli": "codex"}}}}, context).agents
    facts = DirectoryFacts("/etc/codex/.codex", "missing")
    assert "is not below" in directory_faults(agent, facts, context)[0]


@pytest.mark.parametrize(
    ("allowed", "container", "fault"),
    [
        (Allowed(containers=("boss-*",)), {"name": "db"}, "container.name db is not among allowed_containers"),
        (Allowed(containers=()), {}, "container.name spy is not among allowed_containers"),
        (Allowed(commands=False), {"only_when_idle": ["true"]}, "is forbidden by allow_commands: false"),
        (Allowed(), {"credentials_host_dir": "/a\0b"}, "control character"),
        (Allowed(), {"credentials_host_dir": "/a\x1b[2J"}, "control character"),
        (Allowed(), {"credentials_host_dir": "/a\u202eb"}, "control character"),
        (Allowed(), {"credentials_host_dir": "/" + "a" * 256}, "longer than a path can be"),
        (Allowed(), {"credentials_host_dir": "/a" * 2500}, "longer than a path can be"),
        (Allowed(), {"user": "4294967295"}, "is no id that Linux has"),
        (Allowed(), {"user": "9" * 5000}, "is no id that Linux has"),
        (Allowed(), {"user": "²"}, "is not numeric"),
    ],
)
def test_what_the_operator_does_not_allow_or_linux_does_not_have(
    allowed: Allowed, container: dict[str, Any], fault: str
) -> None:
    agents = {"spy": {"container": {"credentials_host_dir": "/c", **container}}}
    context = dataclasses.replace(CONTEXT, allowed=allowed)
    (said,) = parse({"agents": agents}, context).faults["spy"]
    assert said.startswith("spy: container.")
    assert fault in said


def test_an_agents_name_of_any_length_is_not_repeated() -> None:
    """The scenario attacks found 5000 characters of it in what a run returns."""
    found = parse({"agents": {"x" * 5000: {"container": {}}, "y": {"container": {}}}}, CONTEXT)
    assert max(map(len, found.faults)) <= 60
    assert "longer than 255 characters" in str(found.faults)


def test_a_file_that_is_not_the_users_alone_is_not_mounted() -> None:
    found = parse({"agents": {"spy": {"container": {"credentials_host_dir": "~/mine"}}}}, CONTEXT)
    facts = DirectoryFacts("/home/mal/mine", "directory", (1, 2), (".credentials.json",), 0o700, USER)
    assert directory_faults(found.agents[0], facts, CONTEXT) == ()
    facts = dataclasses.replace(facts, foreign=(".credentials.json",))
    assert "(a hard link)" in "".join(directory_faults(found.agents[0], facts, CONTEXT))
