"""Which versions of an agent CLI are refused with a placement, and when the version is asked for."""

from __future__ import annotations

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import (
    RefusedError,
)

from ..world import World


@pytest.mark.parametrize("version", ["2.1.110 (Claude Code)", "1.0.100 (Claude Code)"])
def test_a_version_that_fails_with_the_placement_is_refused(world: World, version: str) -> None:
    world.container = {"placement": "config_dir"}
    world.engine.version = version
    with pytest.raises(RefusedError) as error:
        world.run()
    assert str(error.value) == (
        f"boss: container.placement config_dir does not work with claude {version.split()[0]}: below 2.1.175 it ends with "
        "status 0 and without any output, or crashes; install a newer one in the image, use another placement (store), or set "
        "container.force_placement: true."
    )
    assert world.engine.writes == []


def test_force_placement_does_not_ask(world: World) -> None:
    world.container = {"placement": "config_dir", "force_placement": True}
    world.engine.version = "2.1.110"
    assert world.run().changed
    assert "output" not in world.engine.reads


def test_an_unknown_version_is_told_and_not_refused(world: World) -> None:
    world.container = {"placement": "config_dir"}
    world.engine.version = None
    result = world.run()
    assert result.changed
    assert any("the version of claude in the container is not known" in warning for warning in result.warnings)


def test_a_version_whose_processes_never_read_again_is_told(world: World) -> None:
    world.engine.version = "2.1.70 (Claude Code)"
    (agent,) = world.run().plan.agents
    assert (
        "boss: claude 2.1.70 in the container uses a new login only in a new process; update it to 2.1.90 or newer."
        in agent.warnings
    )


def test_nothing_is_asked_without_a_drift(world: World) -> None:
    world.run()
    world.engine.reads.clear()
    world.run()
    assert "output" not in world.engine.reads
