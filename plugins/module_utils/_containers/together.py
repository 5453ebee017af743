# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Agents that share a container: one recreation gives it the directories of all. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Sequence

from .._base.paths import is_below
from . import recreation
from .operations import MakeLink, VerifyContainer
from .options import Options
from .plan import AgentPlan
from .verdict import Remedy


def as_one(plans: Sequence[AgentPlan], options: Options) -> list[AgentPlan]:
    """The plans of the agents of one container as one: the first that has something to do does it for all."""
    plans = [replace(plan, refusals=(*plan.refusals, *_collisions(plan, plans))) for plan in plans]
    obstacle = next((plan for plan in plans if plan.refusals or plan.deferred), None)
    if obstacle is not None:
        return [_held_up(plan, obstacle) for plan in plans]
    busy = [plan for plan in plans if plan.operations]
    if not busy:
        return list(plans)
    order = [Remedy.RECREATE, Remedy.RESTART, Remedy.LINK]
    leader = min(busy, key=lambda plan: order.index(plan.diagnosis.remedy or Remedy.LINK))
    others = [plan for plan in plans if plan is not leader]
    if leader.facts is not None:
        companions = [(plan.observed, plan.diagnosis) for plan in others]
        made = recreation.recreate(leader.observed, leader.diagnosis, leader.facts, options, companions)
        told = tuple(dict.fromkeys((*made.differences, *leader.differences)))
        whole = replace(leader, operations=made.operations, body=made.body, differences=told)
    else:
        more = [step for plan in others for step in plan.operations if isinstance(step, (MakeLink, VerifyContainer))]
        whole = replace(leader, operations=(*leader.operations, *more))
    preparations = tuple(step for plan in (leader, *others) for step in plan.preparations)
    whole = replace(whole, preparations=preparations)
    return [whole if plan is leader else _served(plan, whole) for plan in plans]


def _collisions(plan: AgentPlan, plans: Sequence[AgentPlan]) -> tuple[str, ...]:
    """The directories of two agents at one place, or one in the other."""
    desired = plan.observed.desired
    found = []
    for other in plans:
        theirs = other.observed.desired
        if other is plan or desired is None or theirs is None:
            continue
        one, two = desired.mount.target, theirs.mount.target
        if one == two or is_below(one, two):
            found.append(
                f"{plan.agent}: container.target {one} is at or below {two}, that of agent {other.agent} in the same "
                f"container; choose another."
            )
    return tuple(found)


def _held_up(plan: AgentPlan, obstacle: AgentPlan) -> AgentPlan:
    """The plan of an agent that would have been served with another one."""
    if plan.refusals:
        return replace(plan, operations=(), preparations=())
    if plan is obstacle or not plan.operations:
        return plan
    why = f"{plan.agent}: its container {plan.container} is that of agent {obstacle.agent}, too"
    if obstacle.deferred:
        return replace(plan, operations=(), preparations=(), deferred=f"{why}, which is deferred.")
    refusals = (f"{why}, which is refused; mend that, and both are served.",)
    return replace(plan, operations=(), preparations=(), refusals=refusals)


def _served(plan: AgentPlan, leader: AgentPlan) -> AgentPlan:
    done_for = leader.agent if plan.operations or plan.preparations else None
    return replace(plan, operations=(), preparations=(), served_by=done_for, body=None)
