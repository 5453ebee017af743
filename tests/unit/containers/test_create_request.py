"""inspect → create: every rule of docs/recreation.md, on documents that a real engine told."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.agentops.credentials.plugins.module_utils._base.paths import normalise
from ansible_collections.agentops.credentials.plugins.module_utils._containers.create_request import (
    CreateRequest,
    Overrides,
    create_request,
    unknown_fields,
)
from ansible_collections.agentops.credentials.plugins.module_utils._containers.layer_changes import layer_changes
from ansible_collections.agentops.credentials.plugins.module_utils._containers.recreation_facts import RecreationFacts
from ansible_collections.agentops.credentials.plugins.module_utils._containers.relations import Everyone, meant
from ansible_collections.agentops.credentials.plugins.module_utils._engine.documents import Container, Image
from ansible_collections.agentops.credentials.plugins.module_utils._engine.mounts import MountSpec, without_targets

from .. import fakes

NOTHING = Overrides()
MOUNT = MountSpec("bind", "/c", "/run/agent-credentials/claude", True)


def make(
    container: Any,
    overrides: Overrides = NOTHING,
    api: tuple[int, int] = (1, 41),
    tag: str | None = "same",
    others: tuple[Any, ...] = (),
    image: Any = None,
) -> CreateRequest:
    facts = RecreationFacts(
        container=Container(container),
        image=Image(image or fakes.recorded("image.json")),
        tag_image=container["Image"] if tag == "same" else tag,
        api_version=api,
        changed_paths=(),
        dependents=(),
        meant=meant(Container(container), Everyone([Container(other) for other in others])),
        kinds={},
        homes=(),
        layer_obstacle=None,
    )
    return create_request(facts, overrides)


@pytest.fixture
def boss() -> Any:
    return fakes.recorded("boss_file_mount.json")


def test_the_default_hostname_is_not_pinned_and_a_chosen_one_is_kept(boss: Any) -> None:
    assert make(boss).body["Hostname"] == ""
    boss["Config"]["Hostname"] = "chosen"
    assert make(boss).body["Hostname"] == "chosen"


@pytest.mark.parametrize("host_config", [{"NetworkMode": "container:abc"}, {"UTSMode": "host"}])
def test_a_shared_hostname_is_not_stated(boss: Any, host_config: Any) -> None:
    boss["Config"]["Hostname"] = "of-the-other"
    boss["HostConfig"].update(host_config)
    assert make(boss).body["Hostname"] == ""


def test_an_empty_entrypoint_is_not_inherited_again(boss: Any) -> None:
    image = fakes.recorded("image.json")
    assert make(boss, image=image).body["Entrypoint"] is None
    image["Config"]["Entrypoint"] = ["/entry"]
    assert make(boss, image=image).body["Entrypoint"] == [""]


@pytest.mark.parametrize("tag", [None, "sha256:another"])
def test_a_moved_or_lost_tag_is_pinned_by_the_image_id(boss: Any, tag: str | None) -> None:
    request = make(boss, tag=tag)
    assert request.body["Image"] == boss["Image"]
    assert any("pinned by its id" in sentence for sentence in request.differences)
    assert make(boss).body["Image"] == "agentops-agent:latest"


def test_anonymous_volumes_are_named_however_they_came(boss: Any) -> None:
    volume = {"Type": "volume", "RW": True}
    boss["Mounts"] = [
        {**volume, "Name": "v1", "Destination": "/data"},
        {**volume, "Name": "v2", "Destination": "/bind"},
        {**volume, "Name": "v3", "Destination": "/mount"},
        {**volume, "Name": "v4", "Destination": "/ro", "RW": False},
        {**volume, "Name": "named", "Destination": "/named"},
        {**volume, "Name": "lent", "Destination": "/lent"},
    ]
    boss["HostConfig"]["Binds"] = ["/bind", "named:/named"]
    boss["HostConfig"]["Mounts"] = [{"Type": "volume", "Target": "/mount/"}]
    boss["HostConfig"]["VolumesFrom"] = ["lender"]
    lender = {"Id": "e" * 64, "Name": "/lender", "Mounts": [{**volume, "Name": "lent", "Destination": "/lent"}]}
    request = make(boss, others=(lender,))
    assert request.body["HostConfig"]["Binds"] == ["v2:/bind", "named:/named", "v1:/data", "v4:/ro:ro"]
    assert request.body["HostConfig"]["Mounts"] == [{"Type": "volume", "Target": "/mount/", "Source": "v3"}]
    assert sum("anonymous volume" in sentence for sentence in request.differences) == 4


def test_the_replacement_holds_the_restart_policy_from_the_beginning(boss: Any) -> None:
    request = make(boss)
    assert request.body["HostConfig"]["RestartPolicy"]["Name"] == request.restart_policy["Name"] == "unless-stopped"


def test_links_are_written_as_create_takes_them(boss: Any) -> None:
    boss["HostConfig"]["Links"] = ["/db:/boss/database"]
    assert make(boss).body["HostConfig"]["Links"] == ["db:database"]


def endpoint(address: str, **more: Any) -> dict[str, Any]:
    return {"IPAMConfig": None, "Aliases": None, "IPAddress": address, "MacAddress": "", "NetworkID": "", **more}


def test_one_network_is_created_with_and_the_others_are_connected_before_api_1_44(boss: Any) -> None:
    boss["NetworkSettings"]["Networks"] = {
        "other": endpoint("172.19.0.2", Aliases=["o", boss["Id"][:12]], IPAMConfig={"IPv4Address": "172.19.0.2"}),
        "agents": endpoint("172.18.0.2"),
    }
    old, new = make(boss), make(boss, api=(1, 45))
    assert list(old.body["NetworkingConfig"]["EndpointsConfig"]) == ["agents"]
    assert old.connections == (("other", {"IPAMConfig": {"IPv4Address": "172.19.0.2"}, "Aliases": ["o"]}),)
    assert list(new.body["NetworkingConfig"]["EndpointsConfig"]) == ["other", "agents"]
    assert new.connections == ()
    assert old.disconnections == new.disconnections == ()


def test_a_network_that_the_container_has_left_is_left_again(boss: Any) -> None:
    boss["NetworkSettings"]["Networks"] = {"other": endpoint("172.19.0.2")}
    request = make(boss)
    assert request.disconnections == ("agents",)
    assert [name for name, _row in request.connections] == ["other"]
    assert make(boss, api=(1, 45)).disconnections == ()
    boss["HostConfig"]["NetworkMode"] = "default"
    assert make(boss).disconnections == ("bridge",)


@pytest.mark.parametrize("mode", ["host", "none", "container:abc"])
def test_modes_without_endpoints_get_none(boss: Any, mode: str) -> None:
    boss["HostConfig"]["NetworkMode"] = mode
    request = make(boss)
    assert (request.body["NetworkingConfig"]["EndpointsConfig"], request.connections, request.disconnections) == (
        {},
        (),
        (),
    )


@pytest.mark.parametrize(
    ("mac", "address", "kept"),
    [
        ("02:42:ac:12:00:02", "172.18.0.2", False),
        ("02:42:ac:12:00:63", "172.18.0.2", True),
        ("", "172.18.0.2", False),
    ],
)
def test_only_a_mac_address_that_was_asked_for_is_kept(boss: Any, mac: str, address: str, kept: bool) -> None:
    boss["NetworkSettings"]["Networks"]["agents"].update(MacAddress=mac, IPAddress=address)
    row = make(boss, api=(1, 45)).body["NetworkingConfig"]["EndpointsConfig"]["agents"]
    assert ("MacAddress" in row) == kept
    assert "MacAddress" not in make(boss).body["NetworkingConfig"]["EndpointsConfig"]["agents"]


DRAWN, ASKED = "7e:e7:f8:63:d2:f3", "92:d0:c6:0a:29:33"


@pytest.mark.parametrize("api", [(1, 48), (1, 51)])
@pytest.mark.parametrize(("told", "kept"), [(None, None), ("", None), (ASKED, ASKED)])
def test_since_api_1_48_only_the_mac_address_that_the_engine_says_was_asked_for_is_kept(
    boss: Any, api: tuple[int, int], told: str | None, kept: str | None
) -> None:
    boss["Config"]["MacAddress"] = told
    boss["NetworkSettings"]["Networks"]["agents"].update(MacAddress=kept or DRAWN, IPAddress="172.18.0.2")
    request = make(boss, api=api)
    assert request.body["NetworkingConfig"]["EndpointsConfig"]["agents"].get("MacAddress") == kept
    assert not any("MAC address" in told for told in request.differences)


@pytest.mark.parametrize(
    ("api", "networks"), [((1, 47), None), ((1, 48), "other"), ((1, 51), "other"), ((1, 52), "agents and other")]
)
def test_a_mac_address_of_which_the_engine_does_not_tell_whether_it_was_asked_for_is_announced(
    boss: Any, api: tuple[int, int], networks: str | None
) -> None:
    """What an engine of API 1.52 tells is simulated: it lacks Config.MacAddress."""
    row = boss["NetworkSettings"]["Networks"]["agents"]
    row.update(MacAddress=DRAWN, IPAddress="172.18.0.2")
    boss["NetworkSettings"]["Networks"]["other"] = {**row, "MacAddress": ASKED, "NetworkID": "n2"}
    told = [sentence for sentence in make(boss, api=api).differences if "MAC address" in sentence]
    wanted = (
        f"the engine chooses another MAC address in the network {networks}: it does not tell whether one was asked for"
    )
    assert told == ([wanted] if networks else [])


def test_what_is_wanted_is_all_that_differs(boss: Any) -> None:
    wanted = Overrides((MOUNT,), ("/home/claude/.claude/.credentials.json",), (("X", "1"),))
    plain, changed = make(boss).body, make(boss, wanted).body
    assert changed["Env"] == [*plain["Env"], "X=1"]
    host, changed_host = dict(plain["HostConfig"]), dict(changed["HostConfig"])
    assert changed_host.pop("Mounts") == [
        {"Type": "bind", "Source": "/c", "Target": "/run/agent-credentials/claude", "ReadOnly": True}
    ]
    assert changed_host.pop("Binds") == [bind for bind in host.pop("Binds") if ".credentials.json" not in bind]
    host.pop("Mounts", None)
    assert changed_host == host
    different = {key for key in plain if key not in ("Env", "HostConfig") and plain[key] != changed[key]}
    assert different == set()


def test_the_inspect_document_is_not_changed(boss: Any) -> None:
    before = copy.deepcopy(boss)
    make(boss, Overrides((MOUNT,), ("/data",), (("X", "1"),)))
    assert boss == before


def test_unknown_fields_with_a_value_are_named(boss: Any) -> None:
    assert unknown_fields(Container(boss)) == ()
    boss["HostConfig"].update(New=1, Empty=None)
    boss["Config"]["Newer"] = "x"
    assert unknown_fields(Container(boss)) == ("Config.Newer", "HostConfig.New")
    boss["HostConfig"].update(New=None, Umask=0)
    assert unknown_fields(Container(boss)) == ("Config.Newer", "HostConfig.Umask")


TARGETS = st.lists(
    st.sampled_from(["/a", "/a/b", "/work", "/home/claude/.claude", "/run/agent-credentials/claude", "/x y"]),
    unique=True,
)


@given(TARGETS, TARGETS)
def test_no_foreign_mount_is_ever_dropped(targets: list[str], unwanted: list[str]) -> None:
    half = len(targets) // 2
    host_config = {
        "Binds": [f"/src:{target}/:ro" for target in targets[:half]],
        "Mounts": [{"Type": "bind", "Source": "/src", "Target": target} for target in targets[half:]],
    }
    left = without_targets(host_config, unwanted)
    kept = [normalise(bind.split(":")[1]) for bind in left["Binds"]] + [row["Target"] for row in left["Mounts"]]
    assert kept == [target for target in targets if target not in unwanted]


@pytest.mark.parametrize(("path", "normal"), [("/a/", "/a"), ("//a//b/../c", "/a/c"), ("/", "/"), ("/a/./b", "/a/b")])
def test_paths_are_compared_normalised(path: str, normal: str) -> None:
    assert normalise(path) == normal


def test_layer_changes_leave_out_mounts_and_the_link(boss: Any) -> None:
    paths = ["/home", "/home/claude", "/home/claude/.claude", "/home/claude/.claude/.credentials.json", "/tmp/a",
             "/home/claude/notes", "/sbin/docker-init", "/sbin", "/data", "/database",
             "/usr", "/usr/sbin", "/usr/sbin/docker-init", "/usr/bin/docker-init", "/usr/bin/tool", "/run/own", "/usr/bin/mine",
             "/scratch", "/made", "/made/by", "/made/by/engine"]  # fmt: skip
    targets = ("/data", "/bin/tool", "/var/run/own")
    boss["Mounts"] = [{"Type": "volume", "Name": "v", "Destination": target, "RW": True} for target in targets]
    boss["HostConfig"]["Tmpfs"] = {"/scratch/": ""}
    boss["Config"]["WorkingDir"] = "/made/by/engine"
    lost = layer_changes(Container(boss), paths, ["/home/claude/.claude/.credentials.json"])
    assert lost == ("/database", "/home/claude/notes", "/tmp/a", "/usr/bin/mine")
    written = [*paths, "/made/by/engine/file"]
    assert "/made/by/engine/file" in layer_changes(Container(boss), written, ())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"State": {"Status": "exited"}}, "exit status and health history are lost"),
        ({"HostConfig": {"ContainerIDFile": "/f"}}, "/f goes on to hold the id"),
        ({"HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": ""}]}}}, "another host port for 80/tcp"),
        ({"HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "1-9"}]}}}, "another host port for 80/tcp"),
        ({"HostConfig": {"PublishAllPorts": True}, "Config": {"ExposedPorts": {"7/udp": {}}}}, "port for 7/udp"),
    ],
)
def test_what_cannot_be_kept_is_told(boss: Any, change: Any, sentence: str) -> None:
    assert not any(sentence in told for told in make(boss).differences)
    for part, fields in change.items():
        boss[part].update(fields)
    assert any(sentence in told for told in make(boss).differences)
