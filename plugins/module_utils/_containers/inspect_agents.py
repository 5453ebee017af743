# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The run of ``agent_mounts_info``: look at every agent, diagnose, and plan nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Mapping, Sequence

from .._agents import shared_logins
from .._agents.config import AgentSpec
from .._base.printable import printable
from .checked_agents import checked_agents
from .isolation import Failures
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
    # A directory that its mirror has not made yet is no fault of the agent: nothing is published there.
    agents, _notes = checked_agents(replace(request, check_mode=True), host, failures)
    containers = ContainerList.of(engine)

    def inspect(spec: AgentSpec) -> AgentPlan:
        observed = observe(engine, host, containers, spec)
        return as_it_is(observed, diagnose(observed, request.options))

    looked_at = [failures.attempt(spec.name, partial(inspect, spec)) for spec in agents]
    plans = [plan for plan in looked_at if plan is not None]
    logins = failures.gather((plan.agent, partial(observed_logins, plan.observed)) for plan in plans)
    return Inspection(tuple(_warned(plan, logins) for plan in plans), shared_logins.sharers(logins), failures)


def asked_readers(agents: Sequence[AgentPlan], host: Host, owner: int) -> dict[str, list[int]]:
    """The uids of those whom the operator has said to start agent CLIs as, and who may read the logins already.

    A container that is away for a while must find what it had. Whoever else of the host has such an id would get the
    right, too: then it is left out, and verify says why.

    :param owner: the uid of the user whose login it is.
    """
    seen = [plan.observed for plan in agents if not plan.observed.spec.is_shared]
    asked = {one.container.asked_uid for one in seen if one.container}
    uids = {uid for one in seen for uid in one.directory.acl_uids} | {uid for uid in asked if uid is not None}
    gids = {gid for one in seen for gid in one.directory.acl_gids}
    return {"uids": sorted(uid for uid in uids - {owner} if host.whose_id(uid) is None), "gids": sorted(gids)}


def _warned(plan: AgentPlan, logins: Sequence[shared_logins.WritableLogin]) -> AgentPlan:
    others = shared_logins.sharers(logins).get(plan.agent, ())
    hazards = tuple(shared_logins.warning(login, others) for login in logins if login.agent == plan.agent and others)
    return replace(plan, warnings=tuple(printable(note, limit=1200) for note in (*plan.warnings, *hazards)))
