"""Who holds on to whom, by ids and names inside the requests; and what of it is told, rewritten or recreated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._containers.relations import (
    Everyone,
    dependents,
    meant,
)
from ansible_collections.agentops.credentials.plugins.module_utils._containers.verdict import Verdict
from ansible_collections.agentops.credentials.plugins.module_utils._engine.documents import Container

from .. import fakes
from ..world import World
from .situations import options


def container(name: str, number: int, labels: dict[str, str] | None = None, **host_config: Any) -> Container:
    config = {"Labels": labels or {}}
    return Container({"Id": f"{number:x}" * 64, "Name": f"/{name}", "Config": config, "HostConfig": host_config})


def beside(world: World, name: str, number: int, **host_config: Any) -> dict[str, Any]:
    """A running container next to boss."""
    document: dict[str, Any] = fakes.recorded("boss_file_mount.json")
    document.update(Id=f"{number:x}" * 64, Name=f"/{name}", Mounts=[])
    document["HostConfig"].update({"Binds": None, **host_config})
    world.engine.world[document["Id"]] = document
    return document


OWNER = container("vpn", 10)


@pytest.mark.parametrize("reference", [OWNER.id, OWNER.id[:12], "vpn"])
@pytest.mark.parametrize("form", ["NetworkMode", "PidMode", "IpcMode", "VolumesFrom", "Links"])
def test_whoever_names_a_container_in_any_form_is_its_dependent(reference: str, form: str) -> None:
    values: dict[str, Any] = {"VolumesFrom": [f"{reference}:ro"], "Links": [f"/{reference}:/user/alias"]}
    user = container("user", 11, **{form: values.get(form, f"container:{reference}")})
    (found,) = dependents(OWNER, Everyone([OWNER, user, container("vpn2", 12)]))
    assert found[0].name == "user"
    assert found[2] == (form != "VolumesFrom")


def test_dependents_come_after_all_that_they_need_through_several_levels() -> None:
    chain = [
        container("far", 13, PidMode="container:near", NetworkMode="container:vpn"),
        container("near", 12, VolumesFrom=["vpn"]),
        container("farther", 14, IpcMode="container:" + "d" * 64),
        container("stranger", 15),
    ]
    found = dependents(OWNER, Everyone([*chain, OWNER]))
    assert [(one.name, ways, breaks) for one, ways, breaks in found] == [
        ("near", ("its volumes",), False),
        ("far", ("its network namespace", "its process namespace of near"), True),
        ("farther", ("its ipc namespace of far",), True),
    ]


def test_an_owner_that_another_program_replaced_is_found_by_its_service() -> None:
    labels = {"com.docker.compose.project": "p"}
    new = container("p-vpn-1", 9, {**labels, "com.docker.compose.service": "vpn"})
    other = container("p-db-1", 8, {**labels, "com.docker.compose.service": "db"})
    needs = {**labels, "com.docker.compose.depends_on": "vpn:service_started:true"}
    user = container("user", 11, needs, NetworkMode="container:" + "7" * 64)
    assert meant(user, Everyone([user, new, other])) == {"7" * 64: new}
    needs_two = {**needs, "com.docker.compose.depends_on": "vpn:service_started:true,db:service_started:false"}
    either = container("user", 11, needs_two, NetworkMode="container:" + "7" * 64)
    assert meant(either, Everyone([either, new, other])) == {}, "it may be either"
    assert meant(either, Everyone([either, other])) == {}, "it is not the one that is left"
    both = container("user", 11, needs_two, NetworkMode="container:" + "7" * 64, PidMode=f"container:{other.id}")
    assert meant(both, Everyone([both, new, other]))["7" * 64] == new


def image_labels(of_images: Mapping[str, Mapping[str, str]]) -> Callable[[Container], Mapping[str, str]]:
    """The labels of the images, by their containers' ids."""
    return lambda container: of_images[container.id]


def test_the_labels_of_an_image_do_not_decide_whose_namespaces_a_container_gets() -> None:
    """Its author wrote them: they would put his container into the network of one that he names, or that one into his."""
    labels = {"com.docker.compose.project": "p", "com.docker.compose.depends_on": "vpn:service_started:true"}
    service = {**labels, "com.docker.compose.service": "vpn"}
    user = container("user", 11, labels, NetworkMode="container:" + "7" * 64)
    new = container("p-vpn-1", 9, service)
    for hostile, their_labels in ((user, labels), (new, service)):
        of_images = {user.id: {"maintainer": "somebody"}, new.id: {"maintainer": "somebody"}, hostile.id: their_labels}
        assert meant(user, Everyone([user, new], image_labels=image_labels(of_images))) == {}
    assert meant(user, Everyone([user, new], image_labels=lambda _one: {})) == {"7" * 64: new}


def test_a_service_that_lends_other_volumes_is_not_the_lender() -> None:
    labels = {"com.docker.compose.project": "p", "com.docker.compose.depends_on": "store:service_started:true"}
    service = {**labels, "com.docker.compose.service": "store"}
    user = container("user", 11, labels, VolumesFrom=["7" * 64])
    mount = {"Type": "volume", "Name": "v", "Destination": "/shared", "RW": True}
    store = Container({**container("store", 9, service).document, "Mounts": [mount]})
    assert meant(user, Everyone([user, store])) == {}
    user = Container({**user.document, "Mounts": [mount]})
    assert meant(user, Everyone([user, store])) == {"7" * 64: store}


def test_without_being_asked_who_has_volumes_goes_on_and_is_told(world: World) -> None:
    boss = world.engine.named("boss")["Id"]
    beside(world, "cons", 12, VolumesFrom=[boss])
    result = world.run()
    assert any("boss: other containers go on with what they have of this one: cons (its volumes)" in note
               for note in result.warnings)  # fmt: skip
    assert world.engine.named("cons")["HostConfig"]["VolumesFrom"] == [boss]


def test_dependents_of_dependents_are_recreated_with_it(world: World) -> None:
    options(world, recreate_dependents=True)
    boss = world.engine.named("boss")["Id"]
    beside(world, "near", 12, NetworkMode=f"container:{boss}")
    beside(world, "far", 13, NetworkMode="bridge", PidMode="container:" + "c" * 64, VolumesFrom=[f"{boss}:ro"])
    beside(world, "linked", 14, NetworkMode="bridge", Links=["/boss:/linked/db"])
    world.run()
    new = {name: world.engine.named(name) for name in ("boss", "near", "far", "linked")}
    assert sorted(new) == world.engine.names() == world.engine.running()
    assert new["near"]["HostConfig"]["NetworkMode"] == f"container:{new['boss']['Id']}"
    assert new["far"]["HostConfig"]["PidMode"] == f"container:{new['near']['Id']}"
    assert new["far"]["HostConfig"]["VolumesFrom"] == [f"{new['boss']['Id']}:ro"]
    assert new["linked"]["HostConfig"]["Links"] == ["boss.am-new:db"], "a link follows the renaming in a real engine"


@pytest.mark.parametrize("recreate_dependents", [False, True])
@pytest.mark.parametrize("max_parallel", [1, 2])
def test_an_agent_that_holds_on_to_another_one_is_planned_again_after_it(
    world: World, recreate_dependents: bool, max_parallel: int
) -> None:
    options(world, recreate_dependents=recreate_dependents)
    world.max_parallel = max_parallel
    lender = world.engine.named("boss")["Id"]
    document = fakes.recorded("boss_file_mount.json")
    document.update(Id="c" * 64, Name="/cons")
    document["HostConfig"]["VolumesFrom"] = [lender]
    world.engine.world["c" * 64] = document
    settings = {"credentials_host_dir": fakes.DIRECTORY}
    world.agents = {name: {"container": settings} for name in ("cons", "boss")}
    assert world.run().after == {"cons": Verdict.OK, "boss": Verdict.OK}
    assert world.engine.names() == world.engine.running() == ["boss", "cons"]
    assert world.engine.named("cons")["HostConfig"]["VolumesFrom"] == [world.engine.named("boss")["Id"]]
    assert not world.run().changed


def test_the_volumes_of_a_lender_that_is_gone_become_its_own(world: World) -> None:
    boss = world.engine.named("boss")
    boss["HostConfig"]["VolumesFrom"] = ["9" * 64 + ":ro"]
    boss["Mounts"] += [
        {"Type": "volume", "Name": "lent", "Destination": "/lent", "RW": False},
        {"Type": "bind", "Source": "/srv", "Destination": "/srv", "RW": True},
    ]
    body = world.run().plan.agents[0]
    assert body.body is not None
    assert body.body["HostConfig"]["VolumesFrom"] == []
    assert "lent:/lent:ro" in body.body["HostConfig"]["Binds"]
    assert "/srv" in [mount["Target"] for mount in body.body["HostConfig"]["Mounts"]]
    assert "the container 999999999999, whose volumes it has, is gone: they become its own" in body.differences


def test_a_restart_that_would_not_find_the_owner_of_the_namespaces_is_refused(world: World) -> None:
    world.run()
    labels = {"com.docker.compose.project": "p", "com.docker.compose.service": "vpn"}
    beside(world, "vpn", 9)["Config"]["Labels"] = labels
    boss = world.engine.named("boss")
    boss["HostConfig"]["NetworkMode"] = "container:" + "7" * 64
    boss["Config"]["Labels"] = {
        **labels,
        "com.docker.compose.service": "boss",
        "com.docker.compose.depends_on": "vpn:x",
    }
    world.host.stale = (1, 1)
    assert "boss: the container uses a namespace of vpn, which was made again since" in world.failure()
    assert world.engine.running() == ["boss", "vpn"]


def test_a_dependent_that_a_restart_would_not_bring_back_is_an_obstacle(world: World) -> None:
    """Compose made boss again, and sidecar still names the one that is gone."""
    options(world, recreate_dependents=True)
    world.run()
    labels = {"com.docker.compose.project": "p"}
    world.engine.named("boss")["Config"]["Labels"] = {**labels, "com.docker.compose.service": "boss"}
    sidecar = beside(world, "sidecar", 12, NetworkMode="container:" + "7" * 64)
    sidecar["Config"]["Labels"] = {**labels, "com.docker.compose.depends_on": "boss:service_started:true"}
    world.host.stale = (1, 1)
    writes = list(world.engine.writes)
    assert "the dependent container sidecar uses a namespace of boss, which was made again since" in world.failure()
    assert world.engine.writes == writes
