"""Recreations that real engines of both kinds told of, before and after: scripts/record-fixtures made them."""

from __future__ import annotations

import copy
import dataclasses
import json
import pathlib
from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._base.paths import normalise
from ansible_collections.agentops.credentials.plugins.module_utils._containers.create_request import (
    CreateRequest,
    Overrides,
    create_request,
    unknown_fields,
)
from ansible_collections.agentops.credentials.plugins.module_utils._containers.recreation_facts import RecreationFacts
from ansible_collections.agentops.credentials.plugins.module_utils._containers.relations import Everyone, meant
from ansible_collections.agentops.credentials.plugins.module_utils._containers.verdict import Verdict
from ansible_collections.agentops.credentials.plugins.module_utils._engine.documents import Container, Image
from ansible_collections.agentops.credentials.plugins.module_utils._engine.mounts import MountSpec, bind_fields

from .. import fakes
from ..world import World

DIRECTORY = "/opt/corpus/claude-credentials"
FILE = "/home/claude/.claude/.credentials.json"
TARGET = "/run/agent-credentials/claude"
WANTED = Overrides(
    (MountSpec("bind", DIRECTORY, TARGET, True),),
    (FILE,),
    (("CLAUDE_SECURESTORAGE_CONFIG_DIR", TARGET),),
)
NOTHING = Overrides()
API = {"engine_20_10": (1, 41), "engine_26_1": (1, 45)}
RECORDED = sorted(fakes.FIXTURES.glob("*/recreations/*.json"))


@pytest.fixture(params=RECORDED, ids=[f"{path.parts[-3]}-{path.stem}" for path in RECORDED])
def recorded(request: pytest.FixtureRequest) -> Any:
    path: pathlib.Path = request.param
    return {**json.loads(path.read_text()), "api": API[path.parts[-3]]}


def make(recorded: Any, which: str, overrides: Overrides) -> CreateRequest:
    container = Container(recorded[which])
    others = meant(container, Everyone([Container(lender) for lender in recorded["lenders"]]))
    image = Image(recorded["image"])
    return create_request(
        RecreationFacts(container, image, container.image_id, recorded["api"], (), (), others, {}, (), None), overrides
    )


def test_both_engines_were_recorded_alike() -> None:
    names = {engine: {path.stem for path in RECORDED if path.parts[-3] == engine} for engine in API}
    assert names["engine_20_10"] == names["engine_26_1"] != set()


def test_every_field_is_known(recorded: Any) -> None:
    assert unknown_fields(Container(recorded["before"])) == unknown_fields(Container(recorded["after"])) == ()


def test_the_request_of_a_replacement_is_the_same_again(recorded: Any) -> None:
    first, second = make(recorded, "before", WANTED), make(recorded, "after", NOTHING)
    assert without_engine_words(second.body) == without_engine_words(first.body)
    assert [stated(row) for row in second.connections] == [stated(row) for row in first.connections]
    assert second.restart_policy == first.restart_policy


def as_engine_29_tells(document: Any) -> Any:
    """A recorded document without what API 1.52 (Docker 29) does not tell any more (moby, api/docs/CHANGELOG.md)."""
    result = copy.deepcopy(document)
    result["Config"].pop("MacAddress", None)
    if not result["Config"].get("OnBuild"):
        result["Config"].pop("OnBuild", None)
    result["HostConfig"].pop("KernelMemoryTCP", None)
    networks = result["NetworkSettings"]["Networks"]
    result["NetworkSettings"] = {"Networks": networks, "Ports": result["NetworkSettings"].get("Ports")}
    result.pop("GraphDriver", None)
    result["Storage"] = {"RootFS": {"Snapshot": {"Name": "overlayfs"}}}
    return result


def test_an_engine_of_api_1_52_makes_the_same_request(recorded: Any) -> None:
    """Lifting the cap of the client costs what an engine tells no more: a MAC address."""
    if recorded["api"] != API["engine_26_1"]:
        pytest.skip("its documents lack more than those of Docker 29")
    newer = {**recorded, "api": (1, 52), "before": as_engine_29_tells(recorded["before"])}
    newer["image"] = {**newer["image"], "Config": {k: v for k, v in newer["image"]["Config"].items() if v}}
    request, wanted = make(newer, "before", WANTED), make({**recorded, "api": (1, 51)}, "before", WANTED)
    assert without_macs(request.body) == without_macs(wanted.body)
    assert Container(newer["before"]).storage_driver == "overlayfs"
    assert Container(newer["before"]).upper_directory is None


def without_macs(body: Any) -> Any:
    body = without_engine_words({key: value for key, value in body.items() if value and key != "MacAddress"})
    body["HostConfig"].pop("KernelMemoryTCP", None)
    for row in body["NetworkingConfig"]["EndpointsConfig"].values():
        row.pop("MacAddress", None)
    return body


def stated(connection: tuple[str, Any]) -> tuple[str, Any]:
    """A connection without its empty fields."""
    return connection[0], {key: value for key, value in connection[1].items() if value}


def without_engine_words(body: Any) -> Any:
    """The request without the empty fields of ``HostConfig``, which the engine tells now so, now so."""
    body = copy.deepcopy(dict(body))
    body["HostConfig"] = {key: value for key, value in body["HostConfig"].items() if value}
    return body


def test_no_foreign_mount_is_dropped_and_none_is_added(recorded: Any) -> None:
    lent = {mount["Destination"] for lender in recorded["lenders"] for mount in lender["Mounts"]}
    host_config = make(recorded, "before", WANTED).body["HostConfig"]
    stated = {normalise(bind_fields(bind)[1]) for bind in host_config.get("Binds") or ()}
    stated |= {normalise(mount["Target"]) for mount in host_config.get("Mounts") or ()}
    before = {mount["Destination"] for mount in recorded["before"]["Mounts"]}
    after = {mount["Destination"] for mount in recorded["after"]["Mounts"]}
    assert stated | lent == after | lent == (before - {FILE}) | {TARGET} | lent


def test_a_volume_keeps_its_name(recorded: Any) -> None:
    before, after = (
        {mount["Destination"]: mount["Name"] for mount in recorded[which]["Mounts"] if mount["Type"] == "volume"}
        for which in ("before", "after")
    )
    assert after == before


def test_the_engine_made_the_same_container_again(recorded: Any) -> None:
    before, after = recorded["before"], recorded["after"]
    for field in before["Config"].keys() - {"Env", "Hostname", "Image"}:
        assert after["Config"][field] == before["Config"][field], field
    for field in before["HostConfig"].keys() - {"Binds", "Mounts", "NetworkMode"}:
        assert after["HostConfig"][field] == before["HostConfig"][field], field


def test_the_plan_of_a_recreated_container_is_empty(world: World, recorded: Any) -> None:
    after = recorded["after"]
    world.engine = fakes.FakeEngine(after)
    world.host = fakes.FakeHost(world.engine)
    world.host.directories[DIRECTORY] = dataclasses.replace(world.host.directory(fakes.DIRECTORY), path=DIRECTORY)
    world.engine.links[after["Id"]] = {FILE: f"{TARGET}/.credentials.json"}
    world.container = {"name": after["Name"].lstrip("/"), "credentials_host_dir": DIRECTORY}
    result = world.run()
    assert str(result.plan) == ""
    assert result.after == {"boss": Verdict.OK}
    assert world.engine.writes == []
