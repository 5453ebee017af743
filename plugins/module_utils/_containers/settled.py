# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a run has anything to do: what is observed → the outcome of a run without drift."""

from __future__ import annotations

from typing import Mapping, Sequence

from .._agents.config import AgentSpec
from .._agents.host_needs import FormerPlace, former_place, host_needs
from .advice import warnings
from .observed import Observed
from .options import Request
from .plan import AgentPlan, Operation, Outcome, Plan, ProvideOnHost
from .ports import Provider
from .verdict import Diagnosis, Verdict, diagnose


def settled(
    request: Request, provider: Provider, agents: Sequence[AgentSpec], looked_at: Mapping[str, Sequence[Observed]]
) -> Outcome | None:
    """The outcome of a run that has nothing to do and nobody to refuse; ``None`` if there is something.

    :param looked_at: container → its agents.
    """
    plans = []
    try:
        for together in looked_at.values():
            plan = _settled_plan(request, provider, together)
            if plan is None:
                return None
            plans.append(plan)
        if any(provider.leftovers(former) for former in former_places(request, agents)):
            return None
    except Exception:  # planning meets it again, and notes which agent's failure it is
        return None
    return Outcome(Plan(tuple(plans)), {plan.agent: plan.diagnosis.verdict for plan in plans})


def _settled_plan(request: Request, provider: Provider, together: Sequence[Observed]) -> AgentPlan | None:
    if len(together) > 1:  # whether they get along is for planning to say
        return None
    observed = together[0]
    plan = as_it_is(observed, diagnose(observed, request.options))
    has_no_place = observed.container is not None and observed.desired is None
    is_lacked = request.require_all and plan.diagnosis.verdict is Verdict.ABSENT
    if plan.diagnosis.remedy or has_no_place or is_lacked or preparations(request, provider, plan):
        return None
    return plan


def as_it_is(observed: Observed, diagnosis: Diagnosis) -> AgentPlan:
    """The plan for an agent that is left as it is."""
    return AgentPlan(observed, diagnosis, warnings=warnings(observed))


def preparations(request: Request, provider: Provider, plan: AgentPlan) -> tuple[Operation, ...]:
    """What is to be made on the host for an agent."""
    observed, container = plan.observed, plan.observed.container
    config_user, user = (container.inspected.user, container.user) if container else ("", None)
    is_needed = request.options.is_present and not plan.refusals
    needs = host_needs(observed.spec, observed.desired, config_user, user) if is_needed else None
    changes = provider.missing(needs) if needs else ()
    return (ProvideOnHost(plan.agent, "", needs, changes),) if needs and changes else ()


def former_places(request: Request, agents: Sequence[AgentSpec]) -> list[FormerPlace]:
    """Where the agents' directories were before a move."""
    if not request.options.is_present:
        return []
    return list({former.path: former for former in map(former_place, agents) if former}.values())
