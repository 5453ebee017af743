"""The six ways in which an interrupted recreation is put in order, as text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._containers.layer_changes import is_committed_from

from .. import fakes
from ..world import World
from .situations import add_sidecar, options

WHY = "(an earlier recreation did not end)"
BOSS = fakes.recorded("boss_file_mount.json")["Id"]


def copy_of(world: World, name: str, status: str = "created", **host_config: Any) -> dict[str, Any]:
    """A replacement of boss, made after boss was last started."""
    document: dict[str, Any] = fakes.recorded("boss_file_mount.json")
    document.update(Id="a" * 64, Name=f"/{name}", Created="2030-01-01T00:00:10Z")
    running = status == "running"
    document["State"].update(Status=status, Running=running, Pid=1234 if running else 0)
    document["HostConfig"].update(host_config)
    world.engine.world[document["Id"]] = document
    return document


def stop(world: World, name: str, finished: str = "2030-01-01T00:00:20Z") -> None:
    """As a recreation does: a boot would start it."""
    world.engine.named(name)["HostConfig"]["RestartPolicy"] = {"Name": "always", "MaximumRetryCount": 0}
    world.engine.named(name)["State"].update(Status="exited", Running=False, Pid=0, FinishedAt=finished)


def nothing_left(world: World) -> None:
    """1."""


def before_the_stop(world: World) -> None:
    copy_of(world, "boss.am-new")


def after_the_stop(world: World) -> None:
    copy_of(world, "boss.am-new")
    stop(world, "boss")


def stopped_long_before(world: World) -> None:
    copy_of(world, "boss.am-new")
    stop(world, "boss", "2029-01-01T00:00:00Z")
    world.engine.named("boss")["HostConfig"]["RestartPolicy"]["Name"] = "unless-stopped"


def between_the_renamings(world: World) -> None:
    copy_of(world, "boss.am-new")
    stop(world, "boss")
    world.engine.named("boss")["Name"] = "/boss.am-old"


def stopped_between_the_renamings(world: World) -> None:
    stopped_long_before(world)
    world.engine.named("boss")["Name"] = "/boss.am-old"


def only_the_old_one(world: World) -> None:
    stop(world, "boss")
    world.engine.named("boss")["Name"] = "/boss.am-old"


def before_the_start(world: World) -> None:
    stop(world, "boss")
    world.engine.named("boss")["Name"] = "/boss.am-old"
    copy_of(world, "boss")


def after_the_start(world: World) -> None:
    before_the_start(world)
    world.engine.world["a" * 64]["State"].update(Status="running", Running=True, Pid=1234)


def only_the_new_one(world: World) -> None:
    world.engine.named("boss")["Name"] = "/boss.am-new"


def its_owner_was_replaced(world: World) -> None:
    """The sidecar's original joins a container that is gone, its replacement the new boss."""
    add_sidecar(world)
    options(world, recreate_dependents=True)
    sidecar = world.engine.named("sidecar")
    sidecar["HostConfig"]["NetworkMode"] = "container:" + "b" * 64
    stop(world, "sidecar")
    replacement = copy_of(world, "sidecar.am-new", NetworkMode=f"container:{BOSS}", Binds=None)
    replacement["Mounts"] = []


@pytest.mark.parametrize(
    ("arrange", "plan"),
    [
        pytest.param(nothing_left, [], id="1 nothing is left"),
        pytest.param(
            before_the_stop, ["boss: remove boss.am-new (volumes kept)"], id="2 before the stop: drop the replacement"
        ),
        pytest.param(
            after_the_stop,
            [
                "boss: start boss",
                "boss: set restart policy of boss to unless-stopped",
                "boss: remove boss.am-new (volumes kept)",
            ],
            id="2 after the stop: start the original again",
        ),
        pytest.param(
            stopped_long_before,
            ["boss: remove boss.am-new (volumes kept)"],
            id="2 an original that was stopped before stays so",
        ),
        pytest.param(
            between_the_renamings,
            [
                "boss: rename boss.am-old -> boss",
                "boss: start boss",
                "boss: set restart policy of boss to unless-stopped",
                "boss: remove boss.am-new (volumes kept)",
            ],
            id="3 between the renamings: the replacement, which shows the trouble, goes last",
        ),
        pytest.param(
            stopped_between_the_renamings,
            ["boss: rename boss.am-old -> boss", "boss: remove boss.am-new (volumes kept)"],
            id="3 of a container that was stopped before: nothing is started",
        ),
        pytest.param(
            only_the_old_one,
            [
                "boss: start boss.am-old",
                "boss: rename boss.am-old -> boss",
            ],
            id="3 only the original is left",
        ),
        pytest.param(
            before_the_start,
            [
                "boss: rename boss -> boss.am-new",
                "boss: rename boss.am-old -> boss",
                "boss: start boss",
                "boss: set restart policy of boss to unless-stopped",
                "boss: remove boss.am-new (volumes kept)",
            ],
            id="4 before the start: back out",
        ),
        pytest.param(
            after_the_start, ["boss: remove boss.am-old (volumes kept)"], id="4 a replacement that runs is kept"
        ),
        pytest.param(only_the_new_one, ["boss: rename boss.am-new -> boss"], id="5 the only copy is given its name"),
        pytest.param(
            its_owner_was_replaced,
            [
                "sidecar: rename sidecar -> sidecar.am-old",
                "sidecar: rename sidecar.am-new -> sidecar",
                "sidecar: start sidecar",
                "sidecar: set restart policy of sidecar.am-old to no",
                "sidecar: remove sidecar.am-old (volumes kept)",
            ],
            id="6 the original cannot start any more: complete it",
        ),
    ],
)
def test_how_an_interrupted_recreation_is_put_in_order(
    world: World, arrange: Callable[[World], None], plan: list[str]
) -> None:
    arrange(world)
    predicted = [str(operation) for operation in world.run(check_mode=True).plan.recovery]
    assert predicted == [f"{line} {WHY}" for line in plan]
    world.run()
    assert not any(".am-" in name for name in world.engine.names())


def test_a_leftover_that_is_no_copy_is_not_removed(world: World) -> None:
    foreign = fakes.recorded("boss_file_mount.json")
    foreign.update(Id="f" * 64, Name="/boss.am-old")
    foreign["Config"]["Cmd"] = ["something", "else"]
    world.engine.world[foreign["Id"]] = foreign
    assert re.search(r"boss: a container boss\.am-old is left", world.failure())
    assert world.engine.writes == []


@pytest.mark.parametrize("name", ["boss", "boss.am-new", None])
def test_the_original_runs_under_its_name_where_nothing_else_does_whatever_is_beside_it(
    world: World, name: str | None
) -> None:
    """As podman with ``carry`` has left it: what is beside the original is nobody's copy, and does not run."""
    stop(world, "boss")
    world.engine.named("boss")["Name"] = "/boss.am-old"
    if name:
        stranger = fakes.recorded("boss_file_mount.json")
        stranger.update(Id="f" * 64, Name=f"/{name}")
        stranger["Config"]["Cmd"] = ["something", "else"]
        stranger["State"].update(Status="created", Running=False, Pid=0)
        world.engine.world[stranger["Id"]] = stranger
    world.attempt()
    assert world.engine.running() == ["boss"]
    assert ("f" * 64 in world.engine.world) == (name is not None)
    if name:
        assert "boss.am-new is left of an earlier recreation, but what stands next to it is no copy" in world.failure()
        assert (world.engine.running(), world.engine.named("boss")["Id"]) == (["boss"], BOSS)


def test_an_image_of_a_layer_is_known_with_a_registry_before_its_name() -> None:
    """Podman says docker.io/library/ before it."""
    name = f"agentops-carried:boss-{BOSS[:12]}"
    assert all(is_committed_from(prefix + name, BOSS) for prefix in ("", "docker.io/library/", "localhost/"))
    assert not is_committed_from(f"docker.io/library/other:boss-{BOSS[:12]}", BOSS)


def test_three_containers_of_one_recreation_are_left_to_a_person(world: World) -> None:
    copy_of(world, "boss.am-new")
    third = copy_of(world, "boss.am-old")
    world.engine.world["c" * 64] = {**third, "Id": "c" * 64, "Name": "/boss.am-new"}
    assert re.search("exist all three; look at them and remove two", world.failure())


def ids(world: World) -> dict[str, str]:
    """Name → whether it is the original."""
    return {name: "old" if world.engine.named(name)["Id"] == BOSS else "new" for name in world.engine.names()}


def test_where_the_original_cannot_be_started_again_the_replacement_runs_under_its_name(world: World) -> None:
    world.host.stale = (1, 1)
    options(world, wait_timeout=0)
    world.engine.unstartable = {BOSS}
    assert re.search(r"Going back failed as well: boss cannot be started: .*on purpose", world.failure())
    assert ids(world) == {"boss": "new", "boss.am-old": "old"}
    assert world.engine.running() == ["boss"]
    assert world.engine.policies() >= {"unless-stopped"}
    world.host.stale = None
    world.run()
    assert ids(world) == {"boss": "new"}


@pytest.mark.parametrize("is_killed", [False, True])
def test_where_neither_can_be_started_each_has_its_own_name_and_the_next_run_tries_again(
    world: World, is_killed: bool
) -> None:
    if is_killed:
        before_the_start(world)
    world.engine.unstartable = {BOSS, "boss"}
    sentence = world.failure()
    assert "boss cannot be started: it cannot be started on purpose" in sentence
    assert ids(world) == {"boss": "old", "boss.am-new": "new"}
    assert world.failure()
    world.engine.unstartable = set()
    world.run()
    assert world.engine.running() == world.engine.names() == ["boss"]


def test_what_is_in_a_crash_loop_is_stopped_before_it_is_renamed(world: World) -> None:
    """Between two attempts the engine cannot rename it."""
    before_the_start(world)
    world.engine.named("boss.am-old")["State"].update(Status="restarting", Running=True, Restarting=True)
    assert [str(one) for one in world.run(check_mode=True).plan.recovery] == [
        f"boss: {line} {WHY}"
        for line in (
            "rename boss -> boss.am-new",
            "stop boss.am-old",
            "rename boss.am-old -> boss",
            "start boss",
            "set restart policy of boss to unless-stopped",
            "remove boss.am-new (volumes kept)",
        )
    ]


def test_a_replacement_in_a_crash_loop_is_kept_only_where_its_original_was_in_one(world: World) -> None:
    after_the_start(world)
    world.engine.named("boss")["State"].update(Status="restarting", Restarting=True)
    assert "stop boss (" in str(world.run(check_mode=True).plan.recovery[0])
    world.engine.named("boss.am-old")["HostConfig"]["RestartPolicy"]["Name"] = "no"
    assert "remove boss.am-old" in str(world.run(check_mode=True).plan.recovery[0])


def test_of_two_that_a_boot_has_started_the_replacement_stays_and_the_original_may_end(world: World) -> None:
    after_the_start(world)
    world.engine.named("boss.am-old")["State"].update(Status="running", Running=True)
    assert [str(one) for one in world.run(check_mode=True).plan.recovery] == [
        f"boss: {line} {WHY}" for line in ("stop boss.am-old", "remove boss.am-old (volumes kept)")
    ]


def test_a_rename_that_fails_once_is_planned_anew(world: World) -> None:
    between_the_renamings(world)
    world.engine.fail_at = 0
    world.run()
    assert world.engine.running() == world.engine.names() == ["boss"]


def test_a_rollback_of_a_paused_container_pauses_it_again(world: World) -> None:
    world.engine.named("boss")["State"]["Status"] = "paused"
    world.engine.fail_at = 6
    world.failure()
    assert world.engine.named("boss")["State"]["Status"] == "paused"
    assert world.engine.named("boss")["Id"] == BOSS
