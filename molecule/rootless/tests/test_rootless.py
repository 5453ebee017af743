"""A rootless engine is its user's program: what 0.2.0 did to one was the worst of all (owners lost without a word)."""

from __future__ import annotations

import re
from typing import Any

import pytest

from testbed.hosts import PROGRAM, TARGET, Agents, UsersEngine

LOGIN = f"{TARGET}/.credentials.json"
ENTRIES = ["/home/claude", "/home/claude/work", "/home/claude/work/own", "/home/claude/work/other"]
WANTED = ["1000:1000 700", "1000:1000 750", "1000:1000 600", "1001:7 640"]


def owners(agents: Agents, container: str) -> list[str]:
    told = UsersEngine(agents).docker(f"exec --user 0 {container} stat -c '%u:%g %a' {' '.join(ENTRIES)}")
    return told.splitlines()


def reads(agents: Agents, container: str) -> bool:
    done = agents.host.run(f"{UsersEngine(agents).client} exec rootless-{container} cat {LOGIN}")
    assert done.rc == 0 or "Permission denied" in done.stderr, done.stderr
    return bool(done.rc == 0)


def info(agents: Agents, user: str) -> dict[str, Any]:
    arguments = {"path": f"{agents.home}/agents.json", "home": agents.home}
    succeeded, result = agents.module("agent_mounts_info", arguments, user)
    assert succeeded, result
    return dict(result["agents"])


@pytest.mark.parametrize("container", ["root", "agent", "other"])
def test_site_as_root_has_recreated_it_with_every_owner_and_mode(agents: Agents, container: str) -> None:
    docker = UsersEngine(agents).docker
    assert owners(agents, f"rootless-{container}") == WANTED
    assert "own" in docker(f"exec --user 1000 rootless-{container} cat /home/claude/work/own")
    docker(f"exec --user 1000 rootless-{container} touch /home/claude/new")
    assert ".config" not in docker(f"exec --user 0 rootless-{container} ls -a /home/claude")
    assert docker(f"inspect --format '{{{{.Config.Image}}}}' rootless-{container}") == "agentops-agent"


def test_the_user_himself_recreates_one_with_every_owner_and_mode(agents: Agents) -> None:
    assert owners(agents, "rootless-later") == WANTED
    arguments = {
        "agents": {"later": {"container": {"name": "rootless-later", "credentials_host_dir": agents.directory}}},
        "home": agents.home,
        "writable_layer": "carry",
    }
    succeeded, result = agents.module("agent_mounts", arguments, agents.user)
    assert succeeded, result
    assert result["changed"]
    assert "copy the writable layer" in result["plan"]
    assert owners(agents, "rootless-later") == WANTED
    succeeded, result = agents.module("agent_mounts", arguments, agents.user)
    assert succeeded, result
    assert not result["changed"]


@pytest.mark.parametrize("user", ["root", "rootless"])
def test_the_verdict_is_what_the_process_reads_whoever_asks(agents: Agents, user: str) -> None:
    found = info(agents, user)
    verdicts = {name: found[name]["standing"] == "works" for name in ("root", "agent", "other")}
    assert verdicts == {name: reads(agents, name) for name in verdicts}
    assert verdicts == {"root": True, "agent": False, "other": False}


def test_the_advice_is_in_ids_of_the_host_and_lets_in_who_was_meant_and_nobody_else(agents: Agents) -> None:
    first = int(agents.host.check_output(f"sed -n s/^{agents.user}://p /etc/subuid").split(":")[0])
    advised = {name: re.search(r"uids: \[([\d, ]+)\]", one["judgement"]) for name, one in info(agents, "root").items()}
    uids = sorted(int(match[1]) for match in advised.values() if match)
    assert uids == [first + 999, first + 1000]
    options = {**PROGRAM, "user": agents.user, "keep_warm": False, "readers": {"uids": uids}}
    succeeded, result = agents.module("creds_mirror", options)
    assert succeeded, result
    after = info(agents, agents.user)
    assert {name: after[name]["standing"] for name in after} == {"root": "works", "agent": "works", "other": "works"}
    assert reads(agents, "agent")
    assert reads(agents, "other")
    assert agents.host.run(f"runuser -u dev -- cat {agents.published}").rc != 0


def test_root_believes_no_engine_of_another_user(agents: Agents) -> None:
    uid = agents.host.check_output(f"id -u {agents.user}")
    arguments = {
        "agents": {"boss": {"container": {"credentials_host_dir": agents.directory}}},
        "home": "/home/dev",
        "docker_host": f"unix:///run/user/{uid}/docker.sock",
    }
    succeeded, result = agents.module("agent_mounts", arguments)
    assert not succeeded
    assert f"is a program of uid {uid}, and the login is that of dev" in result["msg"]
