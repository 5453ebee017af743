# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Decide for one agent what is to be done: what is observed → :class:`AgentPlan`. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol, Sequence

from . import podman, recreation, versions
from .observed import Observed
from .options import Options
from .plan import AgentPlan, Target
from .recreation_advice import compose_warnings, dependent_warnings, start_warnings
from .recreation_facts import RecreationFacts, recreated_with
from .refusals import refuse_dependents, refuse_recreation
from .settled import as_it_is
from .start_conditions import refuse_place, refuse_start, start_differences
from .verdict import Diagnosis, Remedy


class Inquiry(Protocol):
    """What of one agent is asked only where the plan depends on it: each question costs the engine work."""

    def recreation_facts(self) -> RecreationFacts:
        """What must be known to recreate the container."""

    def product(self) -> str:
        """What the engine calls itself."""

    def idle_status(self) -> int:
        """Exit status of the agent's idle command; anything but 0 defers what would stop the container."""

    def version(self) -> str | None:
        """What the agent CLI in the container calls its version; ``None`` if it did not say."""


def plan_agent(observed: Observed, diagnosis: Diagnosis, options: Options, inquiry: Inquiry) -> AgentPlan:
    """The plan for one agent."""
    plan = as_it_is(observed, diagnosis)
    name, container = observed.spec.name, observed.container
    is_as_it_should_be = diagnosis.remedy is None and observed.desired is not None
    if container is None or is_as_it_should_be:
        return plan
    if diagnosis.remedy is Remedy.LINK:
        return replace(
            plan, operations=tuple(recreation.make_links(observed, Target(observed.spec.container, container.id)))
        )
    if container.inspected.is_stopped and not options.recreate_stopped:
        note = (
            f"{name}: the container {observed.spec.container} is stopped and left as it is; "
            f"set recreate_stopped: true to recreate it, or start it and run again."
        )
        return replace(plan, warnings=(*plan.warnings, note))
    if diagnosis.remedy is None:
        return replace(plan, refusals=_refuse_unknown_place(observed))
    if inquiry.product() == podman.PRODUCT:
        return replace(plan, refusals=podman.refuse_podman(observed, diagnosis, options))
    idle_status = inquiry.idle_status() if observed.state == "running" and observed.spec.idle_command else 0
    if idle_status != 0:
        note = f"{name}: deferred, for its container is not idle (only_when_idle ended with status {idle_status})."
        return replace(plan, warnings=(*plan.warnings, note), deferred=note)
    facts = inquiry.recreation_facts()
    plan = replace(plan, users=tuple(one.facts.container.name for one in facts.dependents))
    unmounted = (*diagnosis.unmounted, *((observed.desired.mount.target,) if observed.desired else ()))
    refusals = _refuse_start(name, facts, unmounted, options)
    plan = replace(plan, differences=start_differences(facts.conditions, unmounted))
    if diagnosis.remedy is Remedy.RESTART:
        refusals += (*_refuse_moved(name, facts), *refuse_dependents(name, facts, options))
        return _planned(plan, refusals, facts, options)
    if observed.desired and options.is_present:
        target = observed.desired.mount.target
        refusals += refuse_place(name, target, container.inspected, facts.conditions, unmounted)
    refusals = (*refusals, *refuse_recreation(observed, diagnosis, facts, options))
    if versions.matters(observed, diagnosis, options):
        refused, notes = versions.judge_version(observed, inquiry.version())
        refusals, plan = (*refusals, *refused), replace(plan, warnings=(*plan.warnings, *notes))
    return _planned(plan, refusals, facts, options)


def _planned(plan: AgentPlan, refusals: tuple[str, ...], facts: RecreationFacts, options: Options) -> AgentPlan:
    if refusals:
        return replace(plan, refusals=refusals)
    observed, diagnosis = plan.observed, plan.diagnosis
    if diagnosis.remedy is Remedy.RESTART:
        restarted = recreation.restart(observed, diagnosis, facts, options)
        return replace(restarted, warnings=plan.warnings, differences=plan.differences, users=plan.users)
    notes = (*plan.warnings, *dependent_warnings(observed.spec.name, facts, options))
    if options.is_present:
        notes += compose_warnings(observed, diagnosis) + start_warnings(observed.spec)
    recreated = recreation.recreate(observed, diagnosis, facts, options)
    differences = (*recreated.differences, *plan.differences)
    return replace(recreated, warnings=notes, differences=differences, facts=facts, users=plan.users)


def _refuse_moved(name: str, facts: RecreationFacts) -> tuple[str, ...]:
    """A restart cannot follow who owns the namespaces: it knows the one that is gone."""
    restarted = [(f"{name}: the container", facts)]
    restarted += [
        (f"{name}: the dependent container {one.facts.container.name}", one.facts)
        for one in facts.dependents
        if one.is_broken and one.facts.container.is_running
    ]
    return tuple(
        f"{what} uses a namespace of {one.name}, which was made again since; a restart does not find it, so make this "
        f"container again, too."
        for what, user in restarted
        for owner in sorted(set(user.container.namespaces.values()))
        for one in [user.meant.get(owner)]
        if one is not None and owner not in (one.id, one.name)
    )


def _refuse_start(name: str, facts: RecreationFacts, unmounted: Sequence[str], options: Options) -> tuple[str, ...]:
    """Why the container, or one that goes down with it, could not be started again."""
    found = refuse_start(f"{name}: the container", facts.conditions, unmounted, options)
    for one in recreated_with(facts, options):
        what = f"{name}: the dependent container {one.facts.container.name}"
        found += refuse_start(what, one.facts.conditions, (), options)
    return found


def _refuse_unknown_place(observed: Observed) -> tuple[str, ...]:
    return (
        f"{observed.spec.name}: container.target is not set and the home directory of the container's user is not "
        f"known; set container.target.",
    )
