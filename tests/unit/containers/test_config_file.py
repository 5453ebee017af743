"""A configuration that a container can write is not believed."""

from __future__ import annotations

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import ConfigError
from ansible_collections.agentops.credentials.plugins.module_utils._host.filesystem import DirectoryFacts

from ..world import World

PATH = "/home/dev/work/config/agents.json"


@pytest.mark.parametrize(
    ("source", "writable", "refused"),
    [
        ("/home/dev/work", True, True),
        (PATH, True, True),
        ("/", True, True),
        ("/home/dev/work", False, False),
        ("/home/dev/work2", True, False),
        ("/home/dev/work/config/agents.json.d", True, False),
    ],
)
def test_a_container_that_can_write_it_is_named(world: World, source: str, writable: bool, refused: bool) -> None:
    world.config_path = PATH
    boss = world.engine.named("boss")
    boss["Mounts"] = [{"Type": "bind", "Source": source, "Destination": "/work", "RW": writable}]
    if not refused:
        world.attempt(check_mode=True)
        return
    with pytest.raises(ConfigError, match=r"agents\.json can be written by the container boss, which has .* writable"):
        world.attempt()
    assert world.engine.writes == []
    world.trusted_writers = ("boss",)
    world.attempt(check_mode=True)
    # What a killed run has left of it is trusted like itself.
    boss = world.engine.named("boss")
    for number, suffix in enumerate((".am-new", ".am-probe"), start=1):
        world.engine.world[f"{number}" * 64] = {**boss, "Id": f"{number}" * 64, "Name": f"/boss{suffix}"}
    world.attempt(check_mode=True)


def test_a_container_that_reaches_it_by_a_link_or_a_volume_is_named(world: World) -> None:
    """The path of the mount says nothing then, but what is there is a directory above the file."""
    world.config_path = PATH
    for path in ("/home/dev/work", "/var/lib/docker/volumes/work/_data"):
        world.host.directories[path] = DirectoryFacts(path, "directory", (64768, 99), (), 0o700, 1000)
    boss = world.engine.named("boss")
    source = "/var/lib/docker/volumes/work/_data"
    boss["Mounts"] = [{"Type": "volume", "Source": source, "Destination": "/work", "RW": True}]
    with pytest.raises(ConfigError, match="can be written by the container boss"):
        world.attempt()
