# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the host's login itself, not what is published of it, is in a container's reach. Pure."""

from __future__ import annotations

from typing import Sequence

from .._agents.config import AgentSpec
from .._agents.placement import Desired, is_file_mount
from .._base.paths import is_below
from .._engine.documents import Container
from .._host.mountinfo import Mount, Reach, reaches


def exposures(
    spec: AgentSpec,
    desired: Desired | None,
    container: Container,
    sources: Sequence[str],
    host: Sequence[Mount],
    inside: Sequence[Mount],
) -> tuple[Reach, ...]:
    """Each way to a login, but for file mounts of it, which a recreation takes away.

    :param sources: real paths of the logins on the host.
    :param host: the host's mounts; empty where they cannot be compared: then the engine's description is all there is.
    :param inside: those of the container's process.
    """
    leaving = {mount.target for mount in container.mounts if is_file_mount(mount, spec, desired)}
    if host and inside:
        found = [reach for source in sources for reach in reaches(host, source, inside)]
    else:
        found = [
            Reach(mount.target + source[len(mount.source.rstrip("/")) :], mount.target, mount.read_only)
            for source in sources
            for mount in container.mounts
            if mount.type == "bind" and (source == mount.source or is_below(source, mount.source))
        ]
    return tuple(reach for reach in dict.fromkeys(found) if reach.mount_point not in leaving)


def exposed(reach: Reach) -> str:
    """What a way means and how it is closed, in words."""
    what = "read" if reach.read_only else "read and replace"
    return (
        f"the container can {what} the host's login with its refresh token at {reach.path}: start it without the mount "
        f"at {reach.mount_point}, or accept that by container.accept_exposure: true"
    )
