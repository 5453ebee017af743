# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The run of ``agent_mounts``: observe and diagnose; where something is to be done, plan and execute it.

Each agent for itself: what fails for one is its failure, and the others are served.
"""

from __future__ import annotations

import pathlib
from dataclasses import dataclass, field
from functools import partial
from typing import Callable, Mapping

from .._agents import shared_logins
from .._base.errors import ConfigError
from .._base.names import without_suffix
from .._base.paths import is_below
from .._base.printable import printable
from .checked_agents import checked_agents
from .isolation import Failures
from .observe import observe_all, observed_logins
from .options import Request
from .plan import Outcome, Plan
from .ports import ContainerList, Host, Session
from .settled import settled
from .verdict import Verdict


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
    is_tidy = not containers.interrupted() and not containers.probed()
    looked_at = observe_all(session, containers, agents, failures) if is_tidy else None
    outcome = settled(request, session.provider, agents, looked_at) if looked_at is not None else None
    if outcome is None:
        outcome = change_of_containers()(request, session, containers, agents, looked_at, failures)
    plans = outcome.plan.agents
    notes += (*(note for plan in plans for note in plan.warnings), *outcome.notes)
    logins = failures.gather((plan.agent, partial(observed_logins, plan.observed)) for plan in plans)
    return RunResult(
        outcome.plan,
        outcome.after,
        tuple(printable(note, limit=1200) for note in notes),
        shared_logins.sharers(logins),
        failures.sentences,
        outcome.changed,
    )


def change_of_containers() -> Callable[..., Outcome]:
    """The one late import: what changes something is half of the code.

    Ansible hands Python a module as source, and in each run it compiles whatever is imported. A run without drift,
    which is most of them, does without.
    """
    from .change import change

    return change


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
