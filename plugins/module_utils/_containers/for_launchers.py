# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The run of ``agent_mounts`` for containers that launchers will start: prepare the host, ask no engine."""

from __future__ import annotations

from functools import partial

from .._agents import directory
from .._agents.config import AgentSpec
from .._agents.host_needs import host_needs
from .._agents.launchers import desired_without_container, launcher_faults
from .._base.errors import ConfigError
from .._base.printable import printable
from .checked_agents import checked_agents
from .isolation import Failures
from .options import Request
from .plan import Operation, Plan, ProvideOnHost
from .ports import Host, Provider
from .run import RunResult


def prepare_for_launchers(request: Request, host: Host, provider: Provider) -> tuple[list[AgentSpec], RunResult]:
    """Prepare the host for containers that launchers will start. No engine is asked."""
    failures = Failures()
    agents, notes = checked_agents(request, host, failures)
    served, operations = [], []
    for spec in agents:
        prepared = failures.attempt(spec.name, partial(_prepare_for_launcher, request, host, provider, spec))
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
