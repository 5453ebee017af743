"""What is refused, before anything is touched, each with its reason and its fix."""

from __future__ import annotations

import re
from typing import Any

import pytest

from .. import fakes
from ..world import World
from .situations import add_sidecar, layer_cannot_be_copied, options


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"HostConfig": {"AutoRemove": True}}, "started with --rm"),
        ({"Config": {"Labels": {"com.docker.swarm.task.id": "x"}}}, "task of a swarm service"),
        ({"Image": "sha256:gone"}, "is of the image sha256:gone, which is gone"),
        ({"HostConfig": {"FieldOfTheFuture": 1}}, "does not know how to keep (HostConfig.FieldOfTheFuture)"),
        ({"State": {"Status": "dead"}}, "is dead; remove or repair it first"),
    ],
)
def test_what_must_not_be_recreated_is_refused_by_name(world: World, change: Any, sentence: str) -> None:
    boss = world.engine.named("boss")
    for key, value in change.items():
        boss[key] = {**boss[key], **value} if isinstance(value, dict) else value
    failure = world.failure()
    assert sentence in failure
    assert failure.startswith("boss: ")
    assert world.engine.writes == []


@pytest.mark.parametrize(("umask", "is_refused"), [(None, False), (0, True), (18, True)])
def test_what_only_a_newer_api_tells_is_asked_for_before_a_recreation(
    world: World, umask: int | None, is_refused: bool
) -> None:
    world.engine.newer = {"Umask": umask}
    if not is_refused:
        assert world.run().changed
        return
    assert "does not know how to keep (HostConfig.Umask)" in world.failure()
    assert world.engine.writes == []


def test_a_rerun_asks_nothing_at_the_newer_api(world: World) -> None:
    world.run()
    world.engine.reads.clear()
    world.run()
    assert "inspect_in_full" not in world.engine.reads


@pytest.mark.parametrize("field", ["NetworkMode", "PidMode", "IpcMode"])
def test_containers_that_hold_on_to_this_one_are_named(world: World, field: str) -> None:
    add_sidecar(world, field)
    assert re.search(r"boss: other containers use this one and would break: sidecar \(its", world.failure())


def test_a_linked_container_is_named(world: World) -> None:
    add_sidecar(world)
    world.engine.named("sidecar")["HostConfig"].update(NetworkMode="bridge", Links=["/boss:/sidecar/boss"])
    assert "would break: sidecar (a link); set recreate_dependents: true" in world.failure()


def test_no_commit_is_made_where_containers_depend_on_each_other(world: World) -> None:
    layer_cannot_be_copied(world)
    add_sidecar(world)
    options(world, recreate_dependents=True)
    assert re.search(r"only docker commit could keep \(the storage driver is vfs", world.failure())


def test_a_credentials_directory_with_other_files_is_refused_before_the_container_is_looked_at(world: World) -> None:
    world.host = fakes.FakeHost(world.engine, (".credentials.json", "history.jsonl"))
    assert "also holds history.jsonl, which the agent would see" in world.failure()
    assert world.engine.reads == ["containers"]
