# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What must be known of a container beyond what is observed of an agent's, to recreate it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping

from .._engine.documents import ApiVersion, Container, Image
from .options import Options
from .start_conditions import NO_CONDITIONS, StartConditions


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
    own_links: Mapping[str, str | None] = field(default_factory=dict)
    """Links in its writable layer that an earlier run has made, for whichever agent CLI → where they lead; ``None`` for
    a wanted one that cannot be looked at."""
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
