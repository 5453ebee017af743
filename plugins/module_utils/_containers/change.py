# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run does that changes something: recover, plan, execute. Only then it is imported, see ``run``."""

from __future__ import annotations

import concurrent.futures
from dataclasses import replace
from functools import partial
from typing import Iterable, Mapping, Sequence

from .._agents.config import AgentSpec
from .._base.errors import AgentMountsError, EngineError, RefusedError
from . import execute
from .inquiry import ContainerInquiry
from .isolation import Failures
from .leftovers import interrupted, left_probe, recover
from .observe import observe, observe_all
from .observed import Observed
from .options import Request
from .plan import AgentPlan, Operation, Outcome, Plan, RetireOnHost
from .planner import plan_agent
from .ports import ContainerList, ReadingEngine, Session
from .probe import untried
from .recovery import Interrupted, in_order_of_need, plan_recovery, removed_by
from .settled import former_places, preparations
from .together import as_one
from .verdict import Verdict, diagnose


def change(
    request: Request,
    session: Session,
    containers: ContainerList,
    agents: Sequence[AgentSpec],
    looked_at: Mapping[str, Sequence[Observed]] | None,
    failures: Failures,
) -> Outcome:
    """Do what is to be done; in check mode only plan it.

    :param looked_at: container → its agents; ``None`` if interrupted recreations are to be put in order before.
    """
    recovery: tuple[Operation, ...] = ()
    if looked_at is None:
        recovery = _recover(request, session, containers, agents, failures)
        if recovery and not request.check_mode:
            containers = _listed(session.engine, [spec.name for spec in agents], failures) or containers
        agents = [spec for spec in agents if spec.name not in failures]
        looked_at = observe_all(session, containers, agents, failures)
    plans = _plan_agents(request, session, containers, agents, looked_at, failures)
    done = set(
        _names(plan for plan in plans if plan.changes)
        if request.check_mode
        else _carry_out(plans, request, session, failures)
    )
    after = {plan.agent: plan.diagnosis.verdict for plan in plans}
    after.update(_verdicts_after(request, session, plans, failures))
    retired = _retire(request, session, containers, agents, plans, failures)
    return Outcome(
        Plan(tuple(plans), recovery, retired),
        after,
        bool(recovery or done or retired),
        untried(plans) if request.check_mode else (),
    )


# ---------------------------------------------------------------------------------------------------------------------
# Recover


def _recover(
    request: Request, session: Session, containers: ContainerList, agents: Sequence[AgentSpec], failures: Failures
) -> tuple[Operation, ...]:
    """Put interrupted recreations in order; what cannot be put in order holds up its own agent only."""
    names = {spec.container: spec.name for spec in agents}
    found = []
    for container in containers.interrupted():
        agent = names.get(container, container)
        one = failures.attempt(agent, partial(interrupted, session.engine, containers, agent, container))
        found += [one] if one else []
    done: list[Operation] = []
    for container in containers.probed():
        agent = names.get(container, container)
        swept = failures.attempt(agent, partial(_sweep, request, session, containers, agent, container))
        done += swept or ()
    there = containers.ids
    for one in in_order_of_need(found):
        if request.check_mode:
            steps = failures.attempt(one.agent, partial(plan_recovery, one, None, there)) or ()
            there -= removed_by(steps)
        else:
            steps = failures.attempt(one.agent, partial(_put_in_order, session, one)) or ()
        done += steps
    return tuple(done)


def _sweep(
    request: Request, session: Session, containers: ContainerList, agent: str, name: str
) -> tuple[Operation, ...]:
    steps = left_probe(session.engine, containers, agent, name)
    if not request.check_mode:
        execute.perform(session, steps)
    return steps


def _put_in_order(session: Session, one: Interrupted) -> tuple[Operation, ...]:
    try:
        return execute.put_in_order(session, partial(recover, session.engine, one.agent, one.name))
    except EngineError as error:
        raise RefusedError(
            f"{one.agent}: what an earlier recreation of {one.name} left could not be put in order: {error}. Look at "
            f"{one.name}, {one.name}.am-new and {one.name}.am-old with docker ps -a; the next run tries again."
        ) from error


# ---------------------------------------------------------------------------------------------------------------------
# Plan


def _plan_agents(
    request: Request,
    session: Session,
    containers: ContainerList,
    agents: Sequence[AgentSpec],
    looked_at: Mapping[str, Sequence[Observed]],
    failures: Failures,
) -> list[AgentPlan]:
    """The plans of all agents that could be looked at. A refused one has no operations, and is a failure."""
    planned: dict[str, AgentPlan] = {}
    for together in looked_at.values():
        planned.update(_plan_container(request, session, containers, together, failures))
    plans = [planned[spec.name] for spec in agents if spec.name in planned]
    for plan in plans:
        if plan.refusals:
            failures.add(plan.agent, *plan.refusals)
        if request.require_all and plan.diagnosis.verdict is Verdict.ABSENT:
            reason = plan.diagnosis.reasons[0]
            failures.add(plan.agent, f"{reason} (container.name); start it, or set require_all: false.")
    return plans


def _plan_container(
    request: Request,
    session: Session,
    containers: ContainerList,
    together: Sequence[Observed],
    failures: Failures,
    replaced: Mapping[str, str] | None = None,
) -> dict[str, AgentPlan]:
    """The plans of the agents of one container, by their names.

    :param replaced: id of each container that this run has replaced → its name.
    """
    found = []
    for observed in together:
        plan = failures.attempt(
            observed.spec.name, partial(_plan_agent, request, session, containers, observed, replaced or {})
        )
        found += [plan] if plan is not None else []
    if len(found) > 1:
        found = as_one(found, request.options)
    return {plan.agent: plan for plan in found}


def _plan_agent(
    request: Request,
    session: Session,
    containers: ContainerList,
    observed: Observed,
    replaced: Mapping[str, str],
) -> AgentPlan:
    options = request.options
    diagnosis = diagnose(observed, options)
    inquiry = ContainerInquiry(session.engine, session.host, containers, observed, replaced)
    plan = plan_agent(observed, diagnosis, options, inquiry)
    return replace(plan, preparations=preparations(request, session.provider, plan))


# ---------------------------------------------------------------------------------------------------------------------
# Execute


def _carry_out(plans: Sequence[AgentPlan], request: Request, session: Session, failures: Failures) -> Iterable[str]:
    """Carry out the agents' plans, at most ``max_parallel`` at once; the agents for which something was changed."""
    changing = [plan for plan in plans if plan.changes]
    late = _late(changing)
    waiting = [plan for plan in changing if plan not in late]
    done: list[str] = []

    def carry_out(plan: AgentPlan) -> None:
        if failures.attempt(plan.agent, partial(_apply, session, plan)):
            done.append(plan.agent)

    served = {plan.agent: plan.served_by for plan in plans if plan.served_by}
    while waiting:
        batch, waiting = waiting[: request.max_parallel], waiting[request.max_parallel :]
        if len(batch) == 1:
            # In this thread: a signal cuts it off and it goes back at once.
            carry_out(batch[0])
            continue
        with concurrent.futures.ThreadPoolExecutor(len(batch)) as pool:
            list(pool.map(carry_out, batch))
    for plan in late:
        for again in _plan_late(plan, plans, request, session, failures):
            if again.served_by:
                served[again.agent] = again.served_by
            elif again.changes:
                carry_out(again)
    for agent, leader in served.items():
        if leader in failures and agent not in failures:
            failures.add(agent, f"its container is that of agent {leader}, too, for which the run failed.")
    return done


def _late(plans: Sequence[AgentPlan]) -> list[AgentPlan]:
    """Those whose container holds on to another agent's, each after all that it needs: they are planned again when
    that is replaced."""
    used = {plan.container: set(plan.users) for plan in plans if plan.operations}
    late = [plan for plan in plans if any(plan.container in users for users in used.values())]
    return sorted(late, key=lambda plan: sum(plan.container in users for users in used.values()))


def _replaced(plans: Iterable[AgentPlan]) -> dict[str, str]:
    """Id of each agent's container before the run → its name."""
    return {plan.observed.container.id: plan.container for plan in plans if plan.observed.container}


def _plan_late(
    late: AgentPlan, plans: Sequence[AgentPlan], request: Request, session: Session, failures: Failures
) -> list[AgentPlan]:
    """The plans of the agents of one container, which are made again now that what it needs is replaced."""
    containers = failures.attempt(late.agent, partial(ContainerList.of, session.engine))
    if containers is None:
        return []
    specs = [plan.observed.spec for plan in plans if plan.container == late.container]
    looks = [
        failures.attempt(spec.name, partial(observe, session.engine, session.host, containers, spec)) for spec in specs
    ]
    together = [one for one in looks if one is not None]
    again = _plan_container(request, session, containers, together, failures, _replaced(plans))
    for plan in again.values():
        if plan.refusals:
            failures.add(plan.agent, *plan.refusals)
    return [plan for plan in again.values() if not plan.refusals]


def _apply(session: Session, plan: AgentPlan) -> bool:
    execute.perform(session, plan.preparations)
    execute.apply(session, plan)
    return True


def _listed(engine: ReadingEngine, agents: Iterable[str], failures: Failures) -> ContainerList | None:
    """The containers as they are after something was done; where the engine is gone, a failure of each agent."""
    try:
        return ContainerList.of(engine)
    except AgentMountsError as error:
        for agent in agents:
            failures.add(agent, f"what came of it is not known: {error}")
        return None


def _names(plans: Iterable[AgentPlan]) -> list[str]:
    return [plan.agent for plan in plans]


def _verdicts_after(
    request: Request, session: Session, plans: Sequence[AgentPlan], failures: Failures
) -> dict[str, Verdict]:
    """The verdicts of the changed agents: seen after a real run, expected in check mode."""
    changed = [plan for plan in plans if plan.operations or plan.served_by]
    expected = Verdict.OK if request.options.is_present else Verdict.MISSING
    if request.check_mode or not changed:
        return dict.fromkeys(_names(changed), expected)
    containers = _listed(session.engine, _names(changed), failures)
    if containers is None:
        return {}

    def look_again(plan: AgentPlan) -> Verdict:
        observed = observe(session.engine, session.host, containers, plan.observed.spec)
        return diagnose(observed, request.options).verdict

    seen = {plan.agent: failures.attempt(plan.agent, partial(look_again, plan)) for plan in changed}
    return {agent: verdict for agent, verdict in seen.items() if verdict is not None}


def _retire(
    request: Request,
    session: Session,
    containers: ContainerList,
    agents: Sequence[AgentSpec],
    plans: Sequence[AgentPlan],
    failures: Failures,
) -> tuple[Operation, ...]:
    """Remove what moves to another place have left, where no container of the engine has it mounted any more."""
    places = [
        (former, failures.attempt(former.agent, partial(session.provider.leftovers, former)))
        for former in former_places(request, agents)
    ]
    if not any(left for _former, left in places):
        return ()
    recreated: set[str] = set()
    if request.check_mode:
        recreated = {plan.container for plan in plans if plan.operations}
    else:
        now = _listed(session.engine, (), failures)
        if now is None:
            return ()
        containers = now
    done: list[Operation] = []
    for former, left in places:
        if left and not containers.users_of(former.path) - recreated:
            operation = RetireOnHost(former.agent, "", former, left)
            if request.check_mode or failures.attempt(operation.agent, partial(_retired, session, operation)):
                done.append(operation)
    return tuple(done)


def _retired(session: Session, operation: Operation) -> bool:
    execute.perform(session, [operation])
    return True
