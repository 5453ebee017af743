# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``agent_mounts`` returns, as plain data. No secret passes: ``Env`` values are masked. Pure."""

from __future__ import annotations

import json
from functools import partial
from typing import Any, Collection, Mapping, Sequence

from .._agents.config import AgentSpec
from .._agents.launchers import desired_without_container, devcontainer_part, launcher_fragments
from .._agents.placement import Desired
from .._engine.documents import Document
from .isolation import Failures, with_failures
from .plan import AgentPlan, ProvideOnHost
from .run import RunResult
from .verdict import Verdict

_MASK = "********"


def run_result(result: RunResult) -> dict[str, Any]:
    """What ``agent_mounts`` returns."""
    failures = Failures(dict(result.failures))

    def described(plan: AgentPlan) -> dict[str, Any]:
        return agent_result(plan, result.after[plan.agent], result.shares_login_with.get(plan.agent, ()))

    agents = {plan.agent: failures.attempt(plan.agent, partial(described, plan)) for plan in result.plan.agents}
    return {
        "changed": result.changed,
        "agents": with_failures(agents, failures.sentences),
        "plan": str(result.plan),
        "recovered": [str(operation) for operation in result.plan.recovery],
        "prepared": _prepared(result),
    }


def launchers_result(agents: Sequence[AgentSpec], result: RunResult) -> dict[str, Any]:
    """What ``agent_mounts`` returns with ``apply: false``."""
    return {
        "changed": result.changed,
        "agents": with_failures({spec.name: launcher_result(spec) for spec in agents}, result.failures),
        "prepared": _prepared(result),
    }


_FOR_LAUNCHERS = (
    "container", "cli", "mode", "reload", "start", "directory", "target", "docker_args", "engine_api", "compose",
    "quadlet", "devcontainer",
)  # fmt: skip


def manifest(agents: Mapping[str, Mapping[str, Any]]) -> str:
    """The file for launchers, of what the module returns: JSON, with the agents that are served."""
    served = {name: agent for name, agent in agents.items() if "docker_args" in agent and not agent["failed"]}
    described = {name: {key: agent[key] for key in _FOR_LAUNCHERS} for name, agent in served.items()}
    return json.dumps({"agents": described}, indent=4, sort_keys=True) + "\n"


def _prepared(result: RunResult) -> list[str]:
    """What was made on the host, one sentence each."""
    return [change for one in result.plan.operations if isinstance(one, ProvideOnHost) for change in one.changes]


def agent_result(agent: AgentPlan, after: Verdict, sharers: Sequence[str]) -> dict[str, Any]:
    """One agent's part of what ``agent_mounts`` returns."""
    observed, container = agent.observed, agent.observed.container
    return {
        **_described(observed.spec, observed.desired),
        "shares_login_with": list(sharers),
        "verdict_before": agent.diagnosis.verdict.value,
        "verdict_after": after.value,
        "reasons": list(agent.diagnosis.reasons),
        "proven": container is not None and container.seen_directory is not None,
        "operations": [str(operation) for operation in agent.changes],
        "deferred": agent.deferred is not None,
        "differences": list(agent.differences),
        "mounts": [mount.as_result for mount in observed.mounts],
        "warnings": list(agent.warnings),
    }


def launcher_result(spec: AgentSpec) -> dict[str, Any]:
    """One agent's part of what ``agent_mounts`` returns with ``apply: false``: no container was looked at."""
    return _described(spec, desired_without_container(spec))


def _described(spec: AgentSpec, desired: Desired | None) -> dict[str, Any]:
    """The agent as configured, and the mount for those who start containers themselves."""
    fragments = (
        launcher_fragments(desired) if desired else {"docker_args": [], "engine_api": {}, "compose": {}, "quadlet": []}
    )
    return {
        "devcontainer": devcontainer_part(desired, spec.user) if desired else {},
        "container": spec.container,
        "cli": spec.cli.name,
        "mode": spec.mode,
        "reload": spec.cli.reload,
        "start": spec.cli.start,
        "directory": spec.directory,
        "target": desired.mount.target if desired else None,
        **fragments,
    }


# ---------------------------------------------------------------------------------------------------------------------
# The diff


def diff(result: RunResult) -> list[dict[str, Any]]:
    """The diffs of a run: for each changed agent its fields that differ, and the plan as text."""
    found: list[dict[str, Any]] = []
    for agent in result.plan.agents:
        if not agent.operations:
            continue
        header = f"{agent.agent} (container {agent.container})"
        before, after = _changed_fields(agent)
        found.append(
            {
                "before_header": header,
                "after_header": header,
                "before": {"verdict": agent.diagnosis.verdict.value, **before},
                "after": {"verdict": result.after[agent.agent].value, **after},
            }
        )
    return [*found, {"prepared": str(result.plan)}] if result.plan.operations else []


_GIVEN_BACK_LATER = "HostConfig.RestartPolicy"
"""A field that the create request lacks on purpose: an operation of the plan sets it."""


def _changed_fields(agent: AgentPlan) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields of the create request that a recreation changes; the whole request is compared."""
    observed = agent.observed
    if agent.body is None or observed.container is None:
        return {}, {}
    shown = {name for name, _value in observed.desired.variables} if observed.desired else set()
    inspected = observed.container.inspected
    config = {key: value for key, value in agent.body.items() if key not in ("HostConfig", "NetworkingConfig")}
    old = _flat(inspected.config, inspected.host_config, shown)
    new = _flat(config, agent.body["HostConfig"], shown)
    keys = sorted(key for key in {*old, *new} - {_GIVEN_BACK_LATER} if old.get(key) != new.get(key))
    return {key: old.get(key) for key in keys}, {key: new.get(key) for key in keys}


def _flat(config: Document, host_config: Document, shown: Collection[str]) -> dict[str, Any]:
    fields = {**config, "Env": [mask(entry, shown) for entry in config.get("Env") or ()]}
    return {**fields, **{f"HostConfig.{key}": value for key, value in host_config.items()}}


def mask(entry: str, shown: Collection[str] = ()) -> str:
    """``NAME=value`` with the value masked, save for the variables ``shown``, which this collection sets."""
    name, equals, value = entry.partition("=")
    return f"{name}{equals}{value if name in shown else _MASK}" if equals else name
