# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The run of ``agent_mounts_info``: look at every agent, diagnose, and plan nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Mapping, Sequence

from .._agents import shared_logins
from .._agents.config import AgentSpec
from .._base.printable import printable
from .checked_agents import checked_agents
from .isolation import Failures, bound
from .observe import observe, observed_logins
from .options import Request
from .plan import AgentPlan
from .ports import ContainerList, Host, ReadingEngine
from .settled import as_it_is
from .verdict import diagnose


@dataclass(frozen=True)
class Inspection:
    """Every agent as it is, diagnosed, with nothing planned."""

    agents: tuple[AgentPlan, ...]
    shares_login_with: Mapping[str, tuple[str, ...]]
    failures: Failures


def inspect_agents(request: Request, engine: ReadingEngine, host: Host) -> Inspection:
    """Look at every agent, and plan nothing."""
    failures = Failures()
    agents, _notes = checked_agents(request, host, failures)
    containers = ContainerList.of(engine)

    def inspect(spec: AgentSpec) -> AgentPlan:
        observed = observe(engine, host, containers, spec)
        return as_it_is(observed, diagnose(observed, request.options))

    looked_at = [failures.attempt(spec.name, bound(inspect, spec)) for spec in agents]
    plans = [plan for plan in looked_at if plan is not None]
    logins = failures.gather((plan.agent, bound(observed_logins, plan.observed)) for plan in plans)
    return Inspection(tuple(_warned(plan, logins) for plan in plans), shared_logins.sharers(logins), failures)


def _warned(plan: AgentPlan, logins: Sequence[shared_logins.WritableLogin]) -> AgentPlan:
    others = shared_logins.sharers(logins).get(plan.agent, ())
    hazards = tuple(shared_logins.warning(login, others) for login in logins if login.agent == plan.agent and others)
    return replace(plan, warnings=tuple(printable(note, limit=1200) for note in (*plan.warnings, *hazards)))
