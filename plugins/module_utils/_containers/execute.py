# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carry out a plan. Decides nothing: what to do and how to go back are both planned elsewhere.

1. An interrupted recreation is put in order first.
2. The operations of one agent run one after another.
3. When one fails, the three names of the recreation are looked at again and the rollback, which is
   the same plan that recovers an interrupted run, is carried out. The *first* error is reported.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Iterable

from .._agents.host_needs import FormerPlace, HostNeeds
from .._base.errors import AgentMountsError, EngineError, RollbackError, unexpected
from .._base.names import SUFFIX_NEW, SUFFIX_OLD
from .observe import rollback
from .plan import AgentPlan, Expectation, Operation, Target
from .ports import Engine, Session
from .verify import wait_until_ready


class RunEnded(BaseException):
    """The run was asked to end (SIGTERM, SIGINT); not an ``Exception``, so that nothing swallows it."""


def perform(session: Session, operations: Iterable[Operation]) -> None:
    """Carry out operations that put an interrupted recreation in order."""
    effects = _Effects(session)
    for operation in operations:
        operation.perform(effects)


def apply(session: Session, plan: AgentPlan) -> None:
    """Carry out one agent's plan.

    :raises AgentMountsError: an operation failed; the agent's old container runs as before.
    :raises RollbackError: and going back failed too; the message says what stands where.
    :raises RunEnded: the run was asked to end, and the agent's old container runs as before.
    """
    effects = _Effects(session)
    for operation in plan.operations:
        try:
            operation.perform(effects)
        except Exception as error:
            raise _roll_back(session, plan, operation, error) from error
        except BaseException as error:
            # It must end the run, and no further agent may be begun.
            raise RunEnded(str(_roll_back(session, plan, operation, error))) from error


def _roll_back(session: Session, plan: AgentPlan, failed: Operation, error: BaseException) -> AgentMountsError:
    words = str(error) if isinstance(error, (AgentMountsError, RunEnded)) else unexpected(error)
    first = f"{plan.agent}: could not {failed.sentence}: {words}"
    name = plan.container
    if not failed.reversible:
        return EngineError(
            f"{first}. {name} is the new container and runs; {name}{SUFFIX_OLD} is left for the next run to remove."
        )
    try:
        perform(session, rollback(session.engine, plan))
    except AgentMountsError as second:
        return RollbackError(
            f"{first}. Going back failed as well: {second}. Nothing is lost: look at {name}, {name}{SUFFIX_NEW} "
            f"and {name}{SUFFIX_OLD} with docker ps -a; the next run tries again to put them in order."
        )
    return EngineError(f"{first}. The old container {name} is in place as before.")


@dataclass
class _Effects:
    """What operations act on; knows the ids of the containers that the plan has created."""

    session: Session
    created: dict[str, str] = field(default_factory=dict)

    @property
    def engine(self) -> Engine:
        return self.session.engine

    def id_of(self, target: Target) -> str:
        container_id = target.id or self.created.get(target.created_as)
        if container_id is None:
            raise EngineError(f"the container {target.name} was not created")
        return container_id

    def note_created(self, name: str, container_id: str) -> None:
        self.created[name] = container_id

    def verify(self, container_id: str, expectation: Expectation) -> None:
        wait_until_ready(self.session.engine, self.session.host, container_id, expectation)

    def provide(self, needs: HostNeeds) -> None:
        self.session.provider.provide(needs)

    def retire(self, former: FormerPlace) -> None:
        self.session.provider.retire(former)
