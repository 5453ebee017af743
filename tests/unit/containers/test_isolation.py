"""Each agent for itself: whatever fails for one of three, the two others are served."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import EngineError
from ansible_collections.agentops.credentials.plugins.module_utils._containers.inspect_agents import inspect_agents
from ansible_collections.agentops.credentials.plugins.module_utils._containers.verdict import Verdict

from .. import fakes
from ..world import World
from .test_faults import crew

DEV = "1" * 64
FAULTS = [EngineError("the engine failed on purpose"), KeyError("fake-token-of-the-agent"), RecursionError()]


def fails_for_dev(world: World, port: Any, method: str, error: Exception) -> None:
    """Let a port fail whenever it is asked about dev, by its container or its directory."""
    real: Callable[..., Any] = getattr(port, method)

    def call(*arguments: Any) -> Any:
        if any(word in (DEV, "dev", "/dev/creds") for word in arguments):
            raise error
        return real(*arguments)

    setattr(port, method, call)


def is_served(world: World) -> None:
    result = world.attempt()
    assert list(result.failures) == ["dev"]
    assert result.failures["dev"].startswith("dev: ")
    assert "fake-token" not in result.failures["dev"]
    assert {name: result.after[name] for name in ("boss", "reviewer")} == {"boss": Verdict.OK, "reviewer": Verdict.OK}
    assert world.engine.running() == ["boss", "dev", "reviewer"]


@pytest.mark.parametrize("error", FAULTS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("method", ["inspect", "changed_paths", "layer_directory", "rename", "stop"])
def test_whatever_the_engine_fails_at(world: World, method: str, error: Exception) -> None:
    crew(world)
    fails_for_dev(world, world.engine, method, error)
    is_served(world)


@pytest.mark.parametrize("error", FAULTS, ids=lambda error: type(error).__name__)
def test_whatever_the_host_fails_at(world: World, error: Exception) -> None:
    crew(world)
    world.host.directories["/dev/creds"] = world.host.directories[fakes.DIRECTORY]
    assert world.agents is not None
    world.agents["dev"] = {"container": {"credentials_host_dir": "/dev/creds"}}
    fails_for_dev(world, world.host, "directory", error)
    is_served(world)


@pytest.mark.parametrize("entry", [{}, 7, {"container": {"credentials_host_dir": "a"}}, {"container": {"cli": "x"}}])
def test_a_fault_of_one_entry(world: World, entry: Any) -> None:
    crew(world)
    assert world.agents is not None
    world.agents["dev"] = entry
    is_served(world)


def test_a_refusal_of_one(world: World) -> None:
    crew(world)
    world.engine.named("dev")["HostConfig"]["AutoRemove"] = True
    is_served(world)


def test_a_leftover_that_cannot_be_put_in_order_holds_up_its_own_agent_only(world: World) -> None:
    crew(world)
    foreign = fakes.recorded("boss_file_mount.json")
    foreign.update(Id="f" * 64, Name="/dev.am-old")
    foreign["Config"]["Cmd"] = ["something", "else"]
    foreign["State"].update(Status="exited", Running=False)
    world.engine.world[foreign["Id"]] = foreign
    is_served(world)


def test_a_leftover_of_nobody_is_a_failure_under_its_own_name(world: World) -> None:
    foreign = fakes.recorded("boss_file_mount.json")
    foreign.update(Id="f" * 64, Name="/stranger.am-old")
    other = {**fakes.recorded("boss_file_mount.json"), "Id": "a" * 64, "Name": "/stranger"}
    other["Config"]["Cmd"] = ["something", "else"]
    world.engine.world.update({"f" * 64: foreign, "a" * 64: other})
    result = world.attempt()
    assert list(result.failures) == ["stranger"]
    assert result.after == {"boss": Verdict.OK}


def test_an_engine_that_goes_away_does_not_hide_what_failed(world: World) -> None:
    world.engine.fail_at = world.engine.gone_after = 7
    failure = world.failure()
    assert "could not rename boss -> boss.am-old: the engine failed on purpose. Going back failed as well" in failure
    assert "Nothing is lost" in failure


def test_the_inspection_isolates_too(world: World) -> None:
    crew(world)
    fails_for_dev(world, world.engine, "inspect", FAULTS[1])
    seen = inspect_agents(world.request(), world.engine, world.host)
    assert [plan.agent for plan in seen.agents] == ["boss", "reviewer"]
    assert list(seen.failures.sentences) == ["dev"]
