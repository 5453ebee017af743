"""Containers in odd states, stops that take long, an engine that answers late."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import LateError
from ansible_collections.agentops.credentials.plugins.module_utils._containers import execute, verify
from ansible_collections.agentops.credentials.plugins.module_utils._containers.verdict import Verdict
from ansible_collections.agentops.credentials.plugins.module_utils._host.process_root import NotProven

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


class Moment:
    """A container that runs for a moment when it is looked at, and has ended at a later look."""

    def __init__(self, world: World, name: str, restarts: int, age: float, monkeypatch: pytest.MonkeyPatch) -> None:
        self.document, self.inspect, self.looks = world.engine.named(name), world.engine.inspect, 0
        started = time.strftime("%Y-%m-%dT%H:%M:%S.123456789Z", time.gmtime(time.time() - age))
        self.document["RestartCount"] = restarts
        self.document["State"].update(Status="running", Running=True, Restarting=False, Pid=1234, StartedAt=started)
        monkeypatch.setattr(world.engine, "inspect", self.look)
        monkeypatch.setattr(time, "sleep", self.sleep)

    def look(self, container: str) -> Any:
        self.looks += container == self.document["Id"]
        return self.inspect(container)

    def sleep(self, _seconds: float) -> None:
        """The next look is in the time between two attempts."""
        self.document["State"].update(Status="restarting", Restarting=True, Pid=0)


@pytest.mark.parametrize(
    ("restarts", "age"),
    [pytest.param(3, 8, id="the-engine-has-restarted-it"), pytest.param(0, 0, id="somebody-has-just-started-it")],
)
def test_what_runs_for_a_moment_is_known_to_be_in_a_crash_loop(
    world: World, monkeypatch: pytest.MonkeyPatch, restarts: int, age: float
) -> None:
    """On a busy host that was seen in every second look (Docker 20.10)."""
    Moment(world, "boss", restarts, age, monkeypatch)
    world.engine.crashing = {"boss"}
    assert "verify boss: started (it was in a crash loop)\n" in str(world.run().plan)
    assert world.engine.names() == ["boss"]
    assert world.engine.named("boss")["Id"] != BOSS


def test_what_is_in_a_crash_loop_is_not_asked_whether_it_is_idle(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.container = {"only_when_idle": ["true"]}
    world.engine.idle_status = 1
    Moment(world, "boss", 3, 1, monkeypatch)
    assert "verify boss: started" in str(world.run(check_mode=True).plan)
    assert "execute" not in world.engine.reads


@pytest.mark.parametrize(("restarts", "age"), [(0, 3), (7, 11), (0, -60)])
def test_what_has_run_for_a_while_is_not_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch, restarts: int, age: float
) -> None:
    """Nor is one of an engine whose clock is ahead."""
    Moment(world, "boss", restarts, age, monkeypatch)
    assert f"{VERIFY}\n" in str(world.run(check_mode=True).plan)


def test_a_replacement_that_runs_for_a_moment_is_not_kept_by_the_next_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run was killed after the start, before it had seen that the new container does not keep running."""
    world.engine.cut_at = RECREATION.writes - 2  # the original still has its restart policy
    with pytest.raises(fakes.CutOff):
        world.run()
    assert world.engine.named("boss.am-old")["Id"] == BOSS
    replacement = world.engine.named("boss")["Id"]
    world.engine.revive()
    Moment(world, "boss", 2, 1, monkeypatch)
    result = world.attempt(check_mode=True)
    assert "boss: rename boss -> boss.am-new" in str(result.plan)
    assert "remove boss.am-new" in str(result.plan)
    assert world.engine.named("boss")["Id"] == replacement


def test_what_cannot_be_looked_at_after_the_start_has_ended(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine says for a moment that it runs."""
    look, engine = world.host.root, world.engine

    def root(pid: int, container_id: str, started_at: str | None) -> Any:
        if container_id != BOSS and engine.named("boss")["Id"] == container_id:
            raise NotProven("its process has ended")
        return look(pid, container_id, started_at)

    def sleep(_seconds: float) -> None:
        engine.named("boss")["State"].update(Status="exited", Running=False, ExitCode=1)

    monkeypatch.setattr(world.host, "root", root)
    monkeypatch.setattr(verify, "_SETTLED", 0.0)
    monkeypatch.setattr(time, "sleep", sleep)
    assert "the new container does not keep running (exit status 1). The old container boss is in place" in (
        world.failure()
    )
    assert world.engine.named("boss")["Id"] == BOSS


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


def test_an_agent_whose_container_is_not_there_is_told(world: World) -> None:
    """On 0.2.0 a run against the wrong engine ended without a word."""
    world.engine.world.clear()
    result = world.run()
    assert not result.changed
    assert result.warnings == ("boss: there is no container named boss; start it, or correct its name.",)
