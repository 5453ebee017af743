"""Containers in odd states, stops that take long, an engine that answers late."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import LateError
from ansible_collections.agentops.credentials.plugins.module_utils._containers import execute
from ansible_collections.agentops.credentials.plugins.module_utils._containers.verdict import Verdict

from .. import fakes
from ..world import World
from .situations import RECREATION, VERIFY, add_sidecar, options

BOSS = fakes.recorded("boss_file_mount.json")["Id"]


def crash(world: World) -> None:
    world.engine.named("boss")["State"].update(Status="restarting", Running=True, Restarting=True, Pid=0)


def test_what_is_in_a_crash_loop_is_replaced_and_need_not_keep_running(world: World) -> None:
    crash(world)
    world.engine.crashing = {"boss"}
    result = world.run()
    expected = RECREATION.plan.replace(f"{VERIFY}\n", "boss: verify boss: started (it was in a crash loop)\n")
    assert str(result.plan) == expected
    assert world.engine.names() == ["boss"]
    assert world.engine.named("boss")["Id"] != BOSS


def test_what_did_run_is_taken_back_if_its_replacement_falls_into_a_crash_loop(world: World) -> None:
    world.engine.crashing = {"boss"}
    world.engine.named("boss")["State"]["Restarting"] = False
    assert "does not keep running" in world.failure()
    assert world.engine.named("boss")["Id"] == BOSS
    assert world.engine.names() == ["boss"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (30, "boss: stop boss\n"),
        (900, "boss: stop boss (its program has 900 s to end)\n"),
        (-1, "boss: stop boss (it waits for its program, which is never killed, for its --stop-timeout is -1)\n"),
    ],
)
def test_the_plan_says_how_long_a_stop_can_take(world: World, seconds: int, words: str) -> None:
    world.engine.named("boss")["Config"]["StopTimeout"] = seconds
    assert words in str(world.run(check_mode=True).plan)


def test_a_paused_container_that_is_restarted_is_paused_again_and_so_are_its_dependents(world: World) -> None:
    world.run()
    add_sidecar(world)
    for name in ("boss", "sidecar"):
        world.engine.named(name)["State"]["Status"] = "paused"
    world.host.stale = (1, 1)
    options(world, recreate_dependents=True)
    plan = str(world.run(check_mode=True).plan)
    lines = [line for line in plan.splitlines() if ".am-probe" not in line]
    assert lines[0].startswith("boss: restart boss (stale;")
    assert [line for line in lines if "restart" not in line and "verify" not in line] == [
        "boss: pause boss (as it was)",
        "boss: pause sidecar (as it was)",
    ]


class Late:
    """A call that is not answered in time; what it asks for comes about after so many looks."""

    def __init__(self, world: World, call: str, looks: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.engine, self.looks, self.do = world.engine, looks, getattr(world.engine, call)
        self.pending: tuple[Any, ...] | None = None
        self.inspect = world.engine.inspect
        monkeypatch.setattr(world.engine, call, self.call)
        monkeypatch.setattr(world.engine, "inspect", self.look)
        monkeypatch.setattr(execute, "_LATE_SECONDS", 0.3)

    def call(self, *arguments: Any) -> None:
        is_probe = self.inspect(arguments[0]).name.endswith(".am-probe")
        if self.pending is None and not is_probe:
            self.pending = arguments
            raise LateError("the engine did not answer in time")
        self.do(*arguments)

    def look(self, container: str) -> Any:
        if self.pending is not None:
            self.looks -= 1
            if self.looks == 0:
                self.do(*self.pending)
        return self.inspect(container)


def test_after_a_late_stop_the_way_back_waits_for_the_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    Late(world, "stop", 3, monkeypatch)
    assert "could not stop boss: the engine did not answer in time. The old container boss is in place" in (
        world.failure()
    )
    assert world.engine.names() == world.engine.running() == ["boss"]
    assert world.engine.policies() == {"unless-stopped"}


def test_what_goes_on_stopping_is_started_by_the_next_run_when_it_has_ended(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = Late(world, "stop", 10**9, monkeypatch)
    assert "The engine goes on with it. Nothing is lost: boss still runs" in world.failure()
    assert world.engine.names() == ["boss", "boss.am-new"]
    late.do(BOSS, 0)  # at last
    monkeypatch.undo()
    assert world.run().after == {"boss": Verdict.OK}
    assert world.engine.names() == world.engine.running() == ["boss"]


def test_after_a_late_start_the_replacement_is_not_met_half_way(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    Late(world, "start", 3, monkeypatch)
    assert "could not start boss: the engine did not answer in time. The old container boss is in place" in (
        world.failure()
    )
    assert world.engine.named("boss")["Id"] == BOSS
    assert world.engine.names() == world.engine.running() == ["boss"]
