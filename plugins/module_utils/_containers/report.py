# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans and observations as the plain data that modules return. No secret passes: ``Env`` values are masked."""

from __future__ import annotations

import datetime
import json
import os
import posixpath
from dataclasses import replace
from typing import Any, Collection, Mapping, Sequence

from .._agents import shared_logins as _sharing
from .._agents.config import AgentSpec
from .._agents.placement import (
    Placed,
    launcher_fragments,
    place_unseen,
)
from .._catalog.cli import AgentCli
from .._engine.mounts import MountSpec
from .._host import process_root
from .._host.reading import fingerprint
from . import observe as _observe
from . import plan as _model
from . import run as _reconcile
from . import verdict as _verdict

_MASK = "********"
Document = Mapping[str, Any]


def agent_result(agent: _model.AgentPlan, after: str, sharers: Sequence[str]) -> dict[str, Any]:
    """One agent's part of what ``agent_mounts`` returns."""
    observed = agent.observed
    placed = observed.placed
    return {
        "container": observed.spec.container,
        "cli": observed.spec.cli.name,
        "mode": observed.spec.mode,
        "reload": observed.spec.cli.reload,
        "start": observed.spec.cli.start,
        "directory": observed.spec.directory,
        "target": placed.mount.target if placed else None,
        "shares_login_with": list(sharers),
        "verdict_before": agent.judgement.verdict,
        "verdict_after": after,
        "reasons": list(agent.judgement.reasons),
        "proven": observed.seen is not None and observed.unproven is None,
        "operations": [str(operation) for operation in agent.operations],
        "deferred": agent.deferred is not None,
        "differences": list(agent.differences),
        "mounts": [mount_result(mount) for mount in observed.mounts],
        **launcher_result(placed),
        "warnings": list(agent.warnings),
    }


def launcher_result(placed: Placed | None) -> dict[str, Any]:
    """The mount for those who start containers themselves; nothing where the target is not known."""
    return launcher_fragments(placed) if placed else {"docker_args": [], "engine_api": {}, "compose": {}}


def specification_result(spec: AgentSpec) -> dict[str, Any]:
    """One agent's part of what ``agent_mounts`` returns with ``apply: false``: no container was looked at."""
    placed = place_unseen(spec)
    return {
        "container": spec.container,
        "cli": spec.cli.name,
        "mode": spec.mode,
        "reload": spec.cli.reload,
        "start": spec.cli.start,
        "directory": spec.directory,
        "target": placed.mount.target if placed else None,
        **launcher_result(placed),
    }


def mount_result(mount: MountSpec) -> dict[str, Any]:
    return {"type": mount.type, "source": mount.source, "target": mount.target, "read_only": mount.read_only}


def diff(outcome: _reconcile.Outcome) -> list[dict[str, Any]]:
    """The diffs of a run: for each changed agent its fields that differ, and the plan as text."""
    result: list[dict[str, Any]] = []
    for agent in outcome.plan.agents:
        if not agent.operations:
            continue
        header = f"{agent.agent} (container {agent.observed.spec.container})"
        before, after = _changed_fields(agent)
        result.append(
            {
                "before_header": header,
                "after_header": header,
                "before": {"verdict": agent.judgement.verdict, **before},
                "after": {"verdict": outcome.after[agent.agent], **after},
            }
        )
    if result or outcome.recovered:
        recovered = "".join(f"{operation}\n" for operation in outcome.recovered)
        result.append({"prepared": recovered + str(outcome.plan)})
    return result


def _changed_fields(agent: _model.AgentPlan) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields of the create request that a recreation changes; the whole request is compared."""
    if agent.body is None or agent.observed.container is None:
        return {}, {}
    placed = agent.observed.placed
    shown = {name for name, _value in placed.variables} if placed else set()
    old, new = (
        _flat(agent.observed.container["Config"], agent.observed.container["HostConfig"], shown),
        _flat(
            {key: value for key, value in agent.body.items() if key not in ("HostConfig", "NetworkingConfig")},
            agent.body["HostConfig"],
            shown,
        ),
    )
    # It gets its restart policy back by an operation of the plan.
    keys = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key) and key != _POLICY)
    return {key: old.get(key) for key in keys}, {key: new.get(key) for key in keys}


_POLICY = "HostConfig.RestartPolicy"


def _flat(config: Document, host_config: Document, shown: Collection[str]) -> dict[str, Any]:
    fields = {**config, "Env": [mask(entry, shown) for entry in config.get("Env") or ()]}
    return {**fields, **{f"HostConfig.{key}": value for key, value in host_config.items()}}


def mask(entry: str, shown: Collection[str] = ()) -> str:
    """``NAME=value`` with the value masked, save for the variables ``shown``, which this collection sets."""
    name, equals, value = entry.partition("=")
    return f"{name}{equals}{value if name in shown else _MASK}" if equals else name


def info(host: Any, agent: _model.AgentPlan, sharers: Sequence[str]) -> dict[str, Any]:
    """One agent's part of what ``agent_mounts_info`` returns; ``sharers`` are the agents that write the same login."""
    observed = agent.observed
    spec, placed = observed.spec, observed.placed
    path = _reconcile.published_path(spec)
    content = host.read(path)
    published = {
        "path": path,
        "inode": host.inode(path),
        "fingerprint": fingerprint(content),
        "expires_at": expiry(content, spec.cli),
    }
    inside: dict[str, Any] | None = None
    if observed.state in _model.RUNNING_STATES and placed is not None and observed.unproven is None:
        try:
            with host.root(int((observed.container or {})["State"]["Pid"]), str(observed.id)) as root:
                directory = root.see(placed.mount.target)
                shown = credential_path(agent)
                file = root.see(shown)
            inside = {
                "path": shown,
                "directory_inode": directory.identity[1] if directory.identity else None,
                "inode": file.identity[1] if file.identity else None,
                "fingerprint": file.fingerprint,
                "read_only": directory.read_only,
                "link": observed.link_state,
            }
        except process_root.NotProven:
            inside = None
    return {
        "container": spec.container,
        "cli": spec.cli.name,
        "mode": spec.mode,
        "reload": spec.cli.reload,
        "shares_login_with": list(sharers),
        "state": observed.state,
        "started_at": ((observed.container or {}).get("State") or {}).get("StartedAt"),
        "verdict": agent.judgement.verdict,
        "reasons": list(agent.judgement.reasons),
        "directory": spec.directory,
        "directory_inode": observed.directory.identity[1] if observed.directory.identity else None,
        "target": placed.mount.target if placed else None,
        "mounts": [mount_result(mount) for mount in observed.mounts],
        "published": published,
        "inside": inside,
        "fresh": _is_fresh(agent, published, inside),
        "mirror": mirror_status(host, spec.directory),
        "warnings": list(agent.warnings),
    }


def credential_path(agent: _model.AgentPlan) -> str:
    """Where the container shows the credential: in the directory mount, or as a file mount."""
    observed, spec = agent.observed, agent.observed.spec
    files = [mount.target for mount in observed.mounts if _verdict.is_file_mount(mount, spec, observed.placed)]
    return (
        files[0] if files else posixpath.join(observed.placed.mount.target if observed.placed else "/", spec.credential)
    )


def _is_fresh(agent: _model.AgentPlan, published: Document, inside: Document | None) -> bool | None:
    """Whether the process sees the published credential; ``None`` where that is not proven."""
    if inside is None:
        return None
    if agent.observed.spec.is_shared:
        # Whether somebody has logged in there is the containers' business.
        return agent.judgement.verdict == "ok"
    # A container that a launcher started has the variable, but no link: that is for older versions.
    lacks_only_link = agent.judgement.mend == "link" and bool(agent.observed.placed and agent.observed.placed.variable)
    return (
        (agent.judgement.verdict == "ok" or lacks_only_link)
        and published["fingerprint"] is not None
        and all(inside[key] == published[key] for key in ("inode", "fingerprint"))
    )


def expiry(content: bytes | None, cli: AgentCli) -> str | None:
    """When the access token in ``content`` ends, as ISO 8601 in UTC; ``None`` if it does not tell."""
    if content is None or cli.mirror.expires is None:
        return None
    try:
        value: Any = json.loads(content)
        for key in cli.mirror.expires.split("."):
            value = value[key]
        moment = datetime.datetime.fromtimestamp(int(value) / 1000, datetime.timezone.utc)
    except (ValueError, TypeError, KeyError, OverflowError, OSError):
        return None
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def mirror_status(host: Any, directory: str) -> dict[str, Any] | None:
    """The state file that the mirror keeps in its staging directory; ``None`` if there is none.

    ``current`` is added: whether the mirror has seen the source as it is now.
    """
    parent, _slash, name = directory.rpartition("/")
    content = host.read(f"{parent}/.{name}.staging/status.json")
    try:
        status = json.loads(content) if content else None
    except ValueError:
        return None
    if not isinstance(status, dict):
        return None
    source = status.get("source") or {}
    return {**status, "current": host.inode(os.path.realpath(source.get("path") or "/")) == source.get("inode")}


def observation(
    engine: Any, host: Any, request: _reconcile.Request
) -> tuple[list[_model.AgentPlan], Mapping[str, tuple[str, ...]]]:
    """Every agent as it is, judged, with nothing planned; and for each who else writes its login."""
    specs, _warnings = _reconcile.specifications(request, host)
    listing = _observe.Listing.of(engine)
    agents = []
    for spec in specs:
        observed = _observe.observe(engine, host, listing, spec)
        judgement = _verdict.judge(observed, request.options)
        agents.append(_model.AgentPlan(observed, judgement, warnings=_verdict.warnings(observed)))
    logins = [login for agent in agents for login in _observe.writable_logins(agent.observed)]
    return [_warned(agent, logins) for agent in agents], _sharing.sharers(logins)


def _warned(agent: _model.AgentPlan, logins: Sequence[_sharing.WritableLogin]) -> _model.AgentPlan:
    sharers = _sharing.sharers(logins).get(agent.agent, ())
    hazards = tuple(_sharing.warning(login, sharers) for login in logins if login.agent == agent.agent and sharers)
    return replace(agent, warnings=(*agent.warnings, *hazards))
