# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The runs of ``agent_mounts`` (observe, diagnose, plan, execute) and of ``agent_mounts_info`` (observe, diagnose).

Each agent for itself: what fails for one is its failure, and the others are served.
"""

from __future__ import annotations

import concurrent.futures
import functools
import pathlib
from dataclasses import dataclass, field, replace
from typing import Any, Callable, Iterable, Mapping, Sequence

from .._agents import directory, shared_logins
from .._agents.config import AgentSpec
from .._agents.host_needs import former_place, host_needs
from .._agents.launchers import desired_without_container, launcher_faults
from .._base.errors import AgentMountsError, ConfigError, EngineError, RefusedError
from .._base.names import without_suffix
from .._base.paths import is_below
from .._base.printable import printable
from . import execute
from .advice import warnings
from .isolation import Failures
from .observe import ContainerInquiry, interrupted, left_probe, observe, observed_logins, recover
from .observed import Observed
from .options import Request
from .plan import AgentPlan, Operation, Plan, ProvideOnHost, RetireOnHost
from .planner import plan_agent
from .ports import ContainerList, Host, Provider, ReadingEngine, Session
from .probe import untried
from .recovery import Interrupted, in_order_of_need, plan_recovery, removed_by
from .together import as_one
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
    failures: Mapping[str, str] = field(default_factory=dict)
    """Agent → why it is not served; a leftover of nobody's stands under its container's name."""
    changed: bool = False


def reconcile(request: Request, session: Session) -> RunResult:
    """Make the agents' containers as asked; in check mode only plan it.

    :raises EngineError: the engine does not answer, so that no agent can be served.
    :raises ConfigError: a container can write the configuration.
    """
    failures = Failures()
    agents, notes = checked_agents(request, session.host, failures)
    containers = ContainerList.of(session.engine)
    _require_closed(request, session.host, containers)
    recovery = _recover(request, session, containers, agents, failures)
    if recovery and not request.check_mode:
        containers = _listed(session.engine, [spec.name for spec in agents], failures) or containers
    agents = [spec for spec in agents if spec.name not in failures]

    plans = _plan_agents(request, session, containers, agents, failures)
    done = set(
        _names(plan for plan in plans if plan.changes)
        if request.check_mode
        else _carry_out(plans, request, session, failures)
    )
    after = {plan.agent: plan.diagnosis.verdict for plan in plans}
    after.update(_verdicts_after(request, session, plans, failures))
    retired = _retire(request, session, containers, agents, plans, failures)
    notes += tuple(note for plan in plans for note in plan.warnings)
    notes += untried(plans) if request.check_mode else ()
    logins = [login for plan in plans for login in observed_logins(plan.observed)]
    return RunResult(
        Plan(tuple(plans), recovery, retired),
        after,
        tuple(printable(note, limit=1200) for note in notes),
        shared_logins.sharers(logins),
        failures.sentences,
        bool(recovery or done or retired),
    )


def _require_closed(request: Request, host: Host, containers: ContainerList) -> None:
    """No container may write what says which directories of the host are mounted where.

    :raises ConfigError: one can.
    """
    path = request.config_path
    if path is None:
        return
    # By identity, too: a source can be a link, or a volume that is a directory of the host.
    ways = [path, *(str(parent) for parent in pathlib.PurePosixPath(path).parents)]
    identities = {host.identity(way) for way in ways} - {None}
    for name, row in containers.rows.items():
        reached = [
            one
            for one in row.writable_sources
            if path == one or is_below(path, one) or host.identity(one) in identities
        ]
        if reached and without_suffix(name) not in request.trusted_writers:
            raise ConfigError(
                f"{path} can be written by the container {name}, which has {reached[0]} mounted writable: its agent "
                f"could have any directory of yours mounted. Move the agents into the playbook "
                f"(agent_containers_agents), or add {name} to agent_containers_trusted_writers if you trust it like "
                f"yourself."
            )


def checked_agents(request: Request, host: Host, failures: Failures) -> tuple[list[AgentSpec], tuple[str, ...]]:
    """The agents whose entries and directories are in order, and notes."""
    for agent, faults in request.config.faults.items():
        failures.add(agent, *faults)
    notes = list(request.config.notes)
    agents = []
    for spec in request.config.agents:
        warned = failures.attempt(spec.name, lambda spec=spec: _check_directory(request, host, spec))  # type: ignore[misc]
        if warned is not None:
            notes += warned
            agents.append(spec)
    return agents, tuple(notes)


def _check_directory(request: Request, host: Host, spec: AgentSpec) -> Sequence[str]:
    """Warnings about an agent's directory.

    :raises ConfigError: it must not be mounted.
    """
    facts = host.directory(spec.directory)
    is_mirrored = spec.directory in request.context.mirrored.values()
    will_be_made = request.check_mode and facts.kind == "missing" and is_mirrored
    faults = directory.directory_faults(spec, facts, request.context)
    if faults and not will_be_made and request.options.is_present:
        raise ConfigError(*faults)
    return directory.directory_warnings(spec, facts)


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
        one = failures.attempt(agent, _bound(interrupted, session.engine, containers, agent, container))
        found += [one] if one else []
    done: list[Operation] = []
    for container in containers.probed():
        agent = names.get(container, container)
        swept = failures.attempt(agent, _bound(_sweep, request, session, containers, agent, container))
        done += swept or ()
    there = containers.ids
    for one in in_order_of_need(found):
        if request.check_mode:
            steps = failures.attempt(one.agent, _bound(plan_recovery, one, None, there)) or ()
            there -= removed_by(steps)
        else:
            steps = failures.attempt(one.agent, _bound(_put_in_order, session, one)) or ()
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
        return execute.put_in_order(session, functools.partial(recover, session.engine, one.agent, one.name))
    except EngineError as error:
        raise RefusedError(
            f"{one.agent}: what an earlier recreation of {one.name} left could not be put in order: {error}. Look at "
            f"{one.name}, {one.name}.am-new and {one.name}.am-old with docker ps -a; the next run tries again."
        ) from error


def _bound(work: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    return lambda: work(*arguments)


# ---------------------------------------------------------------------------------------------------------------------
# Plan


def _plan_agents(
    request: Request, session: Session, containers: ContainerList, agents: Sequence[AgentSpec], failures: Failures
) -> list[AgentPlan]:
    """The plans of all agents that could be looked at. A refused one has no operations, and is a failure."""
    looked_at: dict[str, list[Observed]] = {}
    for spec in agents:
        seen = failures.attempt(spec.name, _bound(observe, session.engine, session.host, containers, spec))
        if seen is not None:
            looked_at.setdefault(spec.container, []).append(seen)
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
            observed.spec.name, _bound(_plan_agent, request, session, containers, observed, replaced or {})
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
    container = observed.container
    config_user, user = (container.inspected.user, container.user) if container else ("", None)
    is_needed = request.options.is_present
    needs = host_needs(observed.spec, observed.desired, config_user, user) if is_needed else None
    if needs is None or plan.refusals:
        return plan
    changes = session.provider.missing(needs)
    return replace(plan, preparations=(ProvideOnHost(plan.agent, "", needs, changes),)) if changes else plan


# ---------------------------------------------------------------------------------------------------------------------
# Execute


def _carry_out(plans: Sequence[AgentPlan], request: Request, session: Session, failures: Failures) -> Iterable[str]:
    """Carry out the agents' plans, at most ``max_parallel`` at once; the agents for which something was changed."""
    changing = [plan for plan in plans if plan.changes]
    late = _late(changing)
    waiting = [plan for plan in changing if plan not in late]
    done: list[str] = []

    def carry_out(plan: AgentPlan) -> None:
        if failures.attempt(plan.agent, _bound(_apply, session, plan)):
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
    containers = failures.attempt(late.agent, _bound(ContainerList.of, session.engine))
    if containers is None:
        return []
    specs = [plan.observed.spec for plan in plans if plan.container == late.container]
    looks = [
        failures.attempt(spec.name, _bound(observe, session.engine, session.host, containers, spec)) for spec in specs
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

    seen = {plan.agent: failures.attempt(plan.agent, _bound(look_again, plan)) for plan in changed}
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
    formers = {former.path: former for former in map(former_place, agents) if former and request.options.is_present}
    left = {path: session.provider.leftovers(former) for path, former in formers.items()}
    if not any(left.values()):
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
    for path, changes in left.items():
        if changes and not containers.users_of(path) - recreated:
            operation = RetireOnHost(formers[path].agent, "", formers[path], changes)
            if request.check_mode or failures.attempt(operation.agent, _bound(_retired, session, operation)):
                done.append(operation)
    return tuple(done)


def _retired(session: Session, operation: Operation) -> bool:
    execute.perform(session, [operation])
    return True


# ---------------------------------------------------------------------------------------------------------------------
# The other runs


def prepare_for_launchers(request: Request, host: Host, provider: Provider) -> tuple[list[AgentSpec], RunResult]:
    """Prepare the host for containers that launchers will start. No engine is asked."""
    failures = Failures()
    agents, notes = checked_agents(request, host, failures)
    served, operations = [], []
    for spec in agents:
        prepared = failures.attempt(spec.name, _bound(_prepare_for_launcher, request, host, provider, spec))
        if prepared is not None:
            made, warned = prepared
            served.append(spec)
            operations += made
            notes += warned
    plan = Plan((), tuple(operations))
    notes = tuple(printable(note, limit=1200) for note in notes)
    return served, RunResult(plan, {}, notes, {}, failures.sentences, bool(operations))


def _prepare_for_launcher(
    request: Request, host: Host, provider: Provider, spec: AgentSpec
) -> tuple[list[Operation], tuple[str, ...]]:
    faults = launcher_faults(spec)
    if faults:
        raise ConfigError(*faults)
    uid, gid = spec.ids
    facts = host.directory(spec.directory)
    notes = tuple(directory.reader_warnings(spec, facts, uid, gid or 0)) if uid is not None else ()
    needs = host_needs(spec, desired_without_container(spec), spec.user or "")
    changes = provider.missing(needs) if needs else ()
    if needs is None or not changes:
        return [], notes
    if not request.check_mode:
        provider.provide(needs)
    return [ProvideOnHost(spec.name, "", needs, changes)], notes


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
        return AgentPlan(observed, diagnose(observed, request.options), warnings=warnings(observed))

    looked_at = [failures.attempt(spec.name, _bound(inspect, spec)) for spec in agents]
    plans = [plan for plan in looked_at if plan is not None]
    logins = [login for plan in plans for login in observed_logins(plan.observed)]
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
