# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is observed: an agent's container, and what must be known beyond it to recreate it. Pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Mapping

from .._agents.config import AgentSpec
from .._agents.passwd import ContainerUser
from .._agents.placement import Desired
from .._engine.documents import ApiVersion, Container, Image
from .._engine.mounts import MountSpec
from .._host.filesystem import DirectoryFacts
from .._host.mountinfo import Reach
from .options import Options
from .start_conditions import NO_CONDITIONS, StartConditions


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
    link_state: LinkState | None
    """``None`` if there is no link, or it is not known."""
    proof_obstacle: str | None
    """Why the two above are not known, for a running container."""
    former_link: str | None = None
    """A link that an earlier mode of ours has made, and no longer wants."""
    exposures: tuple[Reach, ...] = ()
    """Where the logins of the host themselves are in its reach."""

    @property
    def id(self) -> str:
        return self.inspected.id

    @property
    def mounts(self) -> tuple[MountSpec, ...]:
        return self.inspected.mounts


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
    def link(self) -> str | None:
        """The link of ours, wanted or not any more: no file that a recreation would lose."""
        wanted = self.desired.link if self.desired else None
        return wanted or (self.container.former_link if self.container else None)

    @property
    def state(self) -> str:
        return self.container.inspected.status if self.container else "absent"

    @property
    def mounts(self) -> tuple[MountSpec, ...]:
        return self.container.mounts if self.container else ()


@dataclass(frozen=True)
class RecreationFacts:
    """What is looked up only for a container that must be recreated."""

    container: Container
    image: Image | None = field(repr=False)
    """The image that it was made from; ``None`` if that is gone."""
    tag_image: str | None
    """Id of the image that its image's name means now."""
    api_version: ApiVersion
    changed_paths: tuple[str, ...]
    """What is in its writable layer."""
    dependents: tuple[Dependent, ...]
    """Who holds on to it, each after all that it needs."""
    meant: Mapping[str, Container]
    """What its request calls other containers → the one that it means."""
    kinds: Mapping[str, str]
    """What some of it is."""
    homes: tuple[str, ...]
    """Where it keeps what somebody would miss: homes, config directories, the working directory."""
    layer_obstacle: str | None
    """Why its writable layer cannot be copied exactly; ``None`` if it can."""
    committed_before: str | None = None
    """Image that an earlier run has made of its writable layer, and left."""
    unknown: tuple[str, ...] = ()
    """Fields with a value that this collection does not know how to carry."""
    conditions: StartConditions = NO_CONDITIONS
    """What it needs to start again."""


@dataclass(frozen=True)
class Dependent:
    """A container that holds on to another one, itself or through others."""

    ways: tuple[str, ...]
    """How, in words."""
    is_broken: bool
    """Whether it breaks when the other is replaced."""
    facts: RecreationFacts


def recreated_with(facts: RecreationFacts, options: Options) -> tuple[Dependent, ...]:
    """The containers that are recreated with one, or would break without."""
    return tuple(one for one in facts.dependents if one.is_broken or options.recreate_dependents)
