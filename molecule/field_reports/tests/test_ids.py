"""What containers call each other, by ids and names, is right after a recreation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testbed.field import Field

EXPOSING = "field-reports-expose"


@pytest.fixture(autouse=True)
def _tidy(field: Field) -> Iterator[None]:
    yield
    field.clear()


@pytest.fixture(scope="module")
def exposing(field: Field) -> Iterator[str]:
    """An image with ports."""
    text = "FROM agentops-agent\\nEXPOSE 8080 9000/udp\\n"
    field.host.check_output(f"printf '{text}' | docker build --quiet --tag {EXPOSING} -")
    yield EXPOSING
    field.clear()
    field.host.check_output(f"docker rmi {EXPOSING}")


def run(field: Field, name: str, options: str = "", image: str = "agentops-agent", command: str = "") -> str:
    """Start a container; its id."""
    return str(field.host.check_output(f"docker run --detach --name {field.full(name)} {options} {image} {command}"))


def of(field: Field, name: str) -> str:
    return str(field.inspect(field.full(name))["Id"])


@pytest.mark.parametrize("recreate_dependents", [False, True])
def test_a_lender_and_its_user_who_knows_it_by_its_id_get_their_mounts_in_one_run(
    field: Field, recreate_dependents: bool
) -> None:
    """nicholas-fedor/watchtower#2404: compose writes the full id of the lender into VolumesFrom."""
    store = field.start("store", "--volume /shared")["Id"]
    field.start("cons", f"--volumes-from {store}")
    field.host.check_output(f"docker exec --user 0 {field.full('cons')} sh -c 'echo precious > /shared/x'")
    succeeded, result = field.serve("store", "cons", recreate_dependents=recreate_dependents)
    assert succeeded, result
    assert field.names() == {"store": "running", "cons": "running"}
    for name in ("store", "cons"):
        assert field.is_served(name)
        assert field.inside(field.full(name), "/shared/x") == "precious"
    assert field.inspect(field.full("cons"))["HostConfig"]["VolumesFrom"] == [of(field, "store")]
    assert not field.serve("store", "cons")[1]["changed"]


def test_a_bystander_who_has_its_volumes_is_told_and_goes_on(field: Field) -> None:
    store = field.start("store", "--volume /shared")["Id"]
    run(field, "bystander", f"--volumes-from {store}")
    succeeded, result = field.serve("store")
    assert succeeded, result
    told = f"other containers go on with what they have of this one: {field.full('bystander')} (its volumes)"
    assert any(told in note for note in result["agents"]["store"]["warnings"])
    field.host.check_output(f"docker restart --time 1 {field.full('bystander')}")
    assert field.names() == {"store": "running", "bystander": "running"}


def test_a_container_of_an_image_with_ports_that_uses_another_ones_network_is_recreated(
    field: Field, exposing: str
) -> None:
    """portainer/portainer#2316 and #13012, balena-os/balena-supervisor#2211: create refuses what inspect reports."""
    vpn = run(field, "vpn")
    run(field, "dl", f"--network container:{vpn} {field.file_mount}", exposing)
    succeeded, result = field.serve("dl")
    assert succeeded, result
    assert field.is_served("dl")
    document = field.inspect(field.full("dl"))
    assert sorted(document["Config"]["ExposedPorts"]) == ["8080/tcp", "9000/udp"]
    assert document["HostConfig"]["NetworkMode"] == f"container:{vpn.strip()}"


def test_whoever_holds_on_to_a_container_through_several_levels_is_recreated_with_it(
    field: Field, exposing: str
) -> None:
    gw = field.start("gw", "--volume /shared")["Id"]
    side = run(field, "side", f"--network container:{gw} --ipc shareable", exposing)
    run(field, "far", f"--ipc container:{side} --volumes-from {field.full('gw')}:ro --stop-timeout 1")
    run(field, "linked", f"--link {field.full('gw')}:gateway")
    refused, words = field.serve("gw")
    assert not refused
    assert all(field.full(name) in words["msg"] for name in ("side", "far", "linked"))
    succeeded, result = field.serve("gw", recreate_dependents=True)
    assert succeeded, result
    assert field.names() == dict.fromkeys(("gw", "side", "far", "linked"), "running")
    modes = {name: field.inspect(field.full(name))["HostConfig"] for name in ("side", "far", "linked")}
    assert modes["side"]["NetworkMode"] == f"container:{of(field, 'gw')}"
    assert modes["far"]["IpcMode"] == f"container:{of(field, 'side')}"
    assert modes["far"]["VolumesFrom"] == [f"{of(field, 'gw')}:ro"]
    assert modes["linked"]["Links"] == [f"/{field.full('gw')}:/{field.full('linked')}/gateway"]
    assert field.is_served("gw")


def test_the_service_that_another_program_has_recreated_is_found_again(field: Field) -> None:
    """passteque/gluetun#641: its id is another one now; compose's labels say which it is."""
    project = "--label com.docker.compose.project=p"
    vpn = run(field, "vpn", f"{project} --label com.docker.compose.service=vpn")
    labels = f"{project} --label com.docker.compose.service=dl"
    labels += " --label com.docker.compose.depends_on=vpn:service_started:true"
    field.start("dl", f"--network container:{vpn} {labels}")
    field.host.check_output(f"docker rm --force {field.full('vpn')}")
    new = run(field, "vpn", f"{project} --label com.docker.compose.service=vpn").strip()
    succeeded, result = field.serve("dl")
    assert succeeded, result
    assert field.inspect(field.full("dl"))["HostConfig"]["NetworkMode"] == f"container:{new}"
    assert field.is_served("dl")
