"""The whole run on one agent: the plan as text, a failure and a cut at every call, and the way back."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import (
    AgentMountsError,
    ConfigError,
    RefusedError,
)

from . import fakes

PLAN = """\
boss: create boss.am-new (file_mount; /home/claude/.claude/.credentials.json is a file mount, which stays at one inode)
boss: link /home/claude/.claude/.credentials.json -> /run/agent-credentials/claude/.credentials.json (for versions that look there)
boss: set restart policy of boss.am-new to unless-stopped
boss: set restart policy of boss to no (two must not start)
boss: stop boss
boss: rename boss -> boss.am-old
boss: rename boss.am-new -> boss
boss: start boss
boss: verify boss: running, sees /home/dev/.config/claude-hooks/claude-credentials read-only
boss: remove boss.am-old (volumes kept)
"""
WRITES = 9  # of the plan above; verify only reads


def test_a_file_mount_is_replaced_by_the_directory(world: Any) -> None:
    predicted = world.run(check_mode=True)
    assert world.engine.writes == []
    outcome = world.run()
    assert str(outcome.plan) == PLAN == str(predicted.plan)
    assert outcome.after == predicted.after == {"boss": "ok"}
    assert len(world.engine.writes) == WRITES
    assert world.engine.names() == world.engine.running() == ["boss"]
    boss = world.engine.named("boss")
    assert boss["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert "CLAUDE_SECURESTORAGE_CONFIG_DIR=/run/agent-credentials/claude" in boss["Config"]["Env"]


def test_a_rerun_lists_once_inspects_once_and_writes_nothing(world: Any) -> None:
    world.run()
    world.engine.reads.clear()
    world.engine.writes.clear()
    outcome = world.run()
    assert not outcome.changed
    assert world.engine.writes == []
    assert world.engine.reads == ["containers", "inspect"]


@pytest.mark.parametrize("call", range(WRITES - 1))
def test_a_failure_at_any_call_leaves_the_old_container_as_it_was(world: Any, call: int) -> None:
    before = world.engine.inspect("boss")
    world.engine.fail_at = call
    with pytest.raises(AgentMountsError, match=r"on purpose.* is in place as before"):
        world.run()
    after = world.engine.inspect("boss")
    assert world.engine.names() == world.engine.running() == ["boss"]
    assert {**after, "State": None} == {**before, "State": None}
    world.engine.revive()
    assert world.run().after == {"boss": "ok"}


def test_a_failure_to_remove_the_old_one_keeps_the_new_one(world: Any) -> None:
    world.engine.fail_at = WRITES - 1
    with pytest.raises(AgentMountsError, match=r"boss is the new container and runs; boss\.am-old is left"):
        world.run()
    assert world.engine.running() == ["boss"]
    world.engine.revive()
    outcome = world.run()
    assert [str(operation) for operation in outcome.recovered] == [
        "boss: remove boss.am-old (volumes kept) (an earlier recreation did not end)"
    ]
    assert world.engine.names() == ["boss"]


@pytest.mark.parametrize("call", range(1, WRITES + 1))
def test_after_a_kill_at_any_call_the_next_run_recovers(world: Any, call: int) -> None:
    world.engine.cut_at = call
    if call < WRITES:
        with pytest.raises((fakes.CutOff, AgentMountsError)):
            world.run()
    assert "unless-stopped" in world.engine.policies()
    assert len(world.engine.running()) <= 1
    world.engine.revive()
    outcome = world.run()
    assert outcome.after == {"boss": "ok"}
    assert world.engine.names() == world.engine.running() == ["boss"]
    assert world.engine.policies() == {"unless-stopped"}


@pytest.mark.parametrize(("failure", "cut"), list(itertools.product(range(1, WRITES - 1), range(1, 7))))
def test_after_a_kill_in_the_middle_of_a_rollback_the_next_run_recovers(world: Any, failure: int, cut: int) -> None:
    world.engine.fail_at = failure
    world.engine.cut_at = failure + cut
    with pytest.raises((fakes.CutOff, AgentMountsError)):
        world.run()
    world.engine.revive()
    assert world.run().after == {"boss": "ok"}
    assert world.engine.names() == world.engine.running() == ["boss"]
    assert world.engine.policies() == {"unless-stopped"}


def test_a_new_container_that_sees_another_directory_is_rolled_back(world: Any) -> None:
    world.host.stale = (1, 1)
    world.options = dataclasses.replace(world.options, wait_timeout=0)
    with pytest.raises(AgentMountsError, match=r"could not verify boss.*does not see.*is in place as before"):
        world.run()
    assert world.engine.running() == ["boss"]
    assert world.engine.inspect("boss")["Id"] == fakes.recorded("boss_file_mount.json")["Id"]


def test_a_leftover_that_is_no_copy_is_not_removed(world: Any) -> None:
    foreign = fakes.recorded("boss_file_mount.json")
    foreign.update(Id="f" * 64, Name="/boss.am-old")
    foreign["Config"]["Cmd"] = ["something", "else"]
    world.engine.world[foreign["Id"]] = foreign
    with pytest.raises(RefusedError, match=r"boss: a container boss\.am-old is left"):
        world.run()
    assert world.engine.writes == []


def test_a_stale_directory_mount_is_healed_by_a_restart(world: Any) -> None:
    world.run()
    world.engine.writes.clear()
    world.host.stale = (1, 1)
    predicted = world.run(check_mode=True)
    assert str(predicted.plan) == (
        "boss: restart boss (stale; /run/agent-credentials/claude is another directory than "
        "/home/dev/.config/claude-hooks/claude-credentials now)\n"
        "boss: verify boss: running, sees /home/dev/.config/claude-hooks/claude-credentials read-only\n"
    )


def test_a_stale_mount_and_a_missing_link_are_mended_in_one_run(world: Any) -> None:
    world.run()
    world.engine.links.clear()
    world.host.stale = (1, 1)
    actions = [operation.action for operation in world.run(check_mode=True).plan.operations]
    assert actions == ["restart", "verify", "link"]


def test_a_missing_link_alone_is_made_without_a_recreation(world: Any) -> None:
    world.run()
    world.engine.links.clear()
    world.engine.writes.clear()
    outcome = world.run()
    assert world.engine.writes == ["link boss /home/claude/.claude/.credentials.json"]
    assert outcome.changed


def test_where_proc_cannot_be_read_nothing_is_called_fresh(world: Any) -> None:
    world.run()
    world.host.provable = False
    outcome = world.run()
    assert not outcome.changed
    assert outcome.plan.agents[0].observed.seen is None
    assert outcome.warnings == (
        "boss: not proven that the container sees the current directory: no rights on purpose.",
    )


def test_where_proc_cannot_be_read_the_plan_does_not_say_that_it_is_proved(world: Any) -> None:
    world.host.provable = False
    plan = str(world.run(check_mode=True).plan)
    assert "boss: verify boss: running (not proven what it sees: no rights on purpose)\n" in plan


def test_a_stopped_container_is_left_alone_unless_asked(world: Any) -> None:
    world.engine.stop("boss", 0)
    world.engine.writes.clear()
    outcome = world.run()
    assert not outcome.changed
    assert outcome.after == {"boss": "file_mount"}
    assert "recreate_stopped: true" in outcome.warnings[0]
    world.options = dataclasses.replace(world.options, recreate_stopped=True)
    world.run()
    assert world.engine.running() == []
    assert world.run().after == {"boss": "ok"}


def test_absent_takes_the_mount_and_the_variable_away_again(world: Any) -> None:
    world.run()
    world.options = dataclasses.replace(world.options, state="absent")
    outcome = world.run()
    assert outcome.after == {"boss": "missing"}
    boss = world.engine.named("boss")
    assert not any("agent-credentials" in entry for entry in boss["Config"]["Env"])
    assert [mount["Destination"] for mount in boss["Mounts"]] == ["/data"]
    assert not world.run().changed


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"HostConfig": {"AutoRemove": True}}, "started with --rm"),
        ({"Config": {"Labels": {"com.docker.swarm.task.id": "x"}}}, "task of a swarm service"),
        ({"Image": "sha256:gone"}, "is of the image sha256:gone, which is gone"),
        ({"HostConfig": {"FieldOfTheFuture": 1}}, "does not know how to keep (HostConfig.FieldOfTheFuture)"),
    ],
)
def test_what_must_not_be_recreated_is_refused_by_name(world: Any, change: Any, sentence: str) -> None:
    boss = world.engine.named("boss")
    for key, value in change.items():
        boss[key] = {**boss[key], **value} if isinstance(value, dict) else value
    with pytest.raises(RefusedError) as error:
        world.run()
    assert sentence in str(error.value)
    assert str(error.value).startswith("boss: ")
    assert world.engine.writes == []


def add_sidecar(world: Any, field: str = "NetworkMode") -> None:
    """A container that uses a namespace of boss."""
    sidecar = fakes.recorded("boss_file_mount.json")
    sidecar.update(Id="e" * 64, Name="/sidecar", Mounts=[])
    sidecar["HostConfig"].update({field: f"container:{world.engine.named('boss')['Id']}", "Binds": None})
    world.engine.world[sidecar["Id"]] = sidecar


@pytest.mark.parametrize("field", ["NetworkMode", "PidMode", "IpcMode"])
def test_containers_that_hold_on_to_this_one_are_named(world: Any, field: str) -> None:
    add_sidecar(world, field)
    with pytest.raises(RefusedError, match=r"boss: other containers use this one and would break: sidecar \(its"):
        world.run()


def test_a_linked_container_is_refused_even_where_dependents_may_be_recreated(world: Any) -> None:
    add_sidecar(world)
    world.engine.named("sidecar")["HostConfig"].update(NetworkMode="bridge", Links=["/boss:/sidecar/boss"])
    world.options = dataclasses.replace(world.options, recreate_dependents=True)
    with pytest.raises(RefusedError, match="sidecar is linked to this one, and a link cannot be kept"):
        world.run()


WITH_SIDECAR = """\
boss: create boss.am-new (file_mount; /home/claude/.claude/.credentials.json is a file mount, which stays at one inode)
boss: link /home/claude/.claude/.credentials.json -> /run/agent-credentials/claude/.credentials.json (for versions that look there)
boss: create sidecar.am-new (it uses boss)
boss: set restart policy of boss.am-new to unless-stopped
boss: set restart policy of boss to no (two must not start)
boss: set restart policy of sidecar.am-new to unless-stopped
boss: set restart policy of sidecar to no (two must not start)
boss: stop sidecar
boss: stop boss
boss: rename boss -> boss.am-old
boss: rename boss.am-new -> boss
boss: start boss
boss: verify boss: running, sees /home/dev/.config/claude-hooks/claude-credentials read-only
boss: rename sidecar -> sidecar.am-old
boss: rename sidecar.am-new -> sidecar
boss: start sidecar
boss: verify sidecar: running
boss: remove sidecar.am-old (volumes kept)
boss: remove boss.am-old (volumes kept)
"""
SIDECAR_WRITES = 17


def is_in_order(world: Any) -> bool:
    """Both run under their names with their policies, and the sidecar is where boss is."""
    boss, sidecar = world.engine.named("boss"), world.engine.named("sidecar")
    return bool(
        world.engine.names() == world.engine.running() == ["boss", "sidecar"]
        and world.engine.policies() == {"unless-stopped"}
        and sidecar["HostConfig"]["NetworkMode"] == f"container:{boss['Id']}"
    )


def test_dependents_are_recreated_with_the_container(world: Any) -> None:
    add_sidecar(world)
    world.options = dataclasses.replace(world.options, recreate_dependents=True)
    outcome = world.run()
    assert str(outcome.plan) == WITH_SIDECAR
    assert len(world.engine.writes) == SIDECAR_WRITES
    assert is_in_order(world)
    assert not world.run().changed


@pytest.mark.parametrize("call", range(SIDECAR_WRITES - 2))
def test_with_dependents_a_failure_at_any_call_leaves_all_as_it_was(world: Any, call: int) -> None:
    add_sidecar(world)
    world.options = dataclasses.replace(world.options, recreate_dependents=True)
    before = [document["Id"] for document in world.engine.world.values()]
    world.engine.fail_at = call
    with pytest.raises(AgentMountsError, match=r"on purpose.* is in place as before"):
        world.run()
    assert is_in_order(world)
    assert [document["Id"] for document in world.engine.world.values()] == before


@pytest.mark.parametrize("call", range(1, SIDECAR_WRITES))
def test_with_dependents_the_run_after_a_kill_at_any_call_recovers(world: Any, call: int) -> None:
    add_sidecar(world)
    world.options = dataclasses.replace(world.options, recreate_dependents=True)
    world.engine.cut_at = call
    with pytest.raises((fakes.CutOff, AgentMountsError)):
        world.run()
    world.engine.revive()
    assert world.run().after == {"boss": "ok"}
    assert is_in_order(world)


@pytest.mark.parametrize(("failure", "cut"), list(itertools.product(range(2, SIDECAR_WRITES - 2), range(1, 9))))
def test_with_dependents_the_run_after_a_kill_in_a_rollback_recovers(world: Any, failure: int, cut: int) -> None:
    add_sidecar(world)
    world.options = dataclasses.replace(world.options, recreate_dependents=True)
    world.engine.fail_at, world.engine.cut_at = failure, failure + cut
    with pytest.raises((fakes.CutOff, AgentMountsError)):
        world.run()
    world.engine.revive()
    assert world.run().after == {"boss": "ok"}
    assert is_in_order(world)


def test_a_restart_takes_the_dependents_along(world: Any) -> None:
    world.run()
    add_sidecar(world)
    world.host.stale = (1, 1)
    with pytest.raises(RefusedError, match="set recreate_dependents: true"):
        world.run(check_mode=True)
    world.options = dataclasses.replace(world.options, recreate_dependents=True)
    assert str(world.run(check_mode=True).plan).endswith("boss: restart sidecar (it uses boss)\n")


def test_a_container_that_vanishes_meanwhile_is_no_fault(world: Any) -> None:
    gone = fakes.recorded("boss_file_mount.json")
    gone.update(Id="d" * 64, Name="/short-lived")
    listed = [
        *world.engine.containers(),
        {"Id": gone["Id"], "Names": ["/short-lived"], "State": "running", "Mounts": []},
    ]
    world.engine.containers = lambda: listed
    assert str(world.run(check_mode=True).plan) == PLAN


def test_no_link_is_made_where_a_memory_file_system_would_hide_it(world: Any) -> None:
    world.engine.named("boss")["HostConfig"]["Tmpfs"] = {"/home/claude/": ""}
    outcome = world.run()
    assert "link" not in str(outcome.plan)
    assert "lies on a tmpfs mount" in outcome.warnings[0]
    assert outcome.after == {"boss": "ok"}


def test_a_changed_writable_layer_is_refused_carried_or_discarded(world: Any) -> None:
    world.engine.layer = (
        {"Path": "/home/claude/.claude/projects/a.jsonl", "Kind": 1},
        {"Path": "/home/claude/.claude/projects", "Kind": 1},
        {"Path": "/home/claude/.claude/.credentials.json", "Kind": 1},
        {"Path": "/tmp/x", "Kind": 1},
    )
    world.options = dataclasses.replace(world.options, writable_layer_ignore=("/tmp",))
    with pytest.raises(RefusedError, match=r"lose \(/home/claude/\.claude/projects/a\.jsonl\); set writable_layer"):
        world.run()
    world.options = dataclasses.replace(world.options, writable_layer="carry")
    assert "copy the writable layer of boss to boss.am-new" in str(world.run(check_mode=True).plan)
    world.options = dataclasses.replace(world.options, writable_layer="discard")
    assert str(world.run().plan) == PLAN


IMAGE = "agentops-carried:boss-{}"
BY_COMMIT = """\
boss: create boss.am-new (as a trial; file_mount; /home/claude/.claude/.credentials.json is a file mount, which stays at one inode)
boss: stop boss
boss: commit boss to the image IMAGE (its writable layer cannot be copied: the storage driver is vfs, not overlay2)
boss: rename boss -> boss.am-old
boss: remove boss.am-new (the trial)
boss: create boss.am-new of the image IMAGE
boss: link /home/claude/.claude/.credentials.json -> /run/agent-credentials/claude/.credentials.json (for versions that look there)
boss: set restart policy of boss.am-new to unless-stopped
boss: set restart policy of boss.am-old to no (two must not start)
boss: rename boss.am-new -> boss
boss: start boss
boss: verify boss: running, sees /home/dev/.config/claude-hooks/claude-credentials read-only
boss: remove boss.am-old (volumes kept)
"""
COMMIT_WRITES = 12


@pytest.fixture
def committing(world: Any) -> Any:
    """A world in which boss has written a file, and its layer cannot be copied."""
    world.engine.layer = ({"Path": "/srv/notes", "Kind": 1},)
    world.engine.is_overlay = False
    world.engine.named("boss")["GraphDriver"] = {"Name": "vfs", "Data": None}
    world.options = dataclasses.replace(world.options, writable_layer="carry")
    return world


def commit_image(world: Any) -> str:
    return IMAGE.format(fakes.recorded("boss_file_mount.json")["Id"][:12])


def holds_what_boss_wrote(world: Any) -> bool:
    """Whether boss is the original, or of the image of its writable layer; and no image is left that nothing uses."""
    boss, original = world.engine.named("boss"), fakes.recorded("boss_file_mount.json")["Id"]
    is_original = boss["Id"] == original
    assert world.engine.committed == (set() if is_original else {boss["Config"]["Image"]})
    return is_original or boss["Image"] == fakes.COMMITTED_ID


def test_a_layer_that_cannot_be_copied_is_carried_by_commit_and_the_plan_says_so(committing: Any) -> None:
    predicted = committing.run(check_mode=True)
    assert committing.engine.writes == []
    outcome = committing.run()
    assert str(outcome.plan) == BY_COMMIT.replace("IMAGE", commit_image(committing)) == str(predicted.plan)
    assert len(committing.engine.writes) == COMMIT_WRITES
    assert committing.engine.names() == committing.engine.running() == ["boss"]
    assert holds_what_boss_wrote(committing)
    told = " ".join(predicted.plan.agents[0].differences)
    assert f"the image becomes {commit_image(committing)}" in told
    assert "keeps no extended attributes user.*" in told
    committing.engine.layer = ()
    assert not committing.run().changed


@pytest.mark.parametrize("is_local", [True, False])
def test_the_plan_says_why_the_layer_cannot_be_copied(committing: Any, is_local: bool) -> None:
    committing.engine.named("boss")["GraphDriver"] = {"Name": "overlay2", "Data": {}}
    committing.engine.is_local = is_local
    reason = "this user cannot reach the engine's files (use become)" if is_local else "the engine is on another host"
    assert f"cannot be copied: {reason})" in str(committing.run(check_mode=True).plan)


@pytest.mark.parametrize("call", range(COMMIT_WRITES - 1))
def test_by_commit_a_failure_at_any_call_leaves_the_old_container_as_it_was(committing: Any, call: int) -> None:
    before = committing.engine.inspect("boss")
    committing.engine.fail_at = call
    with pytest.raises(AgentMountsError, match=r"on purpose.* is in place as before"):
        committing.run()
    after = committing.engine.inspect("boss")
    assert committing.engine.names() == committing.engine.running() == ["boss"]
    assert {**after, "State": None} == {**before, "State": None}
    assert holds_what_boss_wrote(committing)
    assert committing.run().after == {"boss": "ok"}


@pytest.mark.parametrize("call", range(1, COMMIT_WRITES))
def test_by_commit_the_run_after_a_kill_at_any_call_recovers(committing: Any, call: int) -> None:
    committing.engine.cut_at = call
    with pytest.raises((fakes.CutOff, AgentMountsError)):
        committing.run()
    assert "unless-stopped" in committing.engine.policies()
    assert len(committing.engine.running()) <= 1
    committing.engine.revive()
    assert committing.run().after == {"boss": "ok"}
    assert committing.engine.names() == committing.engine.running() == ["boss"]
    assert committing.engine.policies() == {"unless-stopped"}
    assert holds_what_boss_wrote(committing)


@pytest.mark.parametrize(("failure", "cut"), list(itertools.product(range(1, COMMIT_WRITES - 1), range(1, 7))))
def test_by_commit_the_run_after_a_kill_in_a_rollback_recovers(committing: Any, failure: int, cut: int) -> None:
    committing.engine.fail_at, committing.engine.cut_at = failure, failure + cut
    with pytest.raises((fakes.CutOff, AgentMountsError)):
        committing.run()
    committing.engine.revive()
    assert committing.run().after == {"boss": "ok"}
    assert committing.engine.names() == committing.engine.running() == ["boss"]
    assert committing.engine.policies() == {"unless-stopped"}
    assert holds_what_boss_wrote(committing)


@pytest.mark.parametrize("call", range(1, 9))
def test_by_commit_a_stopped_container_stays_stopped_whatever_is_cut_off(committing: Any, call: int) -> None:
    committing.engine.stop("boss", 0)
    committing.engine.writes.clear()
    committing.options = dataclasses.replace(committing.options, recreate_stopped=True)
    committing.engine.cut_at = call
    with contextlib.suppress(fakes.CutOff, AgentMountsError):
        committing.run()
    committing.engine.revive()
    committing.run()
    assert committing.engine.names() == ["boss"]
    assert committing.engine.running() == []
    assert committing.engine.policies() == {"unless-stopped"}
    assert holds_what_boss_wrote(committing)
    assert committing.engine.named("boss")["Config"]["Image"] == commit_image(committing) + "-stopped"


def test_no_commit_is_made_where_containers_depend_on_each_other(committing: Any) -> None:
    add_sidecar(committing)
    committing.options = dataclasses.replace(committing.options, recreate_dependents=True)
    with pytest.raises(RefusedError, match=r"only docker commit could keep \(the storage driver is vfs"):
        committing.run()


def test_absent_after_a_commit_unsets_the_variable_that_the_image_has_now(committing: Any) -> None:
    committing.run()
    committing.engine.named("boss")["GraphDriver"] = {"Name": "vfs", "Data": None}
    committing.options = dataclasses.replace(committing.options, state="absent")
    assert committing.run().after == {"boss": "missing"}
    assert committing.engine.named("boss")["Config"]["Env"][-1] == "CLAUDE_SECURESTORAGE_CONFIG_DIR"


def test_a_credentials_directory_with_other_files_is_refused_before_the_engine_is_asked(world: Any) -> None:
    world.host = fakes.FakeHost(world.engine, (".credentials.json", "history.jsonl"))
    with pytest.raises(ConfigError, match=r"also holds history\.jsonl, which the agent would see"):
        world.run()
    assert world.engine.reads == []


def test_no_value_of_the_environment_is_in_a_plan_or_in_an_error(world: Any) -> None:
    texts = [str(world.run(check_mode=True).plan), repr(world.run(check_mode=True).plan)]
    world.engine.fail_at = 3
    with pytest.raises(AgentMountsError) as error:
        world.run()
    assert "fake-token-of-the-agent" not in "".join([*texts, str(error.value)])


def test_a_container_that_is_not_idle_is_left_for_the_next_run(world: Any) -> None:
    world.container = {"only_when_idle": ["test", "!", "-e", "/tmp/busy"]}
    world.engine.idle_status = 1
    outcome = world.run()
    assert not outcome.changed
    assert outcome.after == {"boss": "file_mount"}
    assert outcome.plan.agents[0].deferred == (
        "boss: deferred, for its container is not idle (only_when_idle ended with status 1)."
    )
    world.engine.idle_status = 0
    assert world.run().after == {"boss": "ok"}


def crew(world: Any) -> None:
    """Two more agents beside boss, with containers like its own."""
    for number, name in enumerate(("dev", "reviewer"), start=1):
        document = fakes.recorded("boss_file_mount.json")
        document.update(Id=f"{number}" * 64, Name=f"/{name}")
        world.engine.world[document["Id"]] = document
    settings = {"credentials_host_dir": fakes.DIRECTORY}
    world.agents = {name: {"container": settings} for name in ("boss", "dev", "reviewer")}


@pytest.mark.parametrize("max_parallel", [1, 2, 3])
def test_agents_are_recreated_so_many_at_once(world: Any, max_parallel: int) -> None:
    crew(world)
    world.max_parallel = max_parallel
    assert world.run().after == dict.fromkeys(("boss", "dev", "reviewer"), "ok")
    assert world.engine.names() == world.engine.running() == ["boss", "dev", "reviewer"]


def test_after_a_failure_the_agents_behind_are_not_touched_and_that_is_said(world: Any) -> None:
    crew(world)
    world.engine.fail_at = WRITES + 2
    with pytest.raises(AgentMountsError) as error:
        world.run()
    assert str(error.value).endswith(
        "The old container dev is in place as before. Done before it: boss. Not touched: reviewer."
    )
    assert world.engine.running() == ["boss", "dev", "reviewer"]


def test_a_container_of_compose_is_recreated_with_the_word_where_the_old_mount_stands(world: Any) -> None:
    world.engine.named("boss")["Config"]["Labels"] = {
        "com.docker.compose.service": "agent",
        "com.docker.compose.project.config_files": "/srv/app/compose.yaml",
    }
    (warning,) = world.run().warnings
    assert "in services.agent.volumes of /srv/app/compose.yaml replace the volume at /home/claude/.claude/" in warning
    assert f"by {fakes.DIRECTORY}:/run/agent-credentials/claude:ro" in warning
    assert world.run().warnings == ()


def test_a_link_on_a_volume_waits_until_the_original_has_stopped(world: Any) -> None:
    boss = world.engine.named("boss")
    boss["Mounts"].append({"Type": "volume", "Name": "home", "Destination": "/home/claude", "RW": True})
    boss["HostConfig"]["Binds"].append("home:/home/claude")
    actions = [operation.action for operation in world.run(check_mode=True).plan.operations]
    assert actions.index("link") > actions.index("stop")
