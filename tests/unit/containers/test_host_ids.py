"""Whom to let in: in the numbers of the host, which an engine with user namespaces gives a container's ids."""

from __future__ import annotations

import pytest

from ..world import World


@pytest.mark.parametrize(
    ("user", "base", "uid"),
    [
        ("1000", 0, None),  # the owner of the directory
        ("1001", 0, 1001),
        ("0", 0, None),
        ("1000", 165536, 166536),  # userns-remap, or a rootless engine
        ("1001", 165536, 166537),
        ("0", 165536, 165536),
    ],
)
def test_a_reader_is_advised_by_its_uid_on_the_host(world: World, user: str, base: int, uid: int | None) -> None:
    world.run()
    world.engine.named("boss")["Config"]["User"] = user
    world.host.id_base = base
    told = [note for note in world.run().warnings if "creds_mirror_readers" in note]
    wanted = f"boss: the container runs as uid {uid} of this host, which may not read "
    assert [note[: len(wanted)] for note in told] == ([wanted] if uid is not None else [])
    assert all(
        note.endswith(f"set creds_mirror_readers: {{uids: [{uid}]}} for the role creds_mirror.") for note in told
    )


def test_the_ids_of_a_container_that_does_not_run_are_not_known(world: World) -> None:
    world.run()
    document = world.engine.named("boss")
    document["Config"]["User"] = "1001"
    document["State"].update(Status="exited", Running=False, Pid=0)
    assert not [note for note in world.run().warnings if "creds_mirror_readers" in note]
