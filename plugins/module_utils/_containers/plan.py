# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan: what is to be done, one typed operation after the other. Pure.

An operation is one change of the engine or the host, with its sentence and its cause. Check mode prints the plan,
tests compare it as text, the executor performs its operations in this order and decides nothing.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Mapping, Protocol

from .._agents.host_needs import FormerPlace, HostNeeds
from .._base.printable import printable
from .._engine.documents import Document
from .observed import Observed
from .ports import WritingEngine
from .verdict import Diagnosis, Verdict

if TYPE_CHECKING:  # a run without drift does without it, see ``run``
    from .recreation_facts import RecreationFacts


@dataclass(frozen=True)
class Target:
    """The container that an operation works on."""

    name: str
    """What it is called when its turn comes, for people."""
    id: str | None = None
    """``None`` for one that the same plan creates."""
    created_as: str = ""
    """The name under which it is created."""


@dataclass(frozen=True)
class Expectation:
    """What a container that was just started must show."""

    directory: str
    """The directory on the host that it must see."""
    target: str | None
    """Where it must see it; ``None`` if only its running counts."""
    read_only: bool
    healthy: bool
    """Whether it must become healthy, not only run."""
    timeout: int
    """Seconds."""
    is_lasting: bool = True
    """Whether it must keep running, as what was in a crash loop need not."""
    is_provable: bool = False
    """Whether what it sees can be looked at."""


class Effects(Protocol):
    """What operations act on."""

    @property
    def engine(self) -> WritingEngine: ...

    def id_of(self, target: Target) -> str: ...
    def create(self, name: str, body: Document) -> None: ...
    def verify(self, container_id: str, expectation: Expectation) -> None: ...
    def provide(self, needs: HostNeeds) -> None: ...
    def require_sources(self, container_id: str) -> None: ...
    def retire(self, former: FormerPlace) -> None: ...


@dataclass(frozen=True)
class Operation(abc.ABC):
    """One change. ``str()`` is its line in the plan."""

    agent: str
    cause: str

    reversible: ClassVar[bool] = True
    """Whether going back can follow its failure."""

    @property
    @abc.abstractmethod
    def sentence(self) -> str:
        """What it does, for people; holds no value of the environment."""

    @abc.abstractmethod
    def perform(self, effects: Effects) -> None:
        """:raises AgentMountsError: it failed."""

    def __str__(self) -> str:
        return printable(f"{self.agent}: {self.sentence}" + (f" ({self.cause})" if self.cause else ""), limit=1200)


@dataclass(frozen=True)
class ProvideOnHost(Operation):
    """Make what the container is to mount."""

    needs: HostNeeds
    changes: tuple[str, ...]

    @property
    def sentence(self) -> str:
        return "on the host: " + ", ".join(self.changes)

    def perform(self, effects: Effects) -> None:
        effects.provide(self.needs)


@dataclass(frozen=True)
class RetireOnHost(Operation):
    """Remove what a move to another place has left, once no container has it mounted."""

    former: FormerPlace
    changes: tuple[str, ...]

    @property
    def sentence(self) -> str:
        return "on the host: " + ", ".join(self.changes)

    def perform(self, effects: Effects) -> None:
        effects.retire(self.former)


@dataclass(frozen=True)
class AgentPlan:
    """What is to be done for one agent."""

    observed: Observed
    diagnosis: Diagnosis
    operations: tuple[Operation, ...] = ()
    """What changes containers, in its order."""
    preparations: tuple[Operation, ...] = ()
    """What is made on the host before."""
    warnings: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    """What a recreation cannot keep."""
    refusals: tuple[str, ...] = ()
    """Why it cannot be done; then there are no operations."""
    deferred: str | None = None
    """Why it is not done now; then there are no operations."""
    dependents: tuple[tuple[str, str], ...] = ()
    """The other containers that are recreated with it, and the state of each."""
    users: tuple[str, ...] = ()
    """The containers that hold on to it, recreated with it or not."""
    body: Document | None = field(default=None, repr=False)
    """The body of the create request."""
    facts: RecreationFacts | None = field(default=None, repr=False)
    """What was looked up for its operations."""
    served_by: str | None = None
    """The agent of the same container whose plan serves this one, too; then there are no operations."""

    @property
    def changes(self) -> tuple[Operation, ...]:
        """All that is to be done, in its order."""
        return (*self.preparations, *self.operations)

    @property
    def agent(self) -> str:
        return self.observed.spec.name

    @property
    def container(self) -> str:
        return self.observed.spec.container


@dataclass(frozen=True)
class Plan:
    """The plan of a run: what comes before the agents, as recovery does, then agent by agent as configured."""

    agents: tuple[AgentPlan, ...]
    recovery: tuple[Operation, ...] = ()
    afterwards: tuple[Operation, ...] = ()
    """What is removed on the host when all that is above has been done."""

    @property
    def operations(self) -> tuple[Operation, ...]:
        agents = (operation for agent in self.agents for operation in agent.changes)
        return (*self.recovery, *agents, *self.afterwards)

    def __str__(self) -> str:
        return "".join(f"{operation}\n" for operation in self.operations)


@dataclass(frozen=True)
class Outcome:
    """What came of a plan, or in check mode would."""

    plan: Plan
    after: Mapping[str, Verdict]
    """Agent → the verdict after the run: seen, or in check mode expected."""
    changed: bool = False
    notes: tuple[str, ...] = ()
