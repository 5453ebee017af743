"""What is looked up before a container is stopped: each obstacle as a situation, and the words of its refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._host.node import MISSING_NODE, UNKNOWN_NODE, Node

from .. import fakes
from ..world import World
from .situations import add_sidecar, options

FILE = Node("file", (1, 1))
OTHER_FILE = Node("file", (1, 2))


def bind(world: World, source: str, target: str, read_only: bool = False, **row: Any) -> None:
    """Mount something more into boss."""
    boss = world.engine.named("boss")
    boss["Mounts"].append({"Type": "bind", "Source": source, "Destination": target, "RW": not read_only, **row})
    boss["HostConfig"]["Binds"].append(f"{source}:{target}" + (":ro" if read_only else ""))


def _with(source: Node, inside: Node, read_only: bool = False) -> Callable[[World], None]:
    def arrange(world: World) -> None:
        bind(world, "/srv/conf", "/conf", read_only)
        world.host.nodes["/srv/conf"] = source
        world.host.in_container["/conf"] = inside

    return arrange


def _needs(**fields: Any) -> Callable[[World], None]:
    return lambda world: world.engine.named("boss")["HostConfig"].update(fields)


def _beside(running: bool = True, **fields: Any) -> Callable[[World], None]:
    """boss needs the container vpn."""

    def arrange(world: World) -> None:
        vpn = fakes.recorded("boss_file_mount.json")
        vpn.update(Id="f" * 64, Name="/vpn")
        vpn["State"].update(Status="running" if running else "exited", Running=running)
        world.engine.world[vpn["Id"]] = vpn
        _needs(**fields)(world)

    return arrange


def _device(node: Node) -> Callable[[World], None]:
    def arrange(world: World) -> None:
        _needs(Devices=[{"PathOnHost": "/dev/ttyUSB0", "PathInContainer": "/dev/ttyUSB0"}])(world)
        world.host.nodes["/dev/ttyUSB0"] = node

    return arrange


def _another_device(world: World) -> None:
    _device(Node("device", (0, 1)))(world)
    world.host.in_container["/dev/ttyUSB0"] = Node("device", (0, 2))


def _volume(node: Node, **options_: str) -> Callable[[World], None]:
    def arrange(world: World) -> None:
        boss = world.engine.named("boss")
        boss["Mounts"].append({"Type": "volume", "Name": "work", "Destination": "/work", "RW": True})
        boss["HostConfig"]["Binds"].append("work:/work")
        world.engine.volumes["work"] = {"Options": options_}
        world.host.nodes["/srv/work"] = node
        world.host.in_container["/work"] = Node("directory", (1, 1))

    return arrange


def _below(propagation: str, read_only: bool = False) -> Callable[[World], None]:
    def arrange(world: World) -> None:
        bind(world, "/run", "/run", read_only, Propagation=propagation)
        if read_only:
            world.host.in_container["/run/agent-credentials/claude"] = MISSING_NODE

    return arrange


DIRECTORY, OTHER_DIRECTORY = Node("directory", (1, 1)), Node("directory", (1, 2))
VPN = "f" * 64
HAS = "boss: the container has /srv/conf of the host at /conf, and "
REFUSED: dict[str, tuple[Callable[[World], None], str]] = {
    "the source of a bind is gone": (
        _with(MISSING_NODE, FILE),
        f"{HAS}that path is gone from the host: a recreation would lose what the container still has. Put it back",
    ),
    "the source of a read-only bind is gone": (_with(MISSING_NODE, DIRECTORY, True), f"{HAS}that path is gone from"),
    "a directory is where a file was": (
        _with(DIRECTORY, FILE, True),
        f"{HAS}there is a directory now where the container has a file. Put the file back.",
    ),
    "a file is where a socket was": (_with(FILE, Node("socket", (1, 3))), "where the container has a socket"),
    "another directory": (
        _with(OTHER_DIRECTORY, DIRECTORY),
        f"{HAS}that is another directory now than the container has: it was moved or made again. Move the old one back",
    ),
    "another directory, read-only": (_with(OTHER_DIRECTORY, DIRECTORY, True), "that is another directory now"),
    "another file, writable": (
        _with(OTHER_FILE, FILE),
        f"{HAS}that file was replaced on the host by one of other content, while the container may have written its own. "
        f"Bring both together, or set accept_replaced_files: true to go on with the host's.",
    ),
    "the device of a volume is gone": (
        _volume(MISSING_NODE, type="none", o="bind", device="/srv/work"),
        "boss: the container has /srv/work of the host at /work, and that path is gone from the host",
    ),
    "the device of a volume is another directory": (
        _volume(OTHER_DIRECTORY, type="none", o="bind", device="/srv/work"),
        "that is another directory now than the container has",
    ),
    "the block device of a volume is gone": (
        _volume(MISSING_NODE, type="ext4", device="/srv/work"),
        "boss: the container has the device /srv/work, which is gone from the host; plug it in again, or take it out.",
    ),
    "a device is unplugged": (
        _device(MISSING_NODE),
        "boss: the container has the device /dev/ttyUSB0, which is gone from the host; plug it in again",
    ),
    "a file is where a device was": (_device(FILE), "has the device /dev/ttyUSB0, where a file is now; put the device"),
    "the owner of its network does not run": (
        _beside(False, NetworkMode=f"container:{VPN}"),
        "boss: the container needs the network namespace of the container vpn, which does not run; start it.",
    ),
    "the owner of its network is gone": (
        _needs(NetworkMode=f"container:{VPN}"),
        f"boss: the container needs the network namespace of the container {VPN}, which is gone; make it again",
    ),
    "the owner of its process namespace is gone": (_needs(PidMode=f"container:{VPN}"), "the process namespace of"),
    "the owner of its ipc namespace does not run": (
        _beside(False, IpcMode="container:vpn"),
        "ipc namespace of the con",
    ),
    "a linked container does not run": (
        _beside(False, Links=["/vpn:/boss/vpn"]),
        "boss: the container needs the linked container vpn, which does not run; start it.",
    ),
    "a linked container is gone": (_needs(Links=["/vpn:/boss/vpn"]), "the linked container vpn, which is gone"),
    "a target below a shared mount": (
        _below("rshared"),
        "boss: container.target /run/agent-credentials/claude lies on the mount of /run at /run, which passes mounts on "
        "(rshared): the directory could be seen on the host, too; set container.target to a directory of the container's",
    ),
    "a target below a slave mount": (_below("rslave"), "passes mounts on (rslave)"),
    "a target below a read-only mount": (
        _below("rprivate", read_only=True),
        "lies on the mount of /run at /run, which is read-only, so the engine cannot make the place for it; set",
    ),
}


@pytest.mark.parametrize("situation", REFUSED)
@pytest.mark.parametrize("check_mode", [True, False], ids=["check", "run"])
def test_it_is_refused_and_the_container_goes_on(world: World, situation: str, check_mode: bool) -> None:
    arrange, words = REFUSED[situation]
    arrange(world)
    assert words in world.failure(check_mode)
    assert world.engine.writes == []


def _nothing(world: World) -> None:
    pass


def _same_content(world: World) -> None:
    _with(OTHER_FILE, FILE)(world)
    world.host.is_same_content = True


def _accepted(world: World) -> None:
    _with(OTHER_FILE, FILE)(world)
    options(world, accept_replaced_files=True)


REPLACED = "the file /srv/conf was replaced: at /conf comes the present one"
TOLD: dict[str, tuple[Callable[[World], None], str | None]] = {
    "all is as it was": (_with(FILE, FILE), None),
    "another file, read-only": (_with(OTHER_FILE, FILE, True), REPLACED),
    "another file of the same content": (_same_content, REPLACED),
    "another file, accepted": (_accepted, REPLACED),
    "another socket": (
        _with(Node("socket", (1, 5)), Node("socket", (1, 4))),
        "the socket /srv/conf was replaced: at /conf comes the present one",
    ),
    "a source that cannot be looked at": (
        _with(UNKNOWN_NODE, FILE),
        "not proven that /srv/conf is still what the container has at /conf",
    ),
    "a mount that the container has covered": (
        _with(FILE, MISSING_NODE),
        "not proven that /srv/conf is still what the container has at /conf",
    ),
    "no right to look": (
        lambda world: setattr(world.host, "provable", False),
        "not proven that the sources of its mounts are still what the container has: no rights on purpose; the engine "
        "refuses one that is missing, and one that was replaced comes in its place",
    ),
    "the owner of its network runs": (_beside(NetworkMode=f"container:{VPN}"), None),
    "a lender of volumes that does not run": (_beside(False, VolumesFrom=["vpn"]), None),
    "a device": (_device(Node("device", (1, 1))), None),
    "another device": (
        _another_device,
        "/dev/ttyUSB0 is another device now than the container has: the new container gets the present one",
    ),
    "a directory of devices": (_device(Node("directory", (1, 1))), None),
    "a volume of a directory": (_volume(DIRECTORY, type="none", o="bind", device="/srv/work"), None),
    "a volume of a server": (_volume(MISSING_NODE, type="nfs", o="addr=10.0.0.1", device=":/srv/work"), None),
    "a target below a private mount": (_below("rprivate"), None),
}


@pytest.mark.parametrize("situation", TOLD)
def test_it_is_recreated_and_what_differs_is_told(world: World, situation: str) -> None:
    arrange, sentence = TOLD[situation]
    plain = world.run(check_mode=True).plan.agents[0].differences
    arrange(world)
    for check_mode in (True, False):
        (plan,) = world.run(check_mode).plan.agents
        told = [one for one in plan.differences if one not in plain]
        assert told == ([sentence] if sentence else [])


@pytest.mark.parametrize("target", ["/home/claude/.claude/.credentials.json", "/run/agent-credentials/claude"])
def test_a_mount_that_is_taken_away_does_not_count(world: World, target: str) -> None:
    world.host.in_container[target] = Node("file", (9, 9))
    for mount in world.engine.named("boss")["Mounts"]:
        if mount["Destination"] == target:
            world.host.nodes[mount["Source"]] = MISSING_NODE
    assert world.run().changed


def test_a_stopped_container_is_not_looked_into(world: World) -> None:
    _with(MISSING_NODE, FILE)(world)
    world.engine.stop("boss", 0)
    options(world, recreate_stopped=True)
    assert world.run().changed


def test_a_restart_asks_for_the_same(world: World) -> None:
    world.run()
    world.host.stale = (1, 1)
    writes = list(world.engine.writes)
    _needs(Links=["/vpn:/boss/vpn"])(world)
    assert "the linked container vpn, which is gone" in world.failure()
    assert world.engine.writes == writes


def test_a_dependent_that_could_not_start_again_is_an_obstacle(world: World) -> None:
    add_sidecar(world)
    options(world, recreate_dependents=True)
    world.engine.named("sidecar")["HostConfig"]["Links"] = ["/vpn:/sidecar/vpn"]
    assert "boss: the dependent container sidecar needs the linked container vpn, which is gone" in world.failure()


# No source is made


class Vanishing(fakes.FakeHost):
    """A host from which a source goes after the first look."""

    looks = 0

    def node(self, path: str) -> Node:
        self.looks += path == "/srv/conf"
        return MISSING_NODE if path == "/srv/conf" and self.looks > 2 else super().node(path)


def test_what_goes_after_the_look_is_not_made_by_the_engine(world: World) -> None:
    """The replacement states all as mounts, but for labels of SELinux: the engine would make that source."""
    world.host = Vanishing(world.engine)
    bind(world, "/srv/conf", "/conf")
    boss = world.engine.named("boss")
    boss["HostConfig"]["Binds"][-1] += ":Z"
    failure = world.failure()
    assert "/srv/conf, which the container mounts, is gone from the host, and the engine would make an empty" in failure
    assert world.engine.names() == world.engine.running() == ["boss"]
    assert "stop boss" not in world.engine.writes


def test_the_replacement_states_binds_so_that_the_engine_makes_nothing(world: World) -> None:
    bind(world, "/srv/conf", "/conf", read_only=True)
    world.run()
    assert not [one for one in world.engine.named("boss")["HostConfig"]["Binds"] or () if one.startswith("/")]
    stated = world.engine.named("boss")["HostConfig"]["Mounts"]
    assert {"Type": "bind", "Source": "/srv/conf", "Target": "/conf", "ReadOnly": True} in stated


@pytest.mark.parametrize("provable", [True, False])
def test_an_original_whose_source_went_while_it_stood_still_is_not_started(world: World, provable: bool) -> None:
    """Nor by a user who may not look into the container: the sources are looked for on the host."""
    world.host.provable = provable
    bind(world, "/srv/conf", "/conf")
    world.engine.fail_at = 8

    def go(path: str) -> Node:
        is_stopped = "stop boss" in world.engine.writes
        return MISSING_NODE if path == "/srv/conf" and is_stopped else Node("directory", (1, hash(path)))

    world.host.node = go  # type: ignore[method-assign]
    failure = world.failure()
    assert (
        "Going back failed as well: boss cannot be started: /srv/conf, which the container mounts, is gone from the host"
        in failure
    )
    original = fakes.recorded("boss_file_mount.json")["Id"]
    assert not world.engine.world[original]["State"]["Running"]


def test_no_file_is_read_by_the_engine_where_it_would_make_a_missing_source(world: World) -> None:
    """To read one it mounts all that the container has (moby, setupMounts), a stopped one's as well."""
    bind(world, "/srv/conf", "/conf")
    world.engine.named("boss")["HostConfig"]["Binds"].append("/srv/conf:/conf")
    world.host.node = lambda path: MISSING_NODE  # type: ignore[method-assign]
    world.engine.stop("boss", 0)
    world.engine.writes.clear()
    world.attempt()
    assert "read_file" not in world.engine.reads
    assert world.engine.writes == []


@pytest.mark.parametrize(("status", "reads"), [("running", ["cat /etc/passwd"]), ("paused", []), ("exited", [])])
def test_where_no_source_can_be_looked_for_the_container_itself_reads_its_users(
    world: World, status: str, reads: list[str]
) -> None:
    """The engine is on another host, or nothing of it but its socket is here."""
    bind(world, "/srv/conf", "/conf")
    world.engine.is_local = False
    world.engine.named("boss")["HostConfig"]["Binds"].append("/srv/conf:/conf")
    world.engine.named("boss")["State"].update(Status=status)
    world.attempt(check_mode=True)
    assert [one for one in world.engine.reads if "read_file" in one or "passwd" in one] == reads


def test_a_stopped_container_of_which_nothing_is_known_is_left_as_it_is(world: World) -> None:
    world.engine.is_local = False
    world.container = {"placement": "config_dir"}
    world.engine.named("boss")["HostConfig"]["Binds"].append("/srv/conf:/conf")
    world.engine.named("boss")["Config"]["Env"] = []
    world.engine.stop("boss", 0)
    (plan,) = world.run().plan.agents
    assert "boss: the container boss is stopped and left as it is" in plan.warnings[-1]
