"""After a move to another place: a container is recreated with the new path, and the old one goes when none has it."""

from __future__ import annotations

import pytest

from .. import fakes
from ..world import World

FORMER = "/var/lib/agentops-credentials/dev/claude-credentials"


@pytest.fixture
def moved(world: World) -> World:
    """boss has the directory mounted by its former path, at which there is a link now."""
    world.run()
    world.former_places = {fakes.DIRECTORY: FORMER}
    world.host.directories[FORMER] = world.host.directories[fakes.DIRECTORY]
    for field in ("Mounts", "HostConfig"):
        boss = world.engine.named("boss")
        mounts = boss["Mounts"] if field == "Mounts" else boss["HostConfig"]["Mounts"]
        for mount in mounts:
            if mount.get("Source") == fakes.DIRECTORY:
                mount["Source"] = FORMER
    world.provider.left = {FORMER: "link"}
    world.engine.writes.clear()
    return world


def test_a_mount_by_the_former_path_is_replaced_and_the_link_removed(
    moved: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The link leads to the directory, so what is mounted is the right one; whoever owns the link can redirect it.
    monkeypatch.setattr(fakes.FakeHost, "realpath", lambda self, path: fakes.DIRECTORY if path == FORMER else path)
    predicted = str(moved.run(check_mode=True).plan)
    result = moved.run()
    assert predicted == str(result.plan)
    assert f"wrong_source; {FORMER} is mounted at" in predicted
    assert predicted.endswith(f"boss: on the host: removed the link {FORMER}\n")
    assert moved.provider.left == {}
    again = moved.run()
    assert (str(again.plan), again.changed) == ("", False)


@pytest.mark.parametrize("why", ["deferred", "stopped", "refused", "another's"])
def test_the_link_stays_while_a_container_has_it_mounted(moved: World, why: str) -> None:
    boss = moved.engine.named("boss")
    if why == "deferred":
        moved.container = {"only_when_idle": ["true"]}
        moved.engine.idle_status = 1
    elif why == "stopped":
        moved.engine.stop("boss", 0)
    elif why == "refused":
        moved.engine.layer = ("/srv/notes",)
    else:
        other = fakes.recorded("boss_file_mount.json")
        other.update(Id="e" * 64, Name="/other", Mounts=[dict(mount) for mount in boss["Mounts"]])
        moved.engine.world[other["Id"]] = other
    for check in (True, False):
        assert "removed the link" not in str(moved.attempt(check).plan)
    assert moved.provider.left == {FORMER: "link"}
