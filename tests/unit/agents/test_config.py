"""agents.json → AgentSpec: what each form means, and the one sentence that each fault gets."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._agents.config import AgentSpec, ConfigContext, load
from ansible_collections.agentops.credentials.plugins.module_utils._agents.config import parse as parse_config
from ansible_collections.agentops.credentials.plugins.module_utils._agents.directory import (
    directory_faults,
    directory_warnings,
)
from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import ConfigError
from ansible_collections.agentops.credentials.plugins.module_utils._host.filesystem import DirectoryFacts

HOME = "/home/dev"
SOURCE = f"{HOME}/.claude/.credentials.json"
PUBLISHED = f"{HOME}/.config/claude-hooks/claude-credentials"


CONTEXT = ConfigContext("agents.json", HOME, {SOURCE: PUBLISHED})


def parse(agents: Any) -> tuple[tuple[AgentSpec, ...], tuple[str, ...]]:
    found = parse_config({"agents": agents}, CONTEXT)
    return found.agents, tuple(fault for faults in found.faults.values() for fault in faults)


@pytest.mark.parametrize(
    ("container", "directory", "name"),
    [
        ({"credentials_host_dir": "/srv/creds"}, "/srv/creds", "boss"),
        ({"credentials_host_dir": "/srv//creds/../creds/"}, "/srv/creds", "boss"),
        ({"credentials_host_dir": "~/creds", "name": "boss-1"}, f"{HOME}/creds", "boss-1"),
        ({"credentials_host_path": "/srv/creds/.credentials.json"}, "/srv/creds", "boss"),
        ({"credentials_host_path": SOURCE}, PUBLISHED, "boss"),
        ({"credentials_host_path": "~/.claude/.credentials.json"}, PUBLISHED, "boss"),
        ({"credentials_host_path": SOURCE, "credentials_host_dir": "/srv/creds"}, "/srv/creds", "boss"),
    ],
)
def test_the_directory_and_the_name(container: Any, directory: str, name: str) -> None:
    (spec,), faults = parse({"boss": {"container": container, "model": "a key of somebody else's"}})
    assert faults == ()
    assert (spec.directory, spec.container) == (directory, name)


@pytest.mark.parametrize(
    ("agents", "fault"),
    [
        ({"boss": {}}, 'boss: has no "container" in agents.json; add container.name and'),
        ({"boss": "x"}, 'boss: has no "container" in agents.json'),
        (
            {"boss": {"container": {}}},
            "boss: container has neither credentials_host_dir nor credentials_host_path; set",
        ),
        (
            {"boss": {"container": {"credentials_host_dir": "a/b"}}},
            "boss: container.credentials_host_dir a/b is a relative",
        ),
        ({"boss": {"container": {"credentials_host_dir": 7}}}, "boss: container.credentials_host_dir is not a string"),
        (
            {"boss": {"container": {"credentials_host_dir": "/a,b"}}},
            "holds a comma, colon, quote, line break or control",
        ),
        (
            {"boss": {"container": {"credentials_host_dir": "/c", "cli": "x"}}},
            "boss: container.cli x is not an agent CLI",
        ),
        (
            {"boss": {"container": {"credentials_host_dir": "/c", "placement": "x"}}},
            "placement x does not work for claude",
        ),
        ({"boss": {"container": {"credentials_host_dir": "/c", "mode": "x"}}}, "boss: container.mode x is not known"),
        (
            {"boss": {"container": {"credentials_host_dir": "/c", "target": "t"}}},
            "boss: container.target t is a relative",
        ),
        ({"boss": {"container": {"credentials_host_dir": "/c", "name": "b.am-old"}}}, "ends in a suffix that marks"),
        (
            {name: {"container": {"name": "one", "credentials_host_dir": "/c"}} for name in ("boss", "dev")},
            "dev: container.name one is already the container of agent boss with the same agent CLI; give each agent",
        ),
    ],
)
def test_a_fault_is_one_sentence_with_agent_field_and_mend(agents: Any, fault: str) -> None:
    _specs, faults = parse(agents)
    assert len(faults) == 1
    assert fault in faults[0]
    assert "; " in faults[0]


def test_the_faults_of_all_agents_are_told_together() -> None:
    _specs, faults = parse({"a": {}, "b": {"container": {}}, "c": {"container": {"credentials_host_dir": "/c"}}})
    assert [fault[0] for fault in faults] == ["a", "b"]


@pytest.mark.parametrize("document", [[], "x", {}, {"agents": []}])
def test_a_document_of_another_form_is_refused(document: Any) -> None:
    with pytest.raises(ConfigError, match='not an object with the key "agents"'):
        parse_config(document, CONTEXT)


def test_json_that_does_not_parse_is_placed_but_not_repeated() -> None:
    with pytest.raises(ConfigError) as error:
        load('{"a": fake-token-secret}', "/etc/agents.json")
    assert str(error.value) == "/etc/agents.json is not valid JSON (line 1, column 7); correct the file."


@pytest.mark.parametrize(
    ("facts", "fault"),
    [
        (DirectoryFacts("/c", "missing"), "the directory /c does not exist; create it with the role"),
        (DirectoryFacts("/c", "other"), "/c is not a directory; name the directory that holds .credentials.json"),
        (DirectoryFacts("/c", "unreadable"), "cannot be read by the user who runs this module; use become"),
        (
            DirectoryFacts("/c", "directory", (1, 2), ("a", "b", "c", "d", ".credentials.json")),
            "holds a, b, c and 1 more",
        ),
        (DirectoryFacts("/c", "directory", (1, 2), (".credentials.json",)), None),
        (DirectoryFacts("/c", "directory", (1, 2), ()), None),
    ],
)
def test_what_may_be_mounted(facts: DirectoryFacts, fault: str | None) -> None:
    (spec,), _faults = parse({"boss": {"container": {"credentials_host_dir": "/c"}}})
    found = directory_faults(spec, facts, CONTEXT)
    assert len(found) == (0 if fault is None else 1)
    if fault:
        assert found[0].startswith("boss: container.credentials_host_dir: ")
        assert fault in found[0]


def test_a_directory_open_to_everybody_is_warned_about() -> None:
    (spec,), _faults = parse({"boss": {"container": {"credentials_host_dir": "/c"}}})
    assert directory_warnings(spec, DirectoryFacts("/c", "directory", (1, 2), (), 0o755))
    assert not directory_warnings(spec, DirectoryFacts("/c", "directory", (1, 2), (), 0o700))


@pytest.mark.parametrize(
    ("uid", "gid", "more", "expected"),
    [
        (1000, 1000, {}, True),
        (0, 0, {}, True),
        (2000, 1000, {}, False),
        (2000, 2000, {}, False),
        (2000, 2000, {"acl_uids": (2000,)}, True),
        (2000, 2000, {"acl_gids": (2000,)}, True),
        (2000, 1000, {"mode": 0o750}, True),
        (2000, 2000, {"mode": 0o750}, False),
        (2000, 2000, {"mode": 0o755}, True),
    ],
)
def test_who_may_read_the_directory(uid: int, gid: int, more: Any, expected: bool) -> None:
    facts = DirectoryFacts("/c", "directory", (1, 2), **{"mode": 0o700, "uid": 1000, "gid": 1000, **more})
    assert facts.lets_in(uid, gid) is expected


def test_a_key_that_is_near_to_one_that_is_read_is_told() -> None:
    """Another program's keys are none of ours; a slip of the fingers is meant for us."""
    container = {
        "credentials_host_dir": "/srv/creds",
        "placment": "link",
        "mode_": "shared",
        "image": "x",
        "model": "y",
    }
    found = parse_config({"agents": {"boss": {"container": container}}}, CONTEXT)
    assert found.notes == ("boss: container.placment is not read; did you mean container.placement?",)
    assert [agent.placement for agent in found.agents] == ["store"]


def test_a_slip_is_told_next_to_the_fault_that_it_makes() -> None:
    found = parse_config({"agents": {"boss": {"container": {"credential_host_dir": "/srv/creds"}}}}, CONTEXT)
    assert "boss" in found.faults
    assert found.notes == (
        "boss: container.credential_host_dir is not read; did you mean container.credentials_host_dir?",
    )
