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

import contextlib
import time
from dataclasses import dataclass, field
from typing import Callable, Iterable, Sequence

from .._agents.host_needs import FormerPlace, HostNeeds
from .._base.errors import AgentMountsError, EngineError, LateError, RollbackError, RunEnded, unexpected
from .._base.names import SUFFIX_NEW, SUFFIX_OLD
from .._engine.documents import Document
from .._engine.mounts import path_binds
from .create_request import with_ids
from .leftovers import rollback
from .operations import StartContainer, StopContainer
from .plan import AgentPlan, Expectation, Operation, Target
from .ports import Engine, Session
from .verify import wait_until_ready

_ATTEMPTS = 4
_LATE_SECONDS = 60.0
"""How long to wait for what the engine did not answer in time."""


def perform(session: Session, operations: Iterable[Operation]) -> None:
    """Carry out operations."""
    effects = _Effects(session)
    for operation in operations:
        operation.perform(effects)


def put_in_order(session: Session, plan: Callable[[frozenset[str]], Sequence[Operation]]) -> tuple[Operation, ...]:
    """Carry out what puts interrupted recreations in order; after a failure it is planned anew from what stands there.

    :param plan: ids of the containers that the engine could not start → the operations.
    :return: what was carried out.
    :raises EngineError: it failed each time, or a container could not be started.
    """
    done: list[Operation] = []
    broken: dict[str, str] = {}
    last: EngineError | None = None
    effects = _Effects(session)
    for _attempt in range(_ATTEMPTS):
        failed: Operation | None = None
        try:
            for failed in plan(frozenset(broken)):
                failed.perform(effects)
                done.append(failed)
        except EngineError as error:
            if failed is None:
                raise
            last = EngineError(f"could not {failed.sentence}: {error}")
            if isinstance(failed, StartContainer) and failed.container.id is not None:
                broken[failed.container.id] = f"{failed.container.name} cannot be started: {error}"
            continue
        if not broken:
            return tuple(done)
        raise EngineError("; ".join(broken.values()))
    raise last or EngineError("it did not end")


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
            raise _roll_back(effects, plan, operation, error) from error
        except BaseException as error:
            # It must end the run, and no further agent may be begun.
            raise RunEnded(str(_roll_back(effects, plan, operation, error))) from error


def _roll_back(effects: _Effects, plan: AgentPlan, failed: Operation, error: BaseException) -> AgentMountsError:
    session, created = effects.session, frozenset(effects.created.values())
    words = str(error) if isinstance(error, (AgentMountsError, RunEnded)) else unexpected(error)
    first = f"{plan.agent}: could not {failed.sentence}: {words}"
    name = plan.container
    if isinstance(error, LateError) and not _is_settled(effects, failed):
        return RollbackError(
            f"{first}. The engine goes on with it. Nothing is lost: {name} still runs, and {name}{SUFFIX_NEW} is left, "
            f"so that the next run starts {name} again when it has ended."
        )
    if not failed.reversible:
        return EngineError(
            f"{first}. {name} is the new container and runs; {name}{SUFFIX_OLD} is left for the next run to remove."
        )
    try:
        put_in_order(session, lambda broken: rollback(session.engine, plan, created, broken))
    except AgentMountsError as second:
        return RollbackError(
            f"{first}. Going back failed as well: {second}. Nothing is lost: look at {name}, {name}{SUFFIX_NEW} "
            f"and {name}{SUFFIX_OLD} with docker ps -a; the next run tries again to put them in order."
        )
    return EngineError(f"{first}. The old container {name} is in place as before.")


def _is_settled(effects: _Effects, failed: Operation) -> bool:
    """Wait until the engine has done what it did not answer in time: the way back must not meet it half-way.

    :return: ``False`` if a container goes on stopping.
    """
    if not isinstance(failed, (StopContainer, StartContainer)):
        return True
    is_to_run = isinstance(failed, StartContainer)
    end = time.monotonic() + _LATE_SECONDS
    with contextlib.suppress(EngineError):  # the way back will meet it again
        while effects.engine.inspect(effects.id_of(failed.container)).has_process is not is_to_run:
            if time.monotonic() >= end:
                return is_to_run
            time.sleep(0.2)
    return True


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

    def create(self, name: str, body: Document) -> None:
        self.created[name] = self.session.engine.create(name, with_ids(body, self.created))

    def verify(self, container_id: str, expectation: Expectation) -> None:
        wait_until_ready(self.session.engine, self.session.host, container_id, expectation)

    def require_sources(self, container_id: str) -> None:
        """Ask for what the engine would make where it is missing, an empty directory of root's (moby#35821).

        :raises EngineError: the source of a bind is gone.
        """
        if not self.engine.is_local:
            return
        for source in path_binds(self.engine.inspect(container_id).host_config):
            if self.session.host.node(source).kind == "missing":
                raise EngineError(
                    f"{source}, which the container mounts, is gone from the host, and the engine would make an empty "
                    f"directory in its place; put it back"
                )

    def provide(self, needs: HostNeeds) -> None:
        self.session.provider.provide(needs)

    def retire(self, former: FormerPlace) -> None:
        self.session.provider.retire(former)
