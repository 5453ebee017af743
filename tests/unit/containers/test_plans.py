"""Which plan each situation leads to, as text; check mode predicts it, and the run carries it out."""

from __future__ import annotations

import re

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._containers.operations import MakeLink, StopContainer
from ansible_collections.agentops.credentials.plugins.module_utils._containers.ports import NOT_HERE
from ansible_collections.agentops.credentials.plugins.module_utils._containers.verdict import Verdict

from .. import fakes
from ..world import World
from .situations import (
    COMMIT,
    FILE,
    PROBE,
    PROBE_SIDECAR,
    RECREATION,
    RECREATIONS,
    TARGET,
    Situation,
    add_sidecar,
    is_in_order,
    layer_cannot_be_copied,
    options,
)


@pytest.mark.parametrize("situation", RECREATIONS, ids=str)
def test_the_plan_of_a_recreation(world: World, situation: Situation) -> None:
    situation.arrange(world)
    predicted = world.run(check_mode=True)
    assert world.engine.writes == []
    result = world.run()
    assert str(predicted.plan) == situation.plan == str(result.plan)
    assert predicted.after == result.after == {"boss": Verdict.OK}
    assert len(world.engine.writes) == situation.writes
    assert is_in_order(world, situation)
    world.engine.layer = ()
    assert not world.run().changed


def test_the_plan_of_a_restart(world: World) -> None:
    world.run()
    world.host.stale = (1, 1)
    world.engine.links.clear()
    add_sidecar(world)
    options(world, recreate_dependents=True)
    assert (
        str(world.run(check_mode=True).plan)
        == f"""\
{PROBE}{PROBE_SIDECAR}boss: restart boss (stale; {TARGET} is another directory than {fakes.DIRECTORY} now)
boss: verify boss: running, sees {fakes.DIRECTORY} read-only
boss: link {FILE} -> {TARGET}/.credentials.json (for versions that look there)
boss: restart sidecar (it uses boss)
"""
    )


def test_the_plan_where_only_the_link_is_missing(world: World) -> None:
    world.run()
    world.engine.links.clear()
    world.engine.writes.clear()
    plan = f"boss: link {FILE} -> {TARGET}/.credentials.json (for versions that look there)\n"
    assert str(world.run().plan) == plan
    assert world.engine.writes == [f"link boss {FILE}"]


def test_the_plan_of_state_absent(world: World) -> None:
    world.run()
    options(world, state="absent")
    result = world.run()
    assert (
        str(result.plan)
        == f"""\
{PROBE}boss: create boss.am-new (ok; the directory mount is to be taken away)
boss: set restart policy of boss to always (a boot must start it, stopped or not)
boss: stop boss
boss: rename boss -> boss.am-old
boss: rename boss.am-new -> boss
boss: start boss
boss: verify boss: running
boss: set restart policy of boss.am-old to no (two must not start)
boss: remove boss.am-old (volumes kept)
"""
    )
    assert result.after == {"boss": Verdict.MISSING}
    boss = world.engine.named("boss")
    assert not any("agent-credentials" in entry for entry in boss["Config"]["Env"])
    assert [mount["Destination"] for mount in boss["Mounts"]] == ["/data"]
    assert not world.run().changed


def test_the_plan_without_a_container_is_empty(world: World) -> None:
    world.container = {"name": "nobody"}
    result = world.run()
    assert (str(result.plan), result.after) == ("", {"boss": Verdict.ABSENT})


def test_the_plan_does_not_claim_a_proof_where_proc_cannot_be_read(world: World) -> None:
    world.host.provable = False
    plan = str(world.run(check_mode=True).plan)
    assert "boss: verify boss: running (not proven what it sees: no rights on purpose)\n" in plan


def test_the_recreated_container_has_the_policy_and_the_variable(world: World) -> None:
    world.run()
    boss = world.engine.named("boss")
    assert boss["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert f"CLAUDE_SECURESTORAGE_CONFIG_DIR={TARGET}" in boss["Config"]["Env"]


def test_a_rerun_lists_once_inspects_once_and_writes_nothing(world: World) -> None:
    world.run()
    world.engine.reads.clear()
    world.engine.writes.clear()
    result = world.run()
    assert not result.changed
    assert world.engine.writes == []
    assert world.engine.reads == ["containers", "inspect"]


def test_where_proc_cannot_be_read_nothing_is_called_fresh(world: World) -> None:
    world.run()
    world.host.provable = False
    result = world.run()
    assert not result.changed
    container = result.plan.agents[0].observed.container
    assert container is not None
    assert container.seen_directory is None
    assert result.warnings == ("boss: not proven that the container sees the current directory: no rights on purpose.",)


def test_a_stopped_container_is_left_alone_unless_asked(world: World) -> None:
    world.engine.stop("boss", 0)
    world.engine.writes.clear()
    result = world.run()
    assert not result.changed
    assert result.after == {"boss": Verdict.FILE_MOUNT}
    assert "recreate_stopped: true" in result.warnings[0]


def test_a_restart_does_not_stop_dependents_unasked(world: World) -> None:
    world.run()
    add_sidecar(world)
    world.host.stale = (1, 1)
    assert re.search("set recreate_dependents: true", world.failure(check_mode=True))


def test_no_link_is_made_where_a_memory_file_system_would_hide_it(world: World) -> None:
    world.engine.named("boss")["HostConfig"]["Tmpfs"] = {"/home/claude/": ""}
    result = world.run()
    assert "link" not in str(result.plan)
    assert "lies on a tmpfs mount" in result.warnings[0]
    assert result.after == {"boss": Verdict.OK}


def test_a_changed_writable_layer_is_refused_or_discarded(world: World) -> None:
    projects = "/home/claude/.claude/projects"
    world.engine.layer = (f"{projects}/a.jsonl", projects, FILE, "/tmp/x")
    options(world, writable_layer_ignore=("/tmp",))
    assert re.search(r"lose \(/home/claude/\.claude/projects/a\.jsonl\); set writable_layer", world.failure())
    options(world, writable_layer="discard")
    assert str(world.run().plan) == RECREATION.plan


def test_what_a_commit_cannot_keep_is_in_the_differences(world: World) -> None:
    layer_cannot_be_copied(world)
    differences = " ".join(world.run(check_mode=True).plan.agents[0].differences)
    assert "the image becomes agentops-carried:boss-" in differences
    assert "keeps no extended attributes user.*" in differences


@pytest.mark.parametrize(
    ("is_local", "may_set_owners", "reason"),
    [
        (False, True, NOT_HERE),
        (True, False, "this user cannot reach the engine's files (use become)"),
        # As root, and also as the user of a rootless engine: become would help neither.
        (True, True, "the directory that the engine names for it is not there"),
    ],
)
def test_the_plan_says_why_the_layer_cannot_be_copied(
    world: World, is_local: bool, may_set_owners: bool, reason: str
) -> None:
    layer_cannot_be_copied(world)
    world.engine.named("boss")["GraphDriver"] = {"Name": "overlay2", "Data": {}}
    world.engine.is_local, world.engine.may_set_owners = is_local, may_set_owners
    assert f"cannot be copied: {reason})" in str(world.run(check_mode=True).plan)


def test_absent_after_a_commit_unsets_the_variable_that_the_image_has_now(world: World) -> None:
    COMMIT.arrange(world)
    world.run()
    world.engine.named("boss")["GraphDriver"] = {"Name": "vfs", "Data": None}
    options(world, state="absent")
    assert world.run().after == {"boss": Verdict.MISSING}
    assert world.engine.named("boss")["Config"]["Env"][-1] == "CLAUDE_SECURESTORAGE_CONFIG_DIR"


def test_a_container_that_is_not_idle_is_left_for_the_next_run(world: World) -> None:
    world.container = {"only_when_idle": ["test", "!", "-e", "/tmp/busy"]}
    world.engine.idle_status = 1
    result = world.run()
    assert not result.changed
    assert result.after == {"boss": Verdict.FILE_MOUNT}
    assert result.plan.agents[0].deferred == (
        "boss: deferred, for its container is not idle (only_when_idle ended with status 1)."
    )
    world.engine.idle_status = 0
    assert world.run().after == {"boss": Verdict.OK}


def test_a_container_that_vanishes_meanwhile_is_no_fault(world: World) -> None:
    gone = fakes.recorded("boss_file_mount.json")
    gone.update(Id="d" * 64, Name="/short-lived")
    world.engine.vanishing = {"Id": gone["Id"], "Names": ["/short-lived"]}
    assert str(world.run(check_mode=True).plan) == RECREATION.plan


def test_a_container_of_compose_is_recreated_with_a_warning_that_names_the_old_mount(world: World) -> None:
    world.engine.named("boss")["Config"]["Labels"] = {
        "com.docker.compose.service": "agent",
        "com.docker.compose.project.config_files": "/srv/app/compose.yaml",
    }
    (warning,) = world.run().warnings
    assert "in services.agent.volumes of /srv/app/compose.yaml replace the volume at /home/claude/.claude/" in warning
    assert f"by {fakes.DIRECTORY}:{TARGET}:ro" in warning
    assert world.run().warnings == ()


def test_a_link_on_a_volume_waits_until_the_original_has_stopped(world: World) -> None:
    boss = world.engine.named("boss")
    boss["Mounts"].append({"Type": "volume", "Name": "home", "Destination": "/home/claude", "RW": True})
    boss["HostConfig"]["Binds"].append("home:/home/claude")
    kinds = [type(operation) for operation in world.run(check_mode=True).plan.operations]
    assert kinds.index(MakeLink) > kinds.index(StopContainer)


def test_a_link_in_the_home_that_the_image_names_is_the_container_users(world: World) -> None:
    """It lies in a directory of mode 0700, and /home/claude is claude's by the image's passwd file."""
    config = world.engine.named("boss")["Config"]
    config.update(User="12345", Env=["HOME=/home/claude", *config["Env"]])
    steps = world.run(check_mode=True).plan.operations
    links = {step.path: (step.uid, step.gid) for step in steps if isinstance(step, MakeLink)}
    assert links == {"/home/claude/.claude/.credentials.json": (12345, 0)}
