# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The runs of ``agent_mounts`` (observe, diagnose, plan, execute) and of ``agent_mounts_info`` (observe, diagnose)."""

from __future__ import annotations

import concurrent.futures
from dataclasses import dataclass, replace
from typing import Mapping, Sequence

from .._agents import directory, shared_logins
from .._agents.config import AgentSpec
from .._agents.host_needs import host_needs
from .._agents.launchers import desired_without_container, launcher_faults
from .._base.errors import AgentMountsError, ConfigError, RefusedError
from . import execute
from .advice import warnings
from .observe import ContainerInquiry, observe, observed_logins, recoveries
from .options import Request
from .plan import AgentPlan, Operation, Plan, ProvideOnHost
from .planner import plan_agent
from .ports import ContainerList, Host, Provider, ReadingEngine, Session
from .verdict import Verdict, diagnose


@dataclass(frozen=True)
class RunResult:
    """What a run did, or in check mode would do."""

    plan: Plan
    after: Mapping[str, Verdict]
    """Agent → the verdict after the run: seen, or in check mode expected."""
    warnings: tuple[str, ...]
    shares_login_with: Mapping[str, tuple[str, ...]]
    """Agent → the others that write the same login."""

    @property
    def changed(self) -> bool:
        return bool(self.plan.operations)


class ApplyError(AgentMountsError):
    """Agents failed while the plan was carried out; ``changed`` tells whether anything else was changed before."""

    def __init__(
        self, errors: Sequence[AgentMountsError], done: Sequence[str], untouched: Sequence[str], changed: bool
    ) -> None:
        sentences = [str(error) for error in errors]
        if done:
            sentences.append(f"Done before it: {', '.join(done)}.")
        if untouched:
            sentences.append(f"Not touched: {', '.join(untouched)}.")
        super().__init__(" ".join(sentences))
        self.changed = changed


def reconcile(request: Request, session: Session) -> RunResult:
    """Make the agents' containers as asked; in check mode only plan it.

    :raises AgentMountsError: nothing was touched, or the message says what was.
    """
    agents, notes = require_directories(request, session.host)
    engine = session.engine
    containers = ContainerList.of(engine)
    recovery: tuple[Operation, ...] = ()
    interrupted = containers.interrupted()
    if interrupted:
        names = {spec.container: spec.name for spec in agents}
        recovery = recoveries(engine, containers, {name: names.get(name, name) for name in interrupted})
    if recovery and not request.check_mode:
        execute.perform(session, recovery)
        containers = ContainerList.of(engine)

    plan = replace(make_plan(request, session, containers, agents), recovery=recovery)
    if not request.check_mode:
        plan = _provide(plan, session)
        _carry_out(plan, session, request.max_parallel)
    after = {agent.agent: agent.diagnosis.verdict for agent in plan.agents}
    after.update(_verdicts_after(request, session, plan))
    notes += tuple(note for agent in plan.agents for note in agent.warnings)
    logins = [login for agent in plan.agents for login in observed_logins(agent.observed)]
    return RunResult(plan, after, notes, shared_logins.sharers(logins))


def require_directories(request: Request, host: Host) -> tuple[tuple[AgentSpec, ...], tuple[str, ...]]:
    """The agents, whose directories may be mounted, and warnings.

    :raises ConfigError: with every fault of every agent.
    """
    config = request.config
    faults, notes = list(config.faults), list(config.notes)
    mirrored = request.context.mirrored
    for spec in config.agents:
        facts = host.directory(spec.directory)
        will_be_made = request.check_mode and facts.kind == "missing" and spec.directory in mirrored.values()
        if not will_be_made and request.options.is_present:
            faults += directory.directory_faults(spec, facts)
        notes += directory.directory_warnings(spec, facts)
    if faults:
        raise ConfigError(*faults)
    return config.agents, tuple(notes)


def make_plan(request: Request, session: Session, containers: ContainerList, agents: Sequence[AgentSpec]) -> Plan:
    """Observe, diagnose and plan every agent.

    :raises RefusedError: with every refusal of every agent.
    """
    plans = [_plan_agent(request, session, containers, spec) for spec in agents]
    refusals = [refusal for agent in plans for refusal in agent.refusals]
    if request.require_all:
        refusals += [
            f"{agent.agent}: {reason} (container.name); start it, or set require_all: false."
            for agent in plans
            if agent.diagnosis.verdict is Verdict.ABSENT
            for reason in agent.diagnosis.reasons
        ]
    if refusals:
        raise RefusedError("\n".join(refusals))
    return Plan(tuple(plans))


def _plan_agent(request: Request, session: Session, containers: ContainerList, spec: AgentSpec) -> AgentPlan:
    observed = observe(session.engine, session.host, containers, spec)
    diagnosis = diagnose(observed, request.options)
    inquiry = ContainerInquiry(session.engine, containers, observed)
    plan = plan_agent(observed, diagnosis, request.options, inquiry)
    user = observed.container.user if observed.container else None
    needs = host_needs(observed.spec, observed.desired, user) if request.options.is_present else None
    if needs is None or plan.refusals:
        return plan
    try:
        changes = session.provider.missing(needs)
    except AgentMountsError as error:
        return _left_alone(plan, error)
    return replace(plan, preparations=(ProvideOnHost(spec.name, "", needs, changes),)) if changes else plan


def _left_alone(plan: AgentPlan, error: AgentMountsError) -> AgentPlan:
    note = f"{error} The agent is left without the mount, and the others go on."
    return replace(plan, preparations=(), operations=(), body=None, warnings=(*plan.warnings, note))


def _provide(plan: Plan, session: Session) -> Plan:
    """Make on the host what containers mount. An agent for which that fails is left as it is."""
    agents = []
    for agent in plan.agents:
        try:
            execute.perform(session, agent.preparations)
        except AgentMountsError as error:
            agent = _left_alone(agent, error)
        agents.append(agent)
    return replace(plan, agents=tuple(agents))


def _carry_out(plan: Plan, session: Session, max_parallel: int) -> None:
    """Carry out the agents' plans in their order, at most ``max_parallel`` at once; after a failure none is begun."""
    waiting = [agent for agent in plan.agents if agent.operations]
    done: list[str] = []
    failures: list[AgentMountsError] = []

    def carry_out(agent: AgentPlan) -> None:
        try:
            execute.apply(session, agent)
            done.append(agent.agent)
        except AgentMountsError as error:
            failures.append(error)

    while waiting and not failures:
        batch, waiting = waiting[:max_parallel], waiting[max_parallel:]
        if len(batch) == 1:
            # In this thread: a signal cuts it off and it goes back at once.
            carry_out(batch[0])
            continue
        with concurrent.futures.ThreadPoolExecutor(len(batch)) as pool:
            list(pool.map(carry_out, batch))
    if failures:
        untouched = [agent.agent for agent in waiting]
        raise ApplyError(failures, done, untouched, bool(done or plan.preparations or plan.recovery)) from failures[0]


def _verdicts_after(request: Request, session: Session, plan: Plan) -> dict[str, Verdict]:
    """The verdicts of the changed agents: seen after a real run, expected in check mode."""
    changed = [agent for agent in plan.agents if agent.operations]
    expected = Verdict.OK if request.options.is_present else Verdict.MISSING
    if request.check_mode or not changed:
        return {agent.agent: expected for agent in changed}
    containers = ContainerList.of(session.engine)
    return {
        agent.agent: diagnose(
            observe(session.engine, session.host, containers, agent.observed.spec), request.options
        ).verdict
        for agent in changed
    }


def prepare_for_launchers(
    agents: Sequence[AgentSpec], host: Host, provider: Provider, check_mode: bool
) -> tuple[tuple[Operation, ...], tuple[str, ...]]:
    """Prepare the host for containers that launchers will start: what was made, and what the user should know.

    :raises ConfigError: with every fault of every agent, before anything is made.
    """
    faults = [fault for spec in agents for fault in launcher_faults(spec)]
    if faults:
        raise ConfigError(*faults)
    operations: list[Operation] = []
    notes: list[str] = []
    for spec in agents:
        uid, gid = spec.ids
        if uid is not None:
            notes += directory.reader_warnings(spec, host.directory(spec.directory), uid, gid or 0)
        needs = host_needs(spec, desired_without_container(spec), None)
        if needs is None:
            continue
        try:
            changes = provider.missing(needs)
            if changes and not check_mode:
                provider.provide(needs)
        except AgentMountsError as error:
            notes.append(str(error))
        else:
            operations += [ProvideOnHost(spec.name, "", needs, changes)] if changes else []
    return tuple(operations), tuple(notes)


def inspect_agents(
    request: Request, engine: ReadingEngine, host: Host
) -> tuple[list[AgentPlan], Mapping[str, tuple[str, ...]]]:
    """Every agent as it is, diagnosed, with nothing planned; and for each who else writes its login."""
    agents, _notes = require_directories(request, host)
    containers = ContainerList.of(engine)
    plans = []
    for spec in agents:
        observed = observe(engine, host, containers, spec)
        plans.append(AgentPlan(observed, diagnose(observed, request.options), warnings=warnings(observed)))
    logins = [login for agent in plans for login in observed_logins(agent.observed)]
    return [_warned(agent, logins) for agent in plans], shared_logins.sharers(logins)


def _warned(agent: AgentPlan, logins: Sequence[shared_logins.WritableLogin]) -> AgentPlan:
    others = shared_logins.sharers(logins).get(agent.agent, ())
    hazards = tuple(shared_logins.warning(login, others) for login in logins if login.agent == agent.agent and others)
    return replace(agent, warnings=(*agent.warnings, *hazards))
