# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A mount next to the safe directory through which the host's login itself can be read (case 09)."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._host.mountinfo import parse

from ..world import World

HOST = parse("22 1 8:2 / / rw - ext4 /dev/vda2 rw")


def warned(world: World, **entry: Any) -> str:
    world.container.update(entry)
    (plan,) = world.run(check_mode=True).plan.agents
    return " ".join(plan.warnings)


def test_the_whole_config_directory_next_to_the_safe_one_is_told_with_what_to_do(world: World) -> None:
    world.host.mounted = HOST
    world.host.inside = parse("90 80 8:2 /home/dev/.claude /home/claude/.claude rw - ext4 x rw")
    said = warned(world)
    assert (
        "boss: the container can read and replace the host's login with its refresh token at "
        "/home/claude/.claude/.credentials.json: start it without the mount at /home/claude/.claude, or accept that by "
        "container.accept_exposure: true."
    ) in said
    assert "accept_exposure" not in warned(world, accept_exposure=True)


def test_the_published_directory_is_no_exposure(world: World) -> None:
    world.host.mounted = HOST
    world.host.inside = parse("90 80 8:2 /home/dev/.config/claude-hooks/claude-credentials /run/x ro - ext4 x rw")
    assert "accept_exposure" not in warned(world)


@pytest.mark.parametrize(
    ("mount", "told"),
    [
        ({"Source": "/home/dev", "Destination": "/work", "RW": False}, "can read the host's login with its refresh token at /work/.claude/.credentials.json"),
        ({"Source": "/", "Destination": "/host", "RW": True}, "as good as root on the host, for / is mounted at /host"),
        ({"Source": "/run/docker.sock", "Destination": "/run/docker.sock", "RW": True}, "for /run/docker.sock is mounted at /run/docker.sock"),
    ],
)  # fmt: skip
def test_where_nothing_can_be_looked_at_the_engines_description_is_judged(
    world: World, mount: dict[str, Any], told: str
) -> None:
    (document,) = world.engine.world.values()
    document["Mounts"].append({"Type": "bind", **mount})
    assert told in warned(world)


def test_a_privileged_container_is_told(world: World) -> None:
    (document,) = world.engine.world.values()
    document["HostConfig"]["Privileged"] = True
    assert "boss: the container is as good as root on the host, for it is privileged." in warned(world)
