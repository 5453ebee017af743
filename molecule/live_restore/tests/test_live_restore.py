"""Containers of containerd's image store were recreated, and then their engine was restarted under them."""

from __future__ import annotations

import pytest

from testbed.hosts import Agents

CONTAINERS = ("live_restore-boss", "live_restore-dev")


def test_the_engine_has_containerds_store_and_lets_containers_live(agents: Agents) -> None:
    said = agents.host.check_output("docker info --format '{{.DriverStatus}} {{.LiveRestoreEnabled}}'")
    assert "io.containerd.snapshotter" in said
    assert said.endswith("true")


def test_what_was_written_is_kept_with_its_owner(agents: Agents) -> None:
    boss = "docker exec --user root live_restore-boss"
    assert agents.host.check_output(f"{boss} cat /srv/notes /data/file") == "notes\nprecious"
    assert agents.host.check_output(f"{boss} stat -c %u:%g /srv/notes") == "1000:7"
    assert agents.host.run(f"{boss} ls /etc/group").rc != 0
    assert agents.inspect("live_restore-boss")["Config"]["Image"].startswith("agentops-carried:live_restore-boss-")


def test_the_containers_have_outlived_their_engine(agents: Agents) -> None:
    before = dict(line.split() for line in agents.host.file("/home/live_restore/pids").content_string.splitlines())
    assert before == {f"/{name}": str(agents.inspect(name)["State"]["Pid"]) for name in CONTAINERS}


def test_a_login_after_that_is_seen_in_them(agents: Agents) -> None:
    agents.login("atomic_rename", 2)
    for container in CONTAINERS:
        agents.wait_until_seen(container, 2)


@pytest.mark.parametrize("check", [True, False])
def test_a_rerun_after_that_changes_nothing(agents: Agents, check: bool) -> None:
    arguments = {
        "path": f"{agents.home}/agents.json",
        "home": agents.home,
        "mirrored": {agents.source: agents.directory},
        "writable_layer": "carry",
    }
    succeeded, result = agents.module("agent_mounts", arguments, check=check)
    assert succeeded, result
    assert (result["changed"], result["plan"]) == (False, "")


def test_each_agent_is_proven_to_work(agents: Agents) -> None:
    """The process in the container is the proof, also where the engine that is asked has not started it."""
    succeeded, result = agents.module(
        "agent_mounts_info",
        {"path": f"{agents.home}/agents.json", "home": agents.home, "mirrored": {agents.source: agents.directory}},
    )
    assert succeeded, result
    assert {name: agent["standing"] for name, agent in result["agents"].items()} == {"boss": "works", "dev": "works"}
