"""Every call of every recreation fails, is cut off, and is cut off again in the rollback."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import RunEnded
from ansible_collections.agentops.credentials.plugins.module_utils._containers.verdict import Verdict

from .. import fakes
from ..world import World
from .situations import COMMIT, RECREATION, RECREATIONS, WITH_SIDECAR, WITHOUT_POLICY, Situation, is_in_order, options


def calls(irreversible: bool) -> Iterator[Any]:
    """Situation, and each of its calls; those that remove originals only where ``irreversible``."""
    for situation in RECREATIONS:
        last = situation.writes - (0 if irreversible else situation.plan.count("am-old (volumes kept)"))
        yield from (pytest.param(situation, call, id=f"{situation}-{call}") for call in range(last))


def finish(world: World, situation: Situation) -> None:
    """The run after it puts all in order."""
    world.engine.revive()
    assert world.run().after == {"boss": Verdict.OK}
    assert is_in_order(world, situation)


@pytest.mark.parametrize(("situation", "call"), list(calls(irreversible=False)))
def test_a_failure_at_any_call_leaves_all_as_it_was(world: World, situation: Situation, call: int) -> None:
    situation.arrange(world)
    before = {name: world.engine.inspect(name).document for name in world.engine.names()}
    world.engine.fail_at = call
    assert re.search(r"on purpose.* is in place as before", world.failure())
    assert is_in_order(world, situation)
    for name, document in before.items():
        assert {**world.engine.inspect(name).document, "State": None} == {**document, "State": None}
    finish(world, situation)


@pytest.mark.parametrize(("situation", "call"), list(calls(irreversible=True)))
def test_after_a_kill_at_any_call_the_next_run_recovers(world: World, situation: Situation, call: int) -> None:
    situation.arrange(world)
    world.engine.cut_at = call
    with contextlib.suppress(fakes.CutOff, RunEnded):
        world.attempt()
    finish(world, situation)


def restarts(situation: Situation) -> tuple[str, ...]:
    """Who runs before, and is started by a boot."""
    return () if situation is WITHOUT_POLICY else situation.running


@pytest.mark.parametrize("is_newest_first", [False, True])
@pytest.mark.parametrize(("situation", "call"), list(calls(irreversible=True)))
def test_after_a_power_cut_at_any_call_a_boot_starts_one_and_the_next_run_recovers(
    world: World, situation: Situation, call: int, is_newest_first: bool
) -> None:
    situation.arrange(world)
    world.engine.cut_at = call
    with contextlib.suppress(fakes.CutOff, RunEnded):
        world.attempt()
    boot(world, is_newest_first)
    assert {name.partition(".am-")[0] for name in world.engine.running()} == set(restarts(situation))
    if situation.running == restarts(situation):
        finish(world, situation)


@pytest.mark.parametrize("cut", range(1, 9))
@pytest.mark.parametrize(("situation", "failure"), list(calls(irreversible=False)))
def test_after_a_power_cut_in_a_rollback_a_boot_starts_one_and_the_next_run_recovers(
    world: World, situation: Situation, failure: int, cut: int
) -> None:
    situation.arrange(world)
    world.engine.fail_at, world.engine.cut_at = failure, failure + cut
    with contextlib.suppress(fakes.CutOff, RunEnded):
        world.attempt()
    boot(world)
    assert {name.partition(".am-")[0] for name in world.engine.running()} == set(restarts(situation))
    if situation.running == restarts(situation):
        finish(world, situation)


def boot(world: World, is_newest_first: bool = False) -> None:
    engine = world.engine
    if is_newest_first:
        engine.world = dict(reversed(engine.world.items()))
    engine.boot()


@pytest.mark.parametrize("cut", range(1, 9))
@pytest.mark.parametrize(("situation", "failure"), list(calls(irreversible=False)))
def test_after_a_kill_in_a_rollback_the_next_run_recovers(
    world: World, situation: Situation, failure: int, cut: int
) -> None:
    situation.arrange(world)
    world.engine.fail_at, world.engine.cut_at = failure, failure + cut
    with contextlib.suppress(fakes.CutOff, RunEnded):
        world.attempt()
    finish(world, situation)


@pytest.mark.parametrize("situation", [RECREATION, WITH_SIDECAR, COMMIT], ids=str)
def test_a_failure_to_remove_the_old_one_keeps_the_new_one(world: World, situation: Situation) -> None:
    situation.arrange(world)
    world.engine.fail_at = situation.writes - 1
    assert re.search(r"boss is the new container and runs; boss\.am-old is left", world.failure())
    world.engine.revive()
    assert [str(operation) for operation in world.run().plan.recovery] == [
        "boss: remove boss.am-old (volumes kept) (an earlier recreation did not end)"
    ]
    assert is_in_order(world, situation)


def test_a_new_container_that_sees_another_directory_is_rolled_back(world: World) -> None:
    world.host.stale = (1, 1)
    options(world, wait_timeout=0)
    assert re.search(r"could not verify boss.*does not see.*is in place as before", world.failure())
    assert world.engine.running() == ["boss"]
    assert world.engine.inspect("boss").id == fakes.recorded("boss_file_mount.json")["Id"]


def test_no_value_of_the_environment_is_in_a_plan_or_in_an_error(world: World) -> None:
    texts = [str(world.run(check_mode=True).plan), repr(world.run(check_mode=True).plan)]
    world.engine.fail_at = 3
    failure = world.failure()
    assert "fake-token-of-the-agent" not in "".join([*texts, failure])


def crew(world: World) -> None:
    """Two more agents next to boss, with containers like its own."""
    for number, name in enumerate(("dev", "reviewer"), start=1):
        document = fakes.recorded("boss_file_mount.json")
        document.update(Id=f"{number}" * 64, Name=f"/{name}")
        world.engine.world[document["Id"]] = document
    settings = {"credentials_host_dir": fakes.DIRECTORY}
    world.agents = {name: {"container": settings} for name in ("boss", "dev", "reviewer")}


@pytest.mark.parametrize("max_parallel", [1, 2, 3])
def test_agents_are_recreated_so_many_at_once(world: World, max_parallel: int) -> None:
    crew(world)
    world.max_parallel = max_parallel
    assert world.run().after == dict.fromkeys(("boss", "dev", "reviewer"), Verdict.OK)
    assert world.engine.names() == world.engine.running() == ["boss", "dev", "reviewer"]


def test_after_a_failure_of_one_agent_the_others_are_served(world: World) -> None:
    crew(world)
    world.engine.fail_at = RECREATION.writes + 2
    result = world.attempt()
    assert list(result.failures) == ["dev"]
    assert result.failures["dev"].endswith("The old container dev is in place as before.")
    assert result.after == {"boss": Verdict.OK, "dev": Verdict.FILE_MOUNT, "reviewer": Verdict.OK}
    assert world.engine.running() == ["boss", "dev", "reviewer"]


def test_a_run_that_is_asked_to_end_goes_back_and_begins_no_further_agent(world: World) -> None:
    crew(world)
    world.engine.end_at = 6
    with pytest.raises(RunEnded, match=r"boss: could not stop boss: .* is in place as before"):
        world.attempt()
    assert world.engine.names() == world.engine.running() == ["boss", "dev", "reviewer"]
    assert world.engine.inspect("boss").id == fakes.recorded("boss_file_mount.json")["Id"]
    world.engine.revive()
    assert world.run().after == dict.fromkeys(("boss", "dev", "reviewer"), Verdict.OK)
