"""What cannot be looked up is tried before the stop: a container like the one that is recreated, without a program."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import EngineError
from ansible_collections.agentops.credentials.plugins.module_utils._containers.create_request import (
    Overrides,
    create_request,
)
from ansible_collections.agentops.credentials.plugins.module_utils._containers.inquiry import ContainerInquiry
from ansible_collections.agentops.credentials.plugins.module_utils._containers.observe import observe
from ansible_collections.agentops.credentials.plugins.module_utils._containers.ports import ContainerList
from ansible_collections.agentops.credentials.plugins.module_utils._containers.probe import PROGRAM, probe_body

from .. import fakes
from ..world import World
from .situations import PROBE, options

WORDS = [
    "failed to initialize logging driver: dial tcp 127.0.0.1:5514: connect: connection refused",
    'error gathering device information while adding custom device "/dev/ttyUSB0": no such file or directory',
    "unable to find user nobody: no matching entries in passwd file",
    "runc create failed: error during container init: apply apparmor profile: no such file or directory: unknown",
    "cannot join network of a non running container: 1234",
    "the engine did not answer in time (option timeout); a container may hang, see docker ps --all",
    "",
]


@pytest.mark.parametrize("words", WORDS)
def test_what_the_engine_cannot_start_again_is_not_stopped(world: World, words: str) -> None:
    before = world.engine.named("boss")["State"]
    world.engine.words_at_start = [words] if words else []
    if not words:
        assert world.run().changed
        return
    failure = world.failure()
    assert f"boss: could not start boss.am-probe, which has no program: {words}; as things are" in failure
    assert failure.endswith("put that right, then run again. The old container boss is in place as before.")
    assert world.engine.writes == ["create boss.am-probe", "start boss.am-probe", "remove boss.am-probe"]
    assert world.engine.named("boss")["State"] == before
    assert world.engine.names() == ["boss"]


def test_what_the_engine_does_not_even_create_is_refused_with_its_words_and_the_container_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks for the sources of mounts then, also where this host cannot."""
    words = 'invalid mount config for type "bind": bind source path does not exist: /srv/src'

    def create(name: str, body: Any) -> str:
        raise EngineError(words)

    monkeypatch.setattr(world.engine, "create", create)
    failure = world.failure()
    assert f"could not create boss.am-probe: {words}; as things are the engine could not start boss again" in failure
    assert world.engine.writes == []
    assert world.engine.running() == ["boss"]


@pytest.mark.parametrize(
    "words",
    [
        "no available IPv4 addresses on this network's address pools: lan (1)",
        "no available addresses on this pool",
        "failed to create the macvlan port: device or resource busy",
        "Address already in use",
    ],
)
def test_what_one_alone_can_have_of_a_network_is_no_obstacle(world: World, words: str) -> None:
    world.engine.words_at_start = [words]
    assert world.run().changed
    assert world.engine.writes[:6] == [
        "create boss.am-probe", "start boss.am-probe",
        "remove boss.am-probe", "create boss.am-probe", "start boss.am-probe",
        "remove boss.am-probe",
    ]  # fmt: skip


def test_what_fails_without_the_network_too_is_told(world: World) -> None:
    world.engine.words_at_start = ["no available addresses on this pool", WORDS[0]]
    assert WORDS[0] in world.failure()
    assert world.engine.names() == ["boss"]


def test_a_probe_holds_nothing_that_the_original_holds(world: World) -> None:
    boss = world.engine.named("boss")
    boss["HostConfig"].update(PortBindings={"80/tcp": [{"HostPort": "80"}]}, PublishAllPorts=True, AutoRemove=True)
    boss["Config"]["MacAddress"] = "02:00:00:00:00:01"
    world.engine.api_version = (1, 44)
    (endpoint,) = boss["NetworkSettings"]["Networks"].values()
    endpoint.update(IPAMConfig={"IPv4Address": "10.0.0.9"}, Aliases=["db"], MacAddress="02:00:00:00:00:01")
    observed = observe(world.engine, world.host, ContainerList.of(world.engine), world.request().config.agents[0])
    facts = ContainerInquiry(world.engine, world.host, ContainerList.of(world.engine), observed).recreation_facts()
    body = create_request(facts, Overrides()).body
    probe = probe_body(body)
    assert "10.0.0.9" in json.dumps(body)
    for held in ("10.0.0.9", "HostPort", '"db"', "02:00:00:00:00:01", "unless-stopped"):
        assert held not in json.dumps(probe)
    host_config = probe["HostConfig"]
    assert not host_config["PublishAllPorts"] and not host_config["AutoRemove"]
    assert probe["Entrypoint"] == [PROGRAM]
    # All else is as it is: mounts, log driver, runtime, limits, user, environment.
    kept = set(body["HostConfig"]) - {"PortBindings", "PublishAllPorts", "AutoRemove", "RestartPolicy"}
    assert {key: host_config[key] for key in kept} == {key: body["HostConfig"][key] for key in kept}
    kept = set(body) - {"Entrypoint", "Healthcheck", "HostConfig", "NetworkingConfig", "MacAddress"}
    assert {key: probe[key] for key in kept} == {key: body[key] for key in kept}


def test_anonymous_volumes_are_not_made_anew(world: World) -> None:
    world.run()
    names = [mount["Name"] for mount in fakes.recorded("boss_file_mount.json")["Mounts"] if mount["Type"] == "volume"]
    assert names
    created = [body for name, body in world.engine.created if name == "boss.am-probe"]
    assert all(name in json.dumps(created[0]["HostConfig"]) for name in names)


def test_a_probe_that_a_killed_run_has_left_is_removed_by_the_next(world: World) -> None:
    world.engine.cut_at = 2
    with pytest.raises(fakes.CutOff):
        world.attempt()
    assert world.engine.names() == ["boss", "boss.am-probe"]
    world.engine.revive()
    sentence = "boss: remove boss.am-probe (volumes kept) (a probe is left)"
    assert [str(one) for one in world.run(check_mode=True).plan.recovery] == [sentence]
    assert [str(one) for one in world.run().plan.recovery] == [sentence]
    assert world.engine.names() == ["boss"]


def test_a_container_of_somebody_elses_is_not_taken_for_a_probe(world: World) -> None:
    other = fakes.recorded("boss_file_mount.json")
    other.update(Id="e" * 64, Name="/boss.am-probe")
    world.engine.world[other["Id"]] = other
    assert 'could not create boss.am-probe: Conflict. The container name "/boss.am-probe" is' in world.failure()
    assert world.engine.names() == ["boss", "boss.am-probe"]
    assert world.engine.running() == ["boss", "boss.am-probe"]


def test_no_agents_container_is_called_like_a_probe(world: World) -> None:
    world.container = {"name": "boss.am-probe"}
    assert "ends in a suffix that marks containers being replaced" in world.failure()


def test_a_stopped_container_is_not_tried_for_it_is_not_started(world: World) -> None:
    world.engine.stop("boss", 0)
    options(world, recreate_stopped=True)
    assert "am-probe" not in str(world.run().plan)


def test_check_mode_says_that_nothing_was_tried(world: World) -> None:
    predicted = world.run(check_mode=True)
    assert str(predicted.plan).startswith(PROBE)
    assert (
        "check mode has not tried whether the engine can start boss again; a run tries it before it stops anything "
        "(the operations with .am-probe)."
    ) in predicted.warnings
    assert not any("tried" in note for note in world.run().warnings)
