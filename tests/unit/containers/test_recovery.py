"""The six ways in which an interrupted recreation is put in order, as text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import RefusedError

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
    document["HostConfig"].update(RestartPolicy={"Name": "no", "MaximumRetryCount": 0}, **host_config)
    world.engine.world[document["Id"]] = document
    return document


def stop(world: World, name: str, finished: str = "2030-01-01T00:00:20Z") -> None:
    world.engine.named(name)["State"].update(Status="exited", Running=False, Pid=0, FinishedAt=finished)


def nothing_left(world: World) -> None:
    """1."""


def before_the_stop(world: World) -> None:
    copy_of(world, "boss.am-new")


def after_the_stop(world: World) -> None:
    copy_of(world, "boss.am-new")["HostConfig"]["RestartPolicy"] = {"Name": "unless-stopped", "MaximumRetryCount": 0}
    world.engine.named("boss")["HostConfig"]["RestartPolicy"] = {"Name": "no", "MaximumRetryCount": 0}
    stop(world, "boss")


def stopped_long_before(world: World) -> None:
    copy_of(world, "boss.am-new")
    stop(world, "boss", "2029-01-01T00:00:00Z")


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
                "boss: set restart policy of boss to unless-stopped",
                "boss: set restart policy of boss.am-new to no",
                "boss: start boss",
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
                "boss: remove boss.am-new (volumes kept)",
                "boss: start boss.am-old",
                "boss: rename boss.am-old -> boss",
            ],
            id="3 between the renamings: the name that shows the trouble goes last",
        ),
        pytest.param(
            stopped_between_the_renamings,
            ["boss: rename boss.am-old -> boss", "boss: remove boss.am-new (volumes kept)"],
            id="3 of a container that was stopped before: nothing is started",
        ),
        pytest.param(
            only_the_old_one,
            ["boss: start boss.am-old", "boss: rename boss.am-old -> boss"],
            id="3 only the original is left",
        ),
        pytest.param(
            before_the_start,
            ["boss: remove boss (volumes kept)", "boss: start boss.am-old", "boss: rename boss.am-old -> boss"],
            id="4 before the start: back out",
        ),
        pytest.param(
            after_the_start, ["boss: remove boss.am-old (volumes kept)"], id="4 a replacement that runs is kept"
        ),
        pytest.param(only_the_new_one, ["boss: rename boss.am-new -> boss"], id="5 the only copy is given its name"),
        pytest.param(
            its_owner_was_replaced,
            [
                "sidecar: set restart policy of sidecar.am-new to unless-stopped",
                "sidecar: set restart policy of sidecar to no",
                "sidecar: rename sidecar -> sidecar.am-old",
                "sidecar: start sidecar.am-new",
                "sidecar: rename sidecar.am-new -> sidecar",
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
    with pytest.raises(RefusedError, match=r"boss: a container boss\.am-old is left"):
        world.run()
    assert world.engine.writes == []


def test_three_containers_of_one_recreation_are_left_to_a_person(world: World) -> None:
    copy_of(world, "boss.am-new")
    third = copy_of(world, "boss.am-old")
    world.engine.world["c" * 64] = {**third, "Id": "c" * 64, "Name": "/boss.am-new"}
    with pytest.raises(RefusedError, match="exist all three; look at them and remove two"):
        world.run()
