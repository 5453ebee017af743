# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is observed of an agent and its container. Pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Mapping

from .._agents.config import AgentSpec
from .._agents.passwd import ContainerUser
from .._agents.placement import Desired
from .._engine.documents import Container
from .._engine.mounts import MountSpec
from .._host.filesystem import DirectoryFacts
from .._host.mountinfo import Reach
from .ways import Way


class LinkState(enum.Enum):
    """What stands where the placement needs its link."""

    OK = "ok"
    MISSING = "missing"
    FILE = "file"
    """A file of the container's own."""
    LINK = "link"
    """A link of the container's own."""
    OTHER = "other"
    """A directory, or another thing that is no file."""
    ELSEWHERE = "elsewhere"
    """Nothing, in a directory that is on a mount of the host."""


@dataclass(frozen=True)
class ObservedContainer:
    """An agent's container as it is now."""

    inspected: Container
    user: ContainerUser | None
    """Whom it runs as; ``None`` if its image does not tell."""
    host_ids: tuple[int, int] | None
    """The uid and gid of ``user`` on the host; ``None`` if that is not known, as of one that does not run."""
    mount_source: str | None
    """Real path of the source of the bind at the desired target, if there is one."""
    seen_directory: tuple[int, int] | None
    """Identity of the directory that the process sees at the target; ``None`` if not proven."""
    link_states: Mapping[str, LinkState]
    """Path of each wanted link → what stands there; empty if that is not known."""
    proof_obstacle: str | None
    """Why the two above are not known, for a running container."""
    ways: tuple[Way, ...] = ()
    """Where those look who read in it; none if that is not known."""
    asked_uid: int | None = None
    """On this host, the uid of whom the operator has said to start it as; ``None`` if that is not known."""
    link_owners: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Path of each wanted link → whose it is to be, by the container's numbers."""
    other_secrets: tuple[str, ...] = ()
    """Keys, beside the login, of the file that a file mount shows."""
    exposures: tuple[Reach, ...] = ()
    """Where the logins of the host themselves are in its reach."""

    @property
    def id(self) -> str:
        return self.inspected.id

    @property
    def mounts(self) -> tuple[MountSpec, ...]:
        return self.inspected.mounts

    def link_owner(self, path: str) -> tuple[int, int]:
        """Whose a link is to be, by the container's numbers."""
        return self.link_owners.get(path) or ((self.user.uid, self.user.gid) if self.user else (0, 0))


@dataclass(frozen=True)
class Observed:
    """One agent, its directory on the host, and its container."""

    spec: AgentSpec
    directory: DirectoryFacts
    desired: Desired | None
    """What its container must have; ``None`` if the place for the directory is not known."""
    container: ObservedContainer | None
    """``None`` if there is none of its name."""

    @property
    def state(self) -> str:
        return self.container.inspected.status if self.container else "absent"

    @property
    def mounts(self) -> tuple[MountSpec, ...]:
        return self.container.mounts if self.container else ()
