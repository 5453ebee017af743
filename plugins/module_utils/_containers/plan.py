# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The values that observing, judging, planning and applying hand to each other.

Pure. An :class:`Operation` is one engine call with its cause; the executor in ``_apply`` carries
them out in this order and decides nothing. Check mode prints the plan, tests compare it as text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Mapping

from .._agents.config import AgentSpec
from .._agents.placement import Placed, User
from .._engine.mounts import MountSpec
from .._host.filesystem import DirectoryFacts

RUNNING_STATES = ("running", "paused", "restarting")
STOPPED_STATES = ("exited", "created")

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Options:
    """The choices of the user that decide what may be done; see the module's documentation."""

    state: str = "present"
    writable_layer: str = "refuse"
    writable_layer_ignore: tuple[str, ...] = ()
    recreate_stopped: bool = False
    recreate_dependents: bool = False
    wait_for: str = "running"
    wait_timeout: int = 60


@dataclass(frozen=True)
class Observed:
    """One agent's container as it is now.

    ``container``      inspect document; ``None`` if the container is absent, or stopped and not looked into
    ``mount_source``   real path of the source of the bind at the wanted target, if there is one
    ``seen``           identity of the directory that the process sees at the target; ``None`` if not proven
    ``unproven``       why ``seen`` and ``link_state`` are not known, for a running container
    ``link_state``     ``ok``, ``missing``, ``file`` (a file of the container's own) or ``None`` if not known
    """

    spec: AgentSpec
    directory: DirectoryFacts
    id: str | None = None
    state: str = "absent"
    mounts: tuple[MountSpec, ...] = ()
    container: Document | None = field(default=None, repr=False)
    user: User | None = None
    placed: Placed | None = None
    mount_source: str | None = None
    seen: tuple[int, int] | None = None
    unproven: str | None = None
    link_state: str | None = None


@dataclass(frozen=True)
class RecreationFacts:
    """What is looked up only for a container that must be recreated.

    ``layer_obstacle``   why its writable layer cannot be copied exactly; ``None`` if it can
    ``committed_before`` image that an earlier run has made of its writable layer, and left
    """

    container: Document = field(repr=False)
    image: Document | None = field(repr=False)
    tag_image: str | None
    api_version: tuple[int, int]
    changes: tuple[Document, ...]
    dependents: tuple[Dependent, ...]
    lenders: tuple[Document, ...] = field(repr=False)
    layer_obstacle: str | None
    committed_before: str | None = None


@dataclass(frozen=True)
class Dependent:
    """A container that holds on to another one by its id; ``ways`` says how, ``is_linked`` by a legacy link."""

    ways: tuple[str, ...]
    is_linked: bool
    facts: RecreationFacts


@dataclass(frozen=True)
class Judgement:
    """``mend`` is what would make the verdict ``ok``: ``recreate``, ``restart``, ``link`` or ``None``.

    A recreation leaves out the mounts ``unmounted`` and removes the variables ``unset``.
    """

    verdict: str
    reasons: tuple[str, ...] = ()
    mend: str | None = None
    unmounted: tuple[str, ...] = ()
    unset: tuple[str, ...] = ()


@dataclass(frozen=True)
class Operation:
    """One engine call.

    ``container`` is the name to print, ``id`` the container's id, ``None`` for the one that this
    agent's ``create`` makes. ``arguments`` are the call's; they can hold ``Env`` and are not printed.
    """

    agent: str
    action: str
    container: str
    id: str | None
    shown: str
    cause: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        return f"{self.agent}: {self.shown}" + (f" ({self.cause})" if self.cause else "")


@dataclass(frozen=True)
class AgentPlan:
    """What is to be done for one agent.

    ``refusals`` say why it cannot be done, ``deferred`` why not now: then there are no operations.
    ``dependents`` are the other containers that are recreated with it, and whether each runs.
    """

    observed: Observed
    judgement: Judgement
    operations: tuple[Operation, ...] = ()
    warnings: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    deferred: str | None = None
    dependents: tuple[tuple[str, bool], ...] = ()
    body: Document | None = field(default=None, repr=False)

    @property
    def agent(self) -> str:
        return self.observed.spec.name


@dataclass(frozen=True)
class Plan:
    """The plan of a run, agent by agent in the order of the configuration."""

    agents: tuple[AgentPlan, ...]

    @property
    def operations(self) -> tuple[Operation, ...]:
        return tuple(operation for agent in self.agents for operation in agent.operations)

    def __str__(self) -> str:
        return "".join(f"{operation}\n" for operation in self.operations)
