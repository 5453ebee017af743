# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans and observations as the plain data that modules return. No secret passes: ``Env`` values are masked. Pure."""

from __future__ import annotations

import datetime
import json
import posixpath
from dataclasses import asdict, dataclass
from typing import Any, Collection, Mapping, Sequence

from .._agents.config import AgentSpec
from .._agents.launchers import desired_without_container, launcher_fragments
from .._agents.placement import Desired, is_file_mount
from .._catalog.cli import AgentCli
from .._engine.documents import Document
from .._engine.mounts import MountSpec
from .._host.reading import fingerprint
from .exposure import exposed
from .plan import AgentPlan, ProvideOnHost
from .run import RunResult
from .verdict import Remedy, Verdict

_MASK = "********"


def run_result(result: RunResult) -> dict[str, Any]:
    """What ``agent_mounts`` returns."""
    agents = {
        plan.agent: agent_result(plan, result.after[plan.agent], result.shares_login_with.get(plan.agent, ()))
        for plan in result.plan.agents
    }
    return {
        "changed": result.changed,
        "agents": with_failures(agents, result.failures),
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


def with_failures(agents: Mapping[str, dict[str, Any]], failures: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Every agent with ``failed``, and with ``failure``; those of which nothing else is known among them."""
    names = dict.fromkeys((*agents, *failures))
    return {name: {**agents.get(name, {}), "failed": name in failures, "failure": failures.get(name)} for name in names}


def failure_message(failures: Mapping[str, str], agents: int) -> str:
    """What the module says at its end when agents failed."""
    return "\n".join([*failures.values(), f"{len(failures)} of {agents} agents failed; the others are served."])


_FOR_LAUNCHERS = (
    "container", "cli", "mode", "reload", "start", "directory", "target", "docker_args", "engine_api", "compose",
    "quadlet",
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
        "mounts": [mount_result(mount) for mount in observed.mounts],
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
        "container": spec.container,
        "cli": spec.cli.name,
        "mode": spec.mode,
        "reload": spec.cli.reload,
        "start": spec.cli.start,
        "directory": spec.directory,
        "target": desired.mount.target if desired else None,
        **fragments,
    }


def mount_result(mount: MountSpec) -> dict[str, Any]:
    return {"type": mount.type, "source": mount.source, "target": mount.target, "read_only": mount.read_only}


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


# ---------------------------------------------------------------------------------------------------------------------
# What agent_mounts_info returns


@dataclass(frozen=True)
class Proof:
    """What was read on the host and in the container, for one agent."""

    content: bytes | None
    """Of the published credential file."""
    inode: int | None
    inside: Mapping[str, Any] | None
    """What the container's process sees; ``None`` if it does not run or may not be looked at."""
    mirror: Mapping[str, Any] | None
    """The state file of the mirror."""
    readers: tuple[ProvedReader, ...] = ()
    """Who reads the login in the container; nobody where that may not be looked at."""


@dataclass(frozen=True)
class ProvedReader:
    """A reader in the host's numbers, why it cannot read the login, and the fix."""

    uid: int
    gid: int
    command: str
    obstacle: str | None
    advice: str | None


def info(agent: AgentPlan, proof: Proof, sharers: Sequence[str]) -> dict[str, Any]:
    """One agent's part of what ``agent_mounts_info`` returns; ``sharers`` are the agents that write the same login."""
    observed = agent.observed
    spec, desired, container = observed.spec, observed.desired, observed.container
    identity = observed.directory.identity
    published = {
        "path": spec.published_path,
        "inode": proof.inode,
        "fingerprint": fingerprint(proof.content),
        "expires_at": expiry(proof.content, spec.cli),
    }
    return {
        "container": spec.container,
        "cli": spec.cli.name,
        "mode": spec.mode,
        "reload": spec.cli.reload,
        "shares_login_with": list(sharers),
        "state": observed.state,
        "started_at": container.inspected.started_at if container else None,
        "verdict": agent.diagnosis.verdict.value,
        "reasons": list(agent.diagnosis.reasons),
        "directory": spec.directory,
        "directory_inode": identity[1] if identity else None,
        "target": desired.mount.target if desired else None,
        "mounts": [mount_result(mount) for mount in observed.mounts],
        "exposed": [exposed(reach) for reach in container.exposures] if container else [],
        "accept_exposure": spec.accepts_exposure,
        "published": published,
        "inside": proof.inside,
        "readers": [asdict(reader) for reader in proof.readers],
        "fresh": is_fresh(agent, published, proof.inside),
        "mirror": proof.mirror,
        "warnings": list(agent.warnings),
    }


def credential_path(agent: AgentPlan) -> str:
    """Where the container shows the credential: in the directory mount, or as a file mount."""
    observed, spec = agent.observed, agent.observed.spec
    files = [mount.target for mount in observed.mounts if is_file_mount(mount, spec, observed.desired)]
    root = observed.desired.mount.target if observed.desired else "/"
    return files[0] if files else posixpath.join(root, spec.credential)


def is_fresh(agent: AgentPlan, published: Document, inside: Document | None) -> bool | None:
    """Whether the process sees the published credential; ``None`` where that is not proven."""
    if inside is None:
        return None
    diagnosis, desired = agent.diagnosis, agent.observed.desired
    if agent.observed.spec.is_shared:
        # Whether somebody has logged in there is the containers' business.
        return diagnosis.verdict is Verdict.OK
    # A container that a launcher started has the variable, but no link: that is for older versions.
    lacks_only_link = diagnosis.remedy is Remedy.LINK and desired is not None and desired.variable is not None
    return (
        (diagnosis.verdict is Verdict.OK or lacks_only_link)
        and published["fingerprint"] is not None
        and all(inside[key] == published[key] for key in ("inode", "fingerprint"))
    )


def expiry(content: bytes | None, cli: AgentCli) -> str | None:
    """When the access token in ``content`` ends, as ISO 8601 in UTC; ``None`` if it does not say."""
    if content is None or cli.mirror.expires is None:
        return None
    try:
        value: Any = json.loads(content)
        for key in cli.mirror.expires.split("."):
            value = value[key]
        seconds = int(value) / 1000 if cli.mirror.expires_unit == "ms" else int(value)
        moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    except (ValueError, TypeError, KeyError, OverflowError, OSError, RecursionError):
        return None
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
