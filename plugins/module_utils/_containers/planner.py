# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Decide for one agent what is to be done: (what is observed, its verdict) → :class:`AgentPlan`. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from . import recreation as _recreation
from . import refusals as _refusals
from .plan import (
    STOPPED_STATES,
    AgentPlan,
    Judgement,
    Observed,
    Options,
    RecreationFacts,
)
from .verdict import (
    compose_warnings,
    start_warnings,
    warnings,
)


def needs_facts(observed: Observed, judgement: Judgement, options: Options) -> bool:
    """Whether the plan takes :class:`RecreationFacts`."""
    return judgement.mend in ("recreate", "restart") and not _stays_stopped(observed, options)


def _stays_stopped(observed: Observed, options: Options) -> bool:
    return observed.state in STOPPED_STATES and not options.recreate_stopped


@dataclass(frozen=True)
class Answers:
    """What commands in the container answered.

    ``idle_status`` is the exit status of the agent's idle command; anything but 0 defers what would stop the container.
    ``version`` is what the agent CLI calls itself; ``None`` if it did not tell.
    """

    idle_status: int = 0
    version: str | None = None


def asks_idle(observed: Observed, judgement: Judgement) -> bool:
    """Whether the agent's idle command is to be run."""
    would_stop = judgement.mend in ("recreate", "restart")
    return would_stop and observed.state == "running" and bool(observed.spec.idle_command)


def asks_version(observed: Observed, judgement: Judgement, options: Options) -> bool:
    """Whether the version of the agent CLI in the container matters to the plan."""
    spec, cli = observed.spec, observed.spec.cli
    is_limited = bool(cli.reload_since) or any(limit.placement == spec.placement for limit in cli.limits)
    is_placed_now = judgement.mend == "recreate" and options.state == "present" and observed.state == "running"
    return is_placed_now and is_limited and bool(cli.commands) and not spec.is_shared and not spec.forced


def plan_agent(
    observed: Observed,
    judgement: Judgement,
    facts: RecreationFacts | None,
    options: Options,
    answers: Answers | None = None,
) -> AgentPlan:
    """The plan for one agent.

    :param facts: needed where :func:`needs_facts` says so.
    :param answers: needed where :func:`asks_idle` or :func:`asks_version` says so.
    """
    answers = answers or Answers()
    notes = warnings(observed)
    name = observed.spec.name
    if judgement.mend is None or observed.id is None:
        unknown: tuple[str, ...] = ()
        if observed.id is not None and observed.placed is None:
            unknown = (
                f"{name}: container.target is not set and the home directory of the container's user is not known; "
                f"set container.target.",
            )
        return AgentPlan(observed, judgement, warnings=notes, refusals=unknown)
    if judgement.mend == "link":
        return AgentPlan(observed, judgement, (_recreation.link(observed, observed.id),), notes)
    if _stays_stopped(observed, options):
        note = (
            f"{name}: the container {observed.spec.container} is stopped and left as it is; "
            f"set recreate_stopped: true to recreate it, or start it and run again."
        )
        return AgentPlan(observed, judgement, warnings=(*notes, note))
    if answers.idle_status != 0:
        deferred = (
            f"{name}: deferred, for its container is not idle (only_when_idle ended with status {answers.idle_status})."
        )
        return AgentPlan(observed, judgement, warnings=(*notes, deferred), deferred=deferred)
    if facts is None:
        raise ValueError("what stops a container is planned from RecreationFacts")
    if judgement.mend == "restart":
        refusals = tuple(_refusals.refuse_dependents(name, facts, options))
    else:
        refusals = _refusals.refuse(observed, judgement, facts, options)
    if asks_version(observed, judgement, options):
        refused, told = _refusals.judge_version(observed, answers.version)
        refusals, notes = (*refusals, *refused), (*notes, *told)
    if refusals:
        return AgentPlan(observed, judgement, warnings=notes, refusals=refusals)
    if judgement.mend == "recreate" and options.state == "present":
        notes += compose_warnings(observed, judgement) + start_warnings(observed.spec)
    sequence = _recreation.restart if judgement.mend == "restart" else _recreation.recreate
    return replace(sequence(observed, judgement, facts, options), warnings=notes)
