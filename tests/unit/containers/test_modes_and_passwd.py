"""Mode shared, passwd files and changes of mode: what a container has after a run, and what is refused."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._agents.placement import desired_state
from ansible_collections.agentops.credentials.plugins.module_utils._containers.options import Options
from ansible_collections.agentops.credentials.plugins.module_utils._containers.verdict import Verdict

from .. import fakes
from ..agents.specs import spec
from ..world import World

SHARED = "/home/dev/.local/share/agentops/agent-auth/claude/.claude"


def test_a_container_gets_the_shared_directory_once_it_was_made(world: World) -> None:
    world.container = {"mode": "shared", "credentials_host_dir": None}
    result = world.run()
    assert [one.directory for one in world.provider.provided] == [SHARED]
    assert (world.provider.provided[0].uid, world.provider.provided[0].initial_files) == (
        None,  # named, not numbered: the container's own passwd does not decide it
        {".claude.json": "{}\n"},
    )
    body = world.engine.named("boss")
    mount = {"Type": "bind", "Source": SHARED, "Target": "/run/agent-auth/claude", "ReadOnly": False}
    assert mount in body["HostConfig"]["Mounts"]
    assert "CLAUDE_CONFIG_DIR=/run/agent-auth/claude" in body["Config"]["Env"]
    assert result.after == {"boss": Verdict.OK}
    assert "boss: verify boss: running, sees " + SHARED + " writable\n" in str(result.plan)
    assert not world.run().changed


def test_check_mode_predicts_the_same_plan(world: World) -> None:
    world.container = {"mode": "shared", "credentials_host_dir": None}
    predicted = str(world.run(check_mode=True).plan)
    assert world.engine.writes == []
    assert str(world.run().plan) == predicted


def test_where_it_cannot_be_made_the_agent_is_left_alone(world: World) -> None:
    world.container = {"mode": "shared", "credentials_host_dir": None}
    world.provider.fails = "boss: no room."
    assert world.failure() == "boss: no room."
    assert world.engine.writes == []


def test_a_read_only_mount_of_a_shared_login_is_replaced(world: World) -> None:
    world.container = {"mode": "shared", "credentials_host_dir": None}
    world.run()
    world.engine.named("boss")["Mounts"][-1]["RW"] = False
    (agent,) = world.run(check_mode=True).plan.agents
    assert agent.diagnosis.reasons == (
        "the mount at /run/agent-auth/claude is read-only, and a shared login is written there",
    )


MIRROR = {"credentials_host_dir": fakes.DIRECTORY}
SHARE: dict[str, Any] = {"mode": "shared", "credentials_host_dir": None}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (MIRROR, SHARE),
        (SHARE, MIRROR),
        (MIRROR, {**MIRROR, "placement": "config_dir"}),
        (MIRROR, {**MIRROR, "target": "/x"}),
    ],
)
def test_a_change_of_mode_or_placement_leaves_nothing_of_the_earlier_one(world: World, before: Any, after: Any) -> None:
    world.container = before
    world.run()
    world.container = after
    assert world.run().after == {"boss": Verdict.OK}
    desired = desired_state(spec(**after), {}, "/home/claude")
    assert desired is not None
    body = world.engine.named("boss")
    assert [mount["Target"] for mount in body["HostConfig"]["Mounts"] if mount["Type"] == "bind"] == [
        desired.mount.target
    ]
    told = {entry for entry in body["Config"]["Env"] if entry.startswith(("CLAUDE_CONFIG_DIR=", "CLAUDE_SECURE"))}
    assert told == {f"{name}={value}" for name, value in desired.variables}
    assert not world.run().changed


def test_what_is_left_of_an_earlier_placement_is_a_drift(world: World) -> None:
    world.container = {**MIRROR, "target": "/x"}
    world.run()
    left = {"Type": "bind", "Source": "/c", "Destination": "/run/agent-auth/claude", "RW": True}
    boss = world.engine.named("boss")
    boss["Mounts"].append(left)
    boss["Config"]["Env"].append("CLAUDE_CONFIG_DIR=/run/agent-auth/claude")
    (agent,) = world.run(check_mode=True).plan.agents
    assert agent.diagnosis.reasons == (
        "/run/agent-auth/claude is left of another mode or placement",
        "CLAUDE_CONFIG_DIR is left of another mode or placement",
    )


def test_a_container_gets_its_passwd_file_and_home(world: World) -> None:
    world.container = {"passwd": True, "home": "/work"}
    world.engine.named("boss")["Config"]["User"] = "12345"
    world.run()
    (passwd,) = [one.passwd for one in world.provider.provided]
    assert passwd is not None
    body = world.engine.named("boss")
    mount = {"Type": "bind", "Source": passwd.path, "Target": "/etc/passwd", "ReadOnly": True}
    assert mount in body["HostConfig"]["Mounts"]
    assert "HOME=/work" in body["Config"]["Env"]


@pytest.mark.parametrize("container", [{"passwd": True, "home": "/work"}, {"mode": "shared", "home": "/work"}])
def test_state_absent_takes_away_all_that_was_mounted(world: World, container: Any) -> None:
    world.container = {"credentials_host_dir": None if "mode" in container else fakes.DIRECTORY, **container}
    world.engine.named("boss")["Config"]["User"] = "12345"
    world.run()
    world.options = Options(state="absent")
    world.provider.provided.clear()
    assert world.run().changed
    body = world.engine.named("boss")
    assert [mount for mount in body["HostConfig"]["Mounts"] if mount["Type"] == "bind"] == []
    assert not [entry for entry in body["Config"]["Env"] if entry.startswith(("CLAUDE_CONFIG", "CLAUDE_SECURE"))]
    assert world.provider.provided == []
    assert not world.run().changed


def test_a_passwd_file_without_a_home_is_refused(world: World) -> None:
    world.container = {"passwd": True}
    config = world.engine.named("boss")["Config"]
    config.update(User="12345", Env=[entry for entry in config["Env"] if not entry.startswith("HOME=")])
    assert re.search(r"boss: container.home is not set and the container has no HOME; set", world.failure())


def test_a_mount_of_the_containers_own_at_passwd_is_not_replaced(world: World) -> None:
    world.container = {"passwd": True, "home": "/work"}
    boss = world.engine.named("boss")
    boss["Config"]["User"] = "12345"
    boss["Mounts"].append({"Type": "bind", "Source": "/own", "Destination": "/etc/passwd", "RW": False})
    assert re.search(r"boss: container.passwd: a mount of the container's own is at /etc/passwd", world.failure())


@pytest.mark.parametrize("is_ours", [True, False])
def test_the_link_of_an_earlier_mode_is_no_file_that_would_be_lost(world: World, is_ours: bool) -> None:
    """The change to mode shared was refused for the link that the run before had made itself (attacks.md, 21)."""
    link = "/home/claude/.claude/.credentials.json"
    world.run()
    world.engine.layer = (link,)
    boss = world.engine.named("boss")
    assert link in world.engine.links[boss["Id"]]
    if not is_ours:
        world.engine.links[boss["Id"]][link] = "/srv/elsewhere"
    world.container = {"mode": "shared", "credentials_host_dir": None}
    failures = world.attempt().failures
    assert (link in str(failures)) == (not is_ours)
