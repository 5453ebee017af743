"""Each agent for itself: whatever fails for one of three, the two others are served."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import EngineError
from ansible_collections.agentops.credentials.plugins.module_utils._containers.inspect_agents import inspect_agents
from ansible_collections.agentops.credentials.plugins.module_utils._containers.ports import (
    Host,
    Provider,
    ReadingEngine,
    WritingEngine,
)
from ansible_collections.agentops.credentials.plugins.module_utils._containers.verdict import Verdict

from .. import fakes
from ..world import World
from .situations import TARGET, options
from .test_faults import crew

DEV, PID = "1" * 64, 4711
OF_DEV = re.compile(r"^(agentops-carried:|/(former/)?of/)?dev\b")
"""Its names, its directory, its image."""
FAULTS = [EngineError("the engine failed on purpose"), KeyError("fake-token-of-the-agent"), RecursionError()]


def fails_for_dev(world: World, port: Any, method: str, error: Exception) -> None:
    """Let a port fail whenever it is asked about dev, by its container, its process or its directory."""
    real: Callable[..., Any] = getattr(port, method)

    def call(*arguments: Any) -> Any:
        names = {identity: document["Name"][1:] for identity, document in world.engine.world.items()}
        names[str(PID)] = "dev"
        words = [str(getattr(one, "agent", one)) for one in arguments if not isinstance(one, dict)]
        if any(OF_DEV.search(names.get(word, word)) for word in words):
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


PORTS = {"engine": (ReadingEngine, WritingEngine), "host": (Host,), "provider": (Provider,)}
OF_NOBODY = {
    "identity": "the engine's, or a path of the configuration",
    "containers": "one list of all",
    "is_local": "the engine's",
    "maps_ids": "the engine's",
    "may_set_owners": "the engine's",
    "mounts": "those of the host",
    "inode": "asked for a proof only",
    "read": "asked for a proof only",
    "product": "the engine's",
    "obstacle": "asked for a proof only",
    "whose_id": "asked for a proof only",
}
"""The calls that a run makes for no single agent, and those of ``agent_mounts_info``, which has its own boundary."""


def _files(world: World) -> None:
    world.engine.layer = ("/home/claude/notes",)
    options(world, writable_layer="carry")


def _own_link(world: World) -> None:
    world.engine.layer = ("/home/claude/.claude/.credentials.json",)
    options(world, writable_layer="carry")


def _no_copy(world: World) -> None:
    _files(world)
    world.engine.is_overlay = False


def _left_image(world: World) -> None:
    _no_copy(world)
    world.engine.committed.add(f"agentops-carried:dev-{DEV[:12]}")


def _runtime_files(world: World) -> None:
    world.engine.layer = ("/run/x",)
    world.engine.kinds = {"/run/x": "socket"}
    options(world, writable_layer_ignore=("/run",))


def _stopped(world: World) -> None:
    world.engine.named("dev")["State"].update(Status="exited", Running=False, Pid=0)
    options(world, recreate_stopped=True)


def _stale(world: World) -> None:
    world.run()
    world.host.stale = (1, 1)
    restart = world.engine.restart

    def cure(container: str, timeout: int) -> None:
        restart(container, timeout)
        world.host.stale = None

    world.engine.restart = cure  # type: ignore[method-assign]


def _networks(world: World) -> None:
    networks = world.engine.named("dev")["NetworkSettings"]["Networks"]
    networks["other"] = dict(next(iter(networks.values())))


def _network_left(world: World) -> None:
    world.engine.named("dev")["NetworkSettings"]["Networks"] = {"other": {}}


def _volume(world: World) -> None:
    row = {"Type": "volume", "Name": "dev", "Source": "/volumes/dev", "Destination": "/work", "RW": True}
    world.engine.named("dev")["Mounts"].append(row)


def _image(world: World) -> None:
    world.engine.named("dev")["Config"]["Image"] = "dev"


def _entry(world: World, **settings: Any) -> None:
    assert world.agents is not None
    world.agents["dev"] = {"container": {"credentials_host_dir": fakes.DIRECTORY, **settings}}


def _own_directory(world: World) -> None:
    world.host.directories["/of/dev"] = world.host.directories[fakes.DIRECTORY]
    _entry(world, credentials_host_dir="/of/dev")


def _own_mount(world: World) -> None:
    _own_directory(world)
    row = {"Type": "bind", "Source": "/of/dev", "Destination": TARGET, "RW": False}
    world.engine.named("dev")["Mounts"].append(row)


def _moved(world: World) -> None:
    _own_directory(world)
    world.former_places = {"/of/dev": "/former/of/dev"}
    world.provider.left = {"/former/of/dev": "link"}


ARRANGED: dict[str, Callable[[World], None]] = {
    "inspect_image": _image,
    "inspect_volume": _volume,
    "kind": _runtime_files,
    "read_file": _stopped,
    "link_target": _own_link,
    "ids": lambda world: world.engine.named("dev")["State"].update(Pid=PID),
    "processes": lambda world: world.engine.named("dev")["State"].update(Pid=PID),
    "execute": lambda world: _entry(world, only_when_idle=["true"]),
    "connect": _networks,
    "disconnect": _network_left,
    "restart": _stale,
    "pause": lambda world: world.engine.named("dev")["State"].update(Status="paused"),
    "commit": _no_copy,
    "remove_image": _left_image,
    "copy_layer": _files,
    "directory": _own_directory,
    "realpath": _own_mount,
    "node": _own_mount,
    "missing": lambda world: _entry(world, mode="shared"),
    "provide": lambda world: _entry(world, mode="shared"),
    "leftovers": _moved,
    "retire": _moved,
}
"""What makes a run call it for dev, if not each run does."""


def calls() -> list[tuple[str, str]]:
    return [
        (port, name)
        for port, protocols in PORTS.items()
        for protocol in protocols
        for name in vars(protocol)
        if not name.startswith("_") and name not in ("api_version", *OF_NOBODY)
    ]


@pytest.mark.parametrize("error", FAULTS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(("port", "method"), calls())
def test_whatever_a_port_fails_at(world: World, port: str, method: str, error: Exception) -> None:
    crew(world)
    if method in ARRANGED:
        ARRANGED[method](world)
    fails_for_dev(world, getattr(world, port), method, error)
    result = world.attempt()
    assert list(result.failures) == ["dev"]
    assert result.failures["dev"].startswith("dev: ")
    assert "fake-token" not in result.failures["dev"]
    assert {name: result.after[name] for name in ("boss", "reviewer")} == {"boss": Verdict.OK, "reviewer": Verdict.OK}
    assert {"boss", "reviewer"} <= set(world.engine.running())
    assert "dev" in world.engine.names()


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
