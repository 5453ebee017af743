# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The link of a placement: on which mount it lies, and what is against making it. Pure."""

from __future__ import annotations

from .._agents.config import AgentSpec
from .._agents.placement import Desired, is_file_mount
from .._base.paths import is_below
from .._engine.documents import Container
from .._engine.mounts import MountSpec
from .observed import LinkState, Observed


def link_holder(container: Container, spec: AgentSpec, desired: Desired, link: str) -> MountSpec | None:
    """The mount on which a link lies by its path; ``None`` for the container's own layer."""
    kept = [mount for mount in container.mounts if not is_file_mount(mount, spec, desired)]
    kept += container.memory_mounts
    holders = [mount for mount in kept if mount.target == link or is_below(link, mount.target)]
    return max(holders, key=lambda mount: len(mount.target), default=None)


def link_obstacle(observed: Observed, link: str) -> str | None:
    """Why a link is not made; ``None`` when nothing is against it."""
    desired, container = observed.desired, observed.container
    if desired is None or container is None:
        return None
    holder = link_holder(container.inspected, observed.spec, desired, link)
    if holder is not None and (holder.type != "volume" or holder.read_only):
        return f"{link} lies on a {'read-only ' if holder.read_only else ''}{holder.type} mount"
    if container.inspected.is_read_only and holder is None:
        return f"{link} lies on a read-only root file system"
    state = container.link_states.get(link)
    return f"{link} {_OBSTACLES[state]}" if state in _OBSTACLES else None


def links_to_make(observed: Observed) -> tuple[str, ...]:
    """The wanted links that are not there, and can be made; a file of the container's own is set aside for one."""
    states = observed.container.link_states if observed.container else {}
    return tuple(
        link
        for link in (observed.desired.links if observed.desired else ())
        if states.get(link) in (LinkState.MISSING, LinkState.FILE) and link_obstacle(observed, link) is None
    )


_OBSTACLES: dict[LinkState | None, str] = {
    LinkState.LINK: "is a link of the container's own",
    LinkState.OTHER: "is a directory, or no file, and what it holds would be lost",
    LinkState.ELSEWHERE: "lies, by the links of the container, on a mount of the host",
}
