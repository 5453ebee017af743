# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The run of ``agent_mounts``: parse, observe, judge, plan, apply; and that of ``agent_mounts_info``."""

from __future__ import annotations

import concurrent.futures
import posixpath
from dataclasses import dataclass, replace
from typing import Any, Callable, Mapping, Sequence

from .._agents import config as _agents
from .._agents import host_needs as _preparation
from .._agents import shared_logins as _sharing
from .._agents.placement import place_unseen, unseen_faults
from .._base.errors import (
    AgentMountsError,
    ConfigError,
    RefusedError,
)
from .._catalog import cli as _cli
from . import observe as _observe
from . import plan as _model
from . import planner as _plan
from . import verdict as _verdict
from .execute import Executor


@dataclass(frozen=True)
class Request:
    """What the user asks for.

    ``document`` is the parsed agents configuration.
    """

    document: Any
    context: _agents.Context
    options: _model.Options
    require_all: bool = False
    max_parallel: int = 1
    check_mode: bool = False


@dataclass(frozen=True)
class Outcome:
    """``recovered`` are the operations that put an earlier, cut-off run in order.

    ``shares_login_with`` tells for each agent which others write the same login.
    """

    plan: _model.Plan
    recovered: tuple[_model.Operation, ...]
    after: Mapping[str, str]
    warnings: tuple[str, ...]
    shares_login_with: Mapping[str, tuple[str, ...]]

    @property
    def changed(self) -> bool:
        return bool(self.recovered or self.plan.operations)


class ApplyError(AgentMountsError):
    """An agent failed while the plan was carried out; ``done`` are the agents before it that changed."""

    def __init__(self, errors: Sequence[AgentMountsError], done: Sequence[str], untouched: Sequence[str]) -> None:
        sentences = [str(error) for error in errors]
        if done:
            sentences.append(f"Done before it: {', '.join(done)}.")
        if untouched:
            sentences.append(f"Not touched: {', '.join(untouched)}.")
        super().__init__(" ".join(sentences))
        self.done = tuple(done)


def specifications(request: Request, host: Any) -> tuple[tuple[_agents.AgentSpec, ...], tuple[str, ...]]:
    """The agents, and warnings about their directories.

    :raises ConfigError: with every fault of every agent.
    """
    agents = _agents.parse(request.document, request.context)
    faults, warnings = list(agents.faults), list(agents.notes)
    mirrored = request.context.mirrored
    for spec in agents.specs:
        facts = host.directory(spec.directory)
        will_be_made = request.check_mode and facts.kind == "missing" and spec.directory in mirrored.values()
        if not will_be_made and request.options.state == "present":
            faults += _agents.directory_faults(spec, facts)
        warnings += _agents.directory_warnings(spec, facts)
    if faults:
        raise ConfigError(*faults)
    return agents.specs, tuple(warnings)


Prepare = Callable[[_preparation.Preparation], None]


def reconcile(
    request: Request, engine: Any, host: Any, executor: Callable[[_observe.Prover], Executor], prepare: Prepare
) -> Outcome:
    """Make the agents' containers as asked; in check mode only plan it.

    :param prepare: makes on the host what an agent's container mounts, or in check mode only records it.
    :raises AgentMountsError: nothing was touched, or the message says what was.
    """
    specs, warnings = specifications(request, host)
    listing = _observe.Listing.of(engine)
    recovered: list[_model.Operation] = []
    unfinished = listing.unfinished()
    if unfinished:
        names = {spec.container: spec.name for spec in specs}
        recovered += _observe.recovery(engine, listing, {name: names.get(name, name) for name in unfinished})
    run = executor(_observe.Prover(engine, host))
    if recovered and not request.check_mode:
        run.recover(recovered)
        listing = _observe.Listing.of(engine)

    plan = make_plan(request, engine, host, listing, specs)
    if request.options.state == "present":
        plan = _prepared(plan, prepare)
    if not request.check_mode:
        _carry_out(plan, run, request.max_parallel)
    after = {agent.agent: agent.judgement.verdict for agent in plan.agents}
    if plan.operations:
        after.update(_verdicts_after(request, engine, host, plan))
    notes = tuple(note for agent in plan.agents for note in agent.warnings)
    logins = [login for agent in plan.agents for login in _observe.writable_logins(agent.observed)]
    return Outcome(plan, tuple(recovered), after, (*warnings, *notes), _sharing.sharers(logins))


def prepare_unseen(specs: Sequence[_agents.AgentSpec], host: Any, prepare: Prepare) -> tuple[str, ...]:
    """Prepare the host for containers that launchers will start; what the user should know of them.

    :raises ConfigError: with every fault of every agent, before anything is made.
    """
    faults = [fault for spec in specs for fault in unseen_faults(spec)]
    if faults:
        raise ConfigError(*faults)
    notes: list[str] = []
    for spec in specs:
        uid, gid = spec.ids
        if uid is not None:
            notes += _agents.reader_warnings(spec, host.directory(spec.directory), uid, gid or 0)
        wanted = _preparation.needed(spec, place_unseen(spec), None)
        try:
            if wanted is not None:
                prepare(wanted)
        except AgentMountsError as error:
            notes.append(str(error))
    return tuple(notes)


def _prepared(plan: _model.Plan, prepare: Prepare) -> _model.Plan:
    """The plan once the host is prepared: an agent for which that fails is left as it is, with a warning."""
    agents = []
    for agent in plan.agents:
        observed = agent.observed
        wanted = _preparation.needed(observed.spec, observed.placed, observed.user)
        try:
            if wanted is not None:
                prepare(wanted)
        except AgentMountsError as error:
            note = f"{error} The agent is left without the mount, and the others go on."
            agent = replace(agent, operations=(), body=None, warnings=(*agent.warnings, note))
        agents.append(agent)
    return _model.Plan(tuple(agents))


def make_plan(
    request: Request, engine: Any, host: Any, listing: _observe.Listing, specs: Sequence[_agents.AgentSpec]
) -> _model.Plan:
    """Observe, judge and plan every agent.

    :raises RefusedError: with every refusal of every agent.
    """
    agents = []
    for spec in specs:
        observed = _observe.observe(engine, host, listing, spec)
        judgement = _verdict.judge(observed, request.options)
        facts = None
        if _plan.needs_facts(observed, judgement, request.options):
            facts = _observe.recreation_facts(engine, listing, observed)
            if observed.container is None:
                observed = _observe.with_container(engine, observed, facts.container)
                judgement = _verdict.judge(observed, request.options)
        answers = _ask(engine, observed, judgement, request.options)
        agents.append(_plan.plan_agent(observed, judgement, facts, request.options, answers))
    refusals = [refusal for agent in agents for refusal in agent.refusals]
    if request.require_all:
        refusals += [
            f"{agent.agent}: {reason} (container.name); start it, or set require_all: false."
            for agent in agents
            if agent.judgement.verdict == "absent"
            for reason in agent.judgement.reasons
        ]
    if refusals:
        raise RefusedError("\n".join(refusals))
    return _model.Plan(tuple(agents))


def _ask(engine: Any, observed: _model.Observed, judgement: _model.Judgement, options: _model.Options) -> _plan.Answers:
    """Run in the container what the plan depends on."""
    idle_status, version = 0, None
    if _plan.asks_idle(observed, judgement):
        idle_status = engine.execute(str(observed.id), observed.spec.idle_command)
    if _plan.asks_version(observed, judgement, options):
        printed = engine.output(str(observed.id), (observed.spec.cli.commands[0], "--version"))
        version = _cli.version_of(printed or "")
    return _plan.Answers(idle_status, version)


def _carry_out(plan: _model.Plan, run: Executor, max_parallel: int) -> None:
    """Carry out the agents' plans in their order, at most ``max_parallel`` at once; after a failure none is begun."""
    waiting = [agent for agent in plan.agents if agent.operations]
    done: list[str] = []
    failures: list[AgentMountsError] = []

    def carry_out(agent: _model.AgentPlan) -> None:
        try:
            run.apply(agent)
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
        raise ApplyError(failures, done, [agent.agent for agent in waiting]) from failures[0]


def _verdicts_after(request: Request, engine: Any, host: Any, plan: _model.Plan) -> dict[str, str]:
    """The verdicts of the changed agents: seen after a real run, expected in check mode."""
    changed = [agent for agent in plan.agents if agent.operations]
    wanted = "ok" if request.options.state == "present" else "missing"
    if request.check_mode:
        return {agent.agent: wanted for agent in changed}
    listing = _observe.Listing.of(engine)
    verdicts = {}
    for agent in changed:
        observed = _observe.observe(engine, host, listing, agent.observed.spec)
        verdicts[agent.agent] = _verdict.judge(observed, request.options).verdict
    return verdicts


def way_back(engine: Any, plan: _model.AgentPlan) -> tuple[_model.Operation, ...]:
    """The rollback of an agent's plan, planned from what the engine shows now."""
    listing = _observe.Listing.of(engine)
    container = plan.observed.spec.container
    was_running = {container: plan.observed.state in _model.RUNNING_STATES, **dict(plan.dependents)}
    return _observe.recovery(engine, listing, dict.fromkeys(was_running, plan.agent), was_running)


def published_path(spec: _agents.AgentSpec) -> str:
    """The published credential file on the host."""
    return posixpath.join(spec.directory, spec.credential)
