"""An engine with userns-remap: on 0.2.0 the advice named the container's ids, which are other people's on the host."""

from __future__ import annotations

import re
from typing import Any

import pytest

from testbed.hosts import PROGRAM, TARGET, Agents

ENGINE = "unix:///run/readers-engine.sock"
FIRST = 7000000
WAYS = {"root": 0, "person": 5001, "other": 12345}


def docker(agents: Agents, arguments: str) -> Any:
    return agents.host.run(f"docker --host {ENGINE} {arguments}")


@pytest.fixture
def mapped(agents: Agents) -> Agents:
    """A container for each user in the other engine, as a launcher starts it."""
    for way, uid in WAYS.items():
        if docker(agents, f"inspect mapped-{way}").rc != 0:
            mount = f"type=bind,source={agents.directory},target={TARGET},readonly"
            variable = f"CLAUDE_SECURESTORAGE_CONFIG_DIR={TARGET}"
            started = docker(
                agents,
                f"run --detach --name mapped-{way} --network none --user {uid}:{uid} --mount {mount} --env {variable} "
                "agentops-agent",
            )
            assert started.rc == 0, started.stderr
    return agents


def info(agents: Agents) -> dict[str, Any]:
    entries = {way: {"container": {"name": f"mapped-{way}", "credentials_host_dir": agents.directory}} for way in WAYS}
    arguments = {"agents": entries, "home": agents.home, "docker_host": ENGINE}
    succeeded, result = agents.module("agent_mounts_info", arguments)
    assert succeeded, result
    return result


def reads(agents: Agents, way: str) -> bool:
    done = docker(agents, f"exec mapped-{way} cat {TARGET}/.credentials.json")
    assert done.rc == 0 or "Permission denied" in done.stderr, done.stderr
    return bool(done.rc == 0)


def test_the_advice_names_the_ids_of_the_host(mapped: Agents) -> None:
    agents = info(mapped)["agents"]
    for way, uid in WAYS.items():
        assert not reads(mapped, way)
        assert f"uid {FIRST + uid} and cannot read the login" in agents[way]["judgement"]
        assert re.search(rf"set creds_mirror_readers: {{uids: \[[\d, ]*{FIRST + uid}\]}}", agents[way]["judgement"])


def test_who_follows_it_lets_the_reader_in_and_nobody_of_the_host(mapped: Agents) -> None:
    found = info(mapped)
    advised = [re.search(r"uids: \[([\d, ]+)\]", agent["judgement"]) for agent in found["agents"].values()]
    uids = sorted({int(uid) for match in advised if match for uid in match[1].split(",")})
    assert set(uids) >= {FIRST + uid for uid in WAYS.values()}
    assert set(found["asked_readers"]["uids"]) >= {FIRST + uid for uid in WAYS.values()}, "what auto takes is the same"
    options = {**PROGRAM, "user": "readers", "keep_warm": False, "readers": {"uids": uids}}
    succeeded, result = mapped.module("creds_mirror", options)
    assert succeeded, result
    after = info(mapped)["agents"]
    for way in WAYS:
        assert reads(mapped, way) and after[way]["standing"] == "works", after[way]["judgement"]
    as_person = f"setpriv --reuid=5001 --regid=5001 --clear-groups cat {mapped.published}"
    assert mapped.host.run(as_person).rc != 0, "who has the container's number on the host"
