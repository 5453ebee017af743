"""An engine whose cgroup driver is none: the kernel does not tell which container a process belongs to."""

from __future__ import annotations

import pytest

from testbed.hosts import Agents, UsersEngine

AGENTS = ("root", "agent", "other")


@pytest.fixture(autouse=True)
def engine(agents: Agents) -> UsersEngine:
    """The engine has no cgroups, and no right to make any; the containers run. Nothing after these tests needs them."""
    engine = UsersEngine(agents)
    if engine.docker("info --format '{{.CgroupDriver}}'") != "none":
        # A rootless engine that is told not to ask systemd has the driver none, a name that dockerd itself refuses.
        without = {**engine.configuration(), "exec-opts": ["native.cgroupdriver=cgroupfs"]}
        engine.restart(without)
        engine.forbid_cgroups()
        engine.docker("start " + " ".join(f"rootless-{name}" for name in AGENTS))
    return engine


@pytest.mark.parametrize("agent", AGENTS)
def test_no_cgroup_names_the_container(agents: Agents, engine: UsersEngine, agent: str) -> None:
    told = engine.docker(f"inspect --format '{{{{.State.Pid}}}} {{{{.Id}}}}' rootless-{agent}")
    pid, container_id = told.split()
    assert container_id not in agents.host.file(f"/proc/{pid}/cgroup").content_string


@pytest.mark.parametrize("user", ["root", "rootless"])
def test_each_agent_is_proven_to_work_whoever_asks(agents: Agents, user: str) -> None:
    arguments = {"path": f"{agents.home}/agents.json", "home": agents.home}
    succeeded, result = agents.module("agent_mounts_info", arguments, user)
    assert succeeded, result
    assert {name: agent["standing"] for name, agent in result["agents"].items()} == dict.fromkeys(AGENTS, "works")


def test_a_recreation_keeps_the_layer_and_a_rerun_changes_nothing(agents: Agents, engine: UsersEngine) -> None:
    engine.docker("run --detach --name rootless-none --user 0 agentops-agent")
    engine.docker("exec rootless-none sh -c 'mkdir /srv; echo own > /srv/own; chown 1001:7 /srv/own'")
    arguments = {
        "agents": {"none": {"container": {"name": "rootless-none", "credentials_host_dir": agents.directory}}},
        "home": agents.home,
        "writable_layer": "carry",
    }
    for is_first in (True, False):
        succeeded, result = agents.module("agent_mounts", arguments)
        assert succeeded, result
        assert result["changed"] is is_first
        assert result["agents"]["none"]["proven"]
        assert result["agents"]["none"]["verdict_after"] == "ok"
    assert engine.docker("exec rootless-none stat -c %u:%g /srv/own") == "1001:7"
