# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The agents that can be served: their entries and their directories are in order."""

from __future__ import annotations

from functools import partial
from typing import Sequence

from .._agents import directory
from .._agents.config import AgentSpec
from .._base.errors import ConfigError
from .isolation import Failures
from .options import Request
from .ports import Host


def checked_agents(request: Request, host: Host, failures: Failures) -> tuple[list[AgentSpec], tuple[str, ...]]:
    """The agents whose entries and directories are in order, and notes."""
    for agent, faults in request.config.faults.items():
        failures.add(agent, *faults)
    notes = list(request.config.notes)
    agents = []
    for spec in request.config.agents:
        warned = failures.attempt(spec.name, partial(_check_directory, request, host, spec))
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
