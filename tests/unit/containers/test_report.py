"""What the modules return: masked, and told for a person."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.filter.agent_table import agent_table
from ansible_collections.agentops.credentials.plugins.module_utils._containers import info, report
from ansible_collections.agentops.credentials.plugins.module_utils._containers.verdict import Diagnosis, Remedy, Verdict

from ..world import World

SECRET = "fake-token-of-the-agent"


@pytest.mark.parametrize(
    ("entry", "masked"),
    [
        (f"KEY={SECRET}", "KEY=********"),
        ("KEY=", "KEY=********"),
        ("UNSET", "UNSET"),
        ("OURS=/run/agent-credentials/claude", "OURS=/run/agent-credentials/claude"),
        (f"X=a=b={SECRET}", "X=********"),
    ],
)
def test_values_of_the_environment_are_masked(entry: str, masked: str) -> None:
    assert report.mask(entry, {"OURS"}) == masked


def test_a_result_and_its_diff_hold_no_value_of_the_environment(world: World) -> None:
    result = world.run(check_mode=True)
    text = json.dumps([report.run_result(result), report.diff(result)])
    assert SECRET not in text
    assert "FOO=********" in text
    assert "CLAUDE_SECURESTORAGE_CONFIG_DIR=/run/agent-credentials/claude" in text


def test_the_diff_shows_what_changes_and_nothing_else(world: World) -> None:
    (diff, plan) = report.diff(world.run(check_mode=True))
    assert set(diff["before"]) == set(diff["after"]) == {
        "verdict", "Env", "HostConfig.Binds", "HostConfig.Mounts", "Hostname",
    }  # fmt: skip
    assert plan["prepared"].startswith("boss: create boss.am-probe")


def test_without_a_change_there_is_no_diff(world: World) -> None:
    world.run()
    assert report.diff(world.run()) == []


def test_the_table_names_each_agent_and_says_which_can_work() -> None:
    agent: dict[str, Any] = {
        "container": "boss-1", "state": "running", "verdict": "ok", "standing": "works", "directory_inode": 5,
        "published": {"inode": 7, "fingerprint": "abc"},
        "inside": {"inode": 7, "fingerprint": "abc", "directory_inode": 5, "read_only": True},
    }  # fmt: skip
    stale = {
        **agent,
        "verdict": "file_mount",
        "standing": "fails",
        "inside": {**agent["inside"], "directory_inode": None},
    }
    absent = {**agent, "verdict": "absent", "state": "absent", "standing": "absent", "inside": None}
    unproven = {**agent, "standing": "not_proven", "inside": None}
    heading, one, two, three, four = agent_table({"a": agent, "b": stale, "c": absent, "d": unproven}).splitlines()
    assert heading.split()[0] == "AGENT"
    assert one.endswith("yes")
    assert "directory, read-only" in one
    assert two.endswith("NO")
    assert "FILE" in two
    assert three.endswith(" -")
    assert four.endswith("not proven")


@pytest.mark.parametrize(
    ("verdict", "remedy", "placement", "inside", "fresh"),
    [
        (Verdict.OK, None, "store", "same", True),
        (Verdict.OK, None, "store", "other", False),
        (Verdict.OK, None, "store", None, None),
        (Verdict.MISSING, Remedy.LINK, "store", "same", True),
        (Verdict.MISSING, Remedy.LINK, "link", "same", False),
        (Verdict.STALE, Remedy.RESTART, "store", "same", False),
    ],
)
def test_who_sees_the_published_credential(
    world: World, verdict: Verdict, remedy: Remedy | None, placement: str, inside: str | None, fresh: bool | None
) -> None:
    world.container = {"placement": placement}
    (agent,) = world.run(check_mode=True).plan.agents
    agent = dataclasses.replace(agent, diagnosis=Diagnosis(verdict, (), remedy))
    published = {"inode": 7, "fingerprint": "same"}
    found = None if placement == "store" else "nothing is there"
    reader = info.ProvedReader(1000, 1000, "claude", "/x", found, (), None, None)
    proof = info.Proof(b"", 7, {"inode": 7, "fingerprint": inside} if inside else None, None, (reader,))
    assert info.is_fresh(agent, published, proof) is fresh
