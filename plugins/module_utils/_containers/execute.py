# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carry out a plan. Decides nothing: what to do and how to go back are both planned elsewhere.

1. An interrupted recreation is put in order first.
2. The operations of one agent run one after another.
3. When one fails, the three names of the recreation are looked at again and the way back, which is
   the same plan that recovers a cut-off run, is carried out. The *first* error is told.
4. An agent that failed ends the run: the agents behind it are not touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Iterable, Protocol

from .._base.errors import (
    AgentMountsError,
    EngineError,
    RollbackError,
)
from .._base.names import SUFFIX_NEW, SUFFIX_OLD
from .plan import AgentPlan, Operation


class Interrupted(BaseException):
    """The run was asked to end (SIGTERM, SIGINT); not an ``Exception``, so that nothing swallows it."""


class WritingEngine(Protocol):
    """The engine's calls that change something; the names are those of ``Operation.action``."""

    def create(self, name: str, body: Any) -> str: ...
    def connect(self, container: str, network: str, endpoint: Any) -> None: ...
    def disconnect(self, container: str, network: str) -> None: ...
    def set_restart_policy(self, container: str, policy: Any) -> None: ...
    def stop(self, container: str, timeout: int) -> None: ...
    def restart(self, container: str, timeout: int) -> None: ...
    def rename(self, container: str, new_name: str) -> None: ...
    def start(self, container: str) -> None: ...
    def pause(self, container: str) -> None: ...
    def remove(self, container: str, force: bool) -> None: ...
    def link(self, container: str, path: str, target: str, uid: int, gid: int) -> None: ...
    def commit(self, container: str, image: str) -> None: ...
    def remove_image(self, image: str) -> None: ...


@dataclass(frozen=True)
class Executor:
    """``engine`` carries out operations, ``prove`` verifies, ``carry_layer`` copies a writable layer.

    ``way_back(plan)`` observes anew and plans the rollback.
    """

    engine: WritingEngine
    prove: Callable[..., None]
    carry_layer: Callable[[str, str], None]
    way_back: Callable[[AgentPlan], Iterable[Operation]]

    def recover(self, operations: Iterable[Operation]) -> None:
        """Carry out the operations that put a cut-off recreation in order."""
        for operation in operations:
            self._call(operation, operation.id)

    def apply(self, plan: AgentPlan) -> None:
        """Carry out one agent's plan.

        :raises AgentMountsError: an operation failed; the agent's old container runs as before.
        :raises RollbackError: and going back failed too; the message says what stands where.
        """
        created: dict[str, str] = {}
        operation = plan.operations[0]
        try:
            for operation in plan.operations:
                result = self._call(operation, operation.id or created.get(operation.container))
                if result is not None:
                    created[operation.container] = result
        except BaseException as error:
            raise self._roll_back(plan, operation, error) from error

    def _call(self, operation: Operation, container: str | None) -> str | None:
        arguments = dict(operation.arguments)
        if operation.action == "create":
            return self.engine.create(**arguments)
        if operation.action == "remove_image":
            self.engine.remove_image(operation.container)
            return None
        if container is None:
            raise EngineError("there is no container to work on")
        if operation.action == "verify":
            self.prove(container, **arguments)
        elif operation.action == "carry_layer":
            self.carry_layer(arguments["source"], container)
        else:
            getattr(self.engine, operation.action)(container, **arguments)
        return None

    def _roll_back(self, plan: AgentPlan, failed: Operation, error: BaseException) -> AgentMountsError:
        first = f"{plan.agent}: could not {failed.shown}: {error or type(error).__name__}"
        name = plan.observed.spec.container
        if failed.action == "remove" and not failed.container.endswith(SUFFIX_NEW):
            return EngineError(
                f"{first}. {name} is the new container and runs; {name}{SUFFIX_OLD} is left for the next run to remove."
            )
        try:
            self.recover(self.way_back(plan))
        except AgentMountsError as second:
            return RollbackError(
                f"{first}. Going back failed as well: {second}. Nothing is lost: look at {name}, {name}{SUFFIX_NEW} "
                f"and {name}{SUFFIX_OLD} with docker ps -a; the next run tries again to put them in order."
            )
        return EngineError(f"{first}. The old container {name} is in place as before.")
