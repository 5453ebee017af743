# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look at what a recreation has left that failed or was interrupted, and plan what puts it in order."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Callable

from .._base.names import SUFFIX_NEW, SUFFIX_OLD, SUFFIX_PROBE
from .._engine.documents import Container
from .layer_changes import committed_images
from .plan import AgentPlan, Operation
from .ports import ContainerList, ReadingEngine
from .probe import is_probe, sweep
from .recovery import Interrupted, in_order_of_need, plan_recovery, removed_by
from .steady import steady


def committed(engine: ReadingEngine, name: str, container_id: str) -> str | None:
    """The image that a run which did not end has made of the writable layer of a container."""
    images = committed_images(name, container_id)
    return next((image for image in images if engine.inspect_image(image) is not None), None)


def interrupted(
    engine: ReadingEngine,
    containers: ContainerList,
    agent: str,
    name: str,
    inspect: Callable[[str], Container] | None = None,
) -> Interrupted:
    """The containers under the three names of a recreation of ``name``.

    :param agent: what to call it in messages.
    :param inspect: how to look at one, if not once it has shown whether it keeps running.
    """

    def look(suffix: str) -> Container | None:
        row = containers.rows.get(name + suffix)
        return (inspect or functools.partial(steady, engine))(row.id) if row else None

    found = Interrupted(agent, name, look(""), look(SUFFIX_NEW), look(SUFFIX_OLD))
    original = found.original
    return replace(found, committed=committed(engine, name, original.id)) if original else found


def recover(
    engine: ReadingEngine, agent: str, name: str, broken: frozenset[str] = frozenset()
) -> tuple[Operation, ...]:
    """What puts a recreation in order that an earlier run left, planned from what the engine shows now."""
    containers = ContainerList.of(engine)
    return plan_recovery(interrupted(engine, containers, agent, name), None, containers.ids, broken)


def rollback(
    engine: ReadingEngine, plan: AgentPlan, created: frozenset[str], broken: frozenset[str]
) -> tuple[Operation, ...]:
    """The rollback of an agent's plan, planned from what the engine shows now: the same as a recovery.

    :param created: ids of the containers that the plan has made.
    :param broken: ids of those that the engine could not start.
    """
    container = plan.observed.container
    was = {plan.container: container.inspected.status if container else "exited", **dict(plan.dependents)}
    containers = ContainerList.of(engine)
    there = containers.ids
    operations: list[Operation] = []
    for one in in_order_of_need(interrupted(engine, containers, plan.agent, name, engine.inspect) for name in was):
        is_ours = one.replacement is not None and one.replacement.id in created
        steps = plan_recovery(replace(one, is_ours=is_ours), was[one.name], there, broken)
        operations += steps
        there -= removed_by(steps)
    for name in was:
        operations += left_probe(engine, containers, plan.agent, name)
    return tuple(operations)


def left_probe(engine: ReadingEngine, containers: ContainerList, agent: str, name: str) -> tuple[Operation, ...]:
    """What removes the probe of the container ``name``, where one is left."""
    row = containers.rows.get(name + SUFFIX_PROBE)
    container = engine.inspect(row.id) if row else None
    return (sweep(agent, container),) if container and is_probe(container) else ()
