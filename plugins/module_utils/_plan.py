# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for use inside this collection only; it can change at any time without notice.
"""Decide: (what is wanted, what is observed) → a :class:`Plan` that can be printed.

Pure. An :class:`Operation` is one engine call with its cause; the executor in ``_apply`` carries
them out in this order and decides nothing. Check mode prints the plan, tests compare it as text.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import Any, Iterable, Mapping

from ansible_collections.agentops.credentials.plugins.module_utils import _clone
from ansible_collections.agentops.credentials.plugins.module_utils._agents import (
    SUFFIX_NEW,
    SUFFIX_OLD,
    AgentSpec,
    DirectoryFacts,
)
from ansible_collections.agentops.credentials.plugins.module_utils._errors import RefusedError
from ansible_collections.agentops.credentials.plugins.module_utils._mounts import MountSpec, is_below
from ansible_collections.agentops.credentials.plugins.module_utils._placement import Placed, User, environment_of

RUNNING_STATES = ("running", "paused", "restarting")
STOPPED_STATES = ("exited", "created")

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Options:
    """The choices of the user that decide what may be done; see the module's documentation."""

    state: str = "present"
    writable_layer: str = "refuse"
    writable_layer_ignore: tuple[str, ...] = ()
    recreate_stopped: bool = False
    wait_for: str = "running"
    wait_timeout: int = 60


@dataclass(frozen=True)
class Observed:
    """One agent's container as it is now.

    ``container``      inspect document; ``None`` if the container is absent, or stopped and not looked into
    ``mount_source``   real path of the source of the bind at the wanted target, if there is one
    ``seen``           identity of the directory that the process sees at the target; ``None`` if not proven
    ``unproven``       why ``seen`` and ``link_state`` are not known, for a running container
    ``link_state``     ``ok``, ``missing``, ``file`` (a file of the container's own) or ``None`` if not known
    """

    spec: AgentSpec
    directory: DirectoryFacts
    id: str | None = None
    state: str = "absent"
    mounts: tuple[MountSpec, ...] = ()
    container: Document | None = field(default=None, repr=False)
    user: User | None = None
    placed: Placed | None = None
    mount_source: str | None = None
    seen: tuple[int, int] | None = None
    unproven: str | None = None
    link_state: str | None = None


@dataclass(frozen=True)
class RecreationFacts:
    """What is looked up only for a container that must be recreated."""

    container: Document = field(repr=False)
    image: Document | None = field(repr=False)
    tag_image: str | None
    api_version: tuple[int, int]
    changes: tuple[Document, ...]
    dependents: tuple[str, ...]
    lenders: tuple[Document, ...] = field(repr=False)


@dataclass(frozen=True)
class Judgement:
    """``mend`` is what would make the verdict ``ok``: ``recreate``, ``restart``, ``link`` or ``None``."""

    verdict: str
    reasons: tuple[str, ...] = ()
    mend: str | None = None
    unmounted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Operation:
    """One engine call.

    ``container`` is the name to print, ``id`` the container's id, ``None`` for the one that this
    agent's ``create`` makes. ``arguments`` are the call's; they can hold ``Env`` and are not printed.
    """

    agent: str
    action: str
    container: str
    id: str | None
    shown: str
    cause: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        return f"{self.agent}: {self.shown}" + (f" ({self.cause})" if self.cause else "")


@dataclass(frozen=True)
class AgentPlan:
    """What is to be done for one agent.

    ``refusals`` say why it cannot be done, ``deferred`` why not now: then there are no operations.
    """

    observed: Observed
    judgement: Judgement
    operations: tuple[Operation, ...] = ()
    warnings: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    deferred: str | None = None
    body: Document | None = field(default=None, repr=False)

    @property
    def agent(self) -> str:
        return self.observed.spec.name


@dataclass(frozen=True)
class Plan:
    """The plan of a run, agent by agent in the order of the configuration."""

    agents: tuple[AgentPlan, ...]

    @property
    def operations(self) -> tuple[Operation, ...]:
        return tuple(operation for agent in self.agents for operation in agent.operations)

    def __str__(self) -> str:
        return "".join(f"{operation}\n" for operation in self.operations)


def is_file_mount(mount: MountSpec, spec: AgentSpec, placed: Placed | None) -> bool:
    """Whether ``mount`` shows the credential as a file, which pins the file's inode."""
    cli = spec.cli
    usual = f"/{cli.config_dir}/{cli.credential}"
    places = [posixpath.join(placed.mount.target, cli.file), placed.link] if placed else []
    return mount.type == "bind" and (
        mount.source in spec.former_files or mount.target.endswith(usual) or mount.target in places
    )


def judge(observed: Observed, options: Options) -> Judgement:
    """The verdict on one agent's mounts."""
    spec, placed = observed.spec, observed.placed
    if observed.id is None:
        return Judgement("absent", (f"there is no container named {spec.container}",))
    if placed is None:
        return Judgement("missing", ("the place for the directory is not known",))
    target = placed.mount.target
    at_target = next((mount for mount in observed.mounts if mount.target == target), None)
    is_ours = at_target is not None and at_target.type == "bind" and observed.mount_source == observed.directory.path
    if options.state == "absent":
        if is_ours:
            return Judgement("ok", ("the directory mount is to be taken away",), "recreate", (target,))
        return Judgement("missing")

    files = tuple(mount for mount in observed.mounts if is_file_mount(mount, spec, placed))
    unmounted = tuple(mount.target for mount in files) + ((target,) if at_target else ())
    if files:
        reasons = tuple(f"{mount.target} is a file mount, which stays at one inode" for mount in files)
        return Judgement("file_mount", reasons, "recreate", unmounted)
    if at_target is None:
        return Judgement("missing", (f"nothing is mounted at {target}",), "recreate")
    if not is_ours:
        return Judgement("wrong_source", (f"{at_target.source} is mounted at {target}",), "recreate", unmounted)
    if not at_target.read_only:
        return Judgement("writable", (f"the mount at {target} is writable",), "recreate", unmounted)
    if observed.container is not None and placed.variable is not None:
        from_engine = environment_of(observed.container["Config"].get("Env"))
        if from_engine.get(placed.variable) != target:
            return Judgement("missing", (f"{placed.variable} is not set to {target}",), "recreate", unmounted)
    if observed.seen is not None and observed.seen != observed.directory.identity:
        return Judgement("stale", (f"{target} is another directory than {observed.directory.path} now",), "restart")
    if observed.link_state == "missing" and _link_obstacle(observed) is None:
        return Judgement("missing", (f"{placed.link} is not a link to the directory",), "link")
    return Judgement("ok")


def _holder(path: str, mounts: Iterable[MountSpec]) -> MountSpec | None:
    """The mount on which ``path`` of a container lies, ``None`` for its own layer."""
    holders = [mount for mount in mounts if mount.target == path or is_below(path, mount.target)]
    return max(holders, key=lambda mount: len(mount.target), default=None)


def _link_obstacle(observed: Observed) -> str | None:
    """Why the link of the placement is not made; ``None`` when nothing is against it."""
    placed = observed.placed
    if placed is None or placed.link is None:
        return None
    kept = [mount for mount in observed.mounts if not is_file_mount(mount, observed.spec, placed)]
    holder = _holder(placed.link, kept)
    if holder is not None and (holder.type != "volume" or holder.read_only):
        return f"{placed.link} lies on a {'read-only ' if holder.read_only else ''}{holder.type} mount"
    if observed.container is not None and observed.container["HostConfig"].get("ReadonlyRootfs") and holder is None:
        return f"{placed.link} lies on a read-only root file system"
    if observed.link_state == "file":
        return f"{placed.link} is a file of the container's own"
    return None


def warnings(observed: Observed) -> tuple[str, ...]:
    """What the user should know about an agent, though it does not stop the run."""
    spec, name = observed.spec, observed.spec.name
    found = []
    if observed.unproven:
        found.append(f"{name}: not proven that the container sees the current directory: {observed.unproven}.")
    user, directory = observed.user, observed.directory
    if user is not None and directory.kind == "directory" and not directory.lets_in(user.uid, user.gid):
        found.append(
            f"{name}: the container runs as uid {user.uid}, which may not read {directory.path} (uid {directory.uid}, "
            f"mode {directory.mode:04o}); set creds_mirror_readers: {{uids: [{user.uid}]}} for the role creds_mirror."
        )
    obstacle = _link_obstacle(observed)
    if obstacle:
        effect = (
            f"versions of {spec.cli.name} that do not know {observed.placed.variable} will not find the login"
            if observed.placed and observed.placed.variable
            else f"{spec.cli.name} will not find the login"
        )
        found.append(f"{name}: the link is left out, for {obstacle}: {effect}.")
    if observed.container is not None:
        variables = environment_of(observed.container["Config"].get("Env"))
        for variable in spec.cli.masking_variables:
            if variables.get(variable):
                found.append(
                    f"{name}: the container's environment variable {variable} masks the mirrored login; "
                    f"start the container without it."
                )
        found += _compose_warnings(observed)
    return tuple(found)


def _compose_warnings(observed: Observed) -> list[str]:
    labels = (observed.container or {}).get("Config", {}).get("Labels") or {}
    service = labels.get("com.docker.compose.service")
    if not service:
        return []
    files = labels.get("com.docker.compose.project.config_files", "its compose file")
    placed = observed.placed
    mount = f" {placed.mount.source}:{placed.mount.target}:ro" if placed else ""
    return [
        f"{observed.spec.name}: docker compose made this container; change the volumes of service {service} in "
        f"{files} to{mount} too, or the next change there brings the old mounts back."
    ]


def plan_agent(
    observed: Observed, judgement: Judgement, facts: RecreationFacts | None, options: Options, idle_status: int = 0
) -> AgentPlan:
    """The plan for one agent.

    :param facts: needed where ``judgement.mend`` is ``recreate``.
    :param idle_status: exit status of the agent's idle command; anything but 0 defers what would stop the container.
    """
    notes = warnings(observed)
    name = observed.spec.name
    if judgement.mend is None or observed.id is None:
        unknown: tuple[str, ...] = ()
        if observed.id is not None and observed.placed is None:
            unknown = (
                f"{name}: container.target is not set and the home directory of the container's user is not known; "
                f"set container.target.",
            )
        return AgentPlan(observed, judgement, warnings=notes, refusals=unknown)
    if judgement.mend == "link":
        return AgentPlan(observed, judgement, (_link(observed, observed.id),), notes)
    if idle_status != 0:
        deferred = f"{name}: deferred, for its container is not idle (only_when_idle ended with status {idle_status})."
        return AgentPlan(observed, judgement, warnings=(*notes, deferred), deferred=deferred)
    if judgement.mend == "restart":
        return AgentPlan(observed, judgement, _restart(observed, judgement, options), notes)
    if observed.state in STOPPED_STATES and not options.recreate_stopped:
        note = (
            f"{name}: the container {observed.spec.container} is stopped and left as it is; "
            f"set recreate_stopped: true to recreate it, or start it and run again."
        )
        return AgentPlan(observed, judgement, warnings=(*notes, note))
    if facts is None:
        raise ValueError("a recreation is planned from RecreationFacts")
    refusals = refuse(observed, judgement, facts, options)
    if refusals:
        return AgentPlan(observed, judgement, warnings=notes, refusals=refusals)
    return _recreate(observed, judgement, facts, options, notes)


def refuse(observed: Observed, judgement: Judgement, facts: RecreationFacts, options: Options) -> tuple[str, ...]:
    """Every reason why the container may not be recreated, each with its mend."""
    spec = observed.spec
    name, container = spec.name, facts.container
    found = []
    labels = container["Config"].get("Labels") or {}
    if observed.state not in RUNNING_STATES + STOPPED_STATES:
        found.append(f"{name}: the container is {observed.state}; remove or repair it first.")
    if any(label.startswith("com.docker.swarm.") for label in labels):
        found.append(f"{name}: the container is a task of a swarm service; change the service's mounts instead.")
    if container["HostConfig"].get("AutoRemove"):
        found.append(
            f"{name}: the container was started with --rm, so stopping it deletes it; start it again with the "
            f"arguments in docker_args."
        )
    if facts.image is None:
        found.append(f"{name}: the image {container['Image']} of the container is gone; pull or build it again first.")
    fields = _clone.unknown_fields(container)
    if fields:
        found.append(
            f"{name}: the engine tells fields that this version does not know how to keep ({', '.join(fields)}); "
            f"update agentops.credentials or recreate the container by hand."
        )
    if facts.dependents:
        found.append(
            f"{name}: other containers use this one and would break: {', '.join(facts.dependents)}; "
            f"remove them first and start them again afterwards."
        )
    found += _target_faults(observed, judgement)
    if options.writable_layer == "refuse":
        link = observed.placed.link if observed.placed else None
        lost = _clone.layer_changes(facts.changes, observed.mounts, link, options.writable_layer_ignore)
        if lost:
            more = f" and {len(lost) - 3} more" if len(lost) > 3 else ""
            found.append(
                f"{name}: the container has written files that a recreation would lose ({', '.join(lost[:3])}{more}); "
                f"set writable_layer to carry (keep them) or discard, or add their place to writable_layer_ignore."
            )
    return tuple(found)


def _target_faults(observed: Observed, judgement: Judgement) -> list[str]:
    placed, name = observed.placed, observed.spec.name
    if placed is None:
        return []
    target = placed.mount.target
    nested = [
        mount.target
        for mount in observed.mounts
        if is_below(mount.target, target) and mount.target not in judgement.unmounted
    ]
    faults = [
        f"{name}: container.target {target} has another mount below it ({path}); choose another." for path in nested
    ]
    at_target = next((mount for mount in observed.mounts if mount.target == target), None)
    is_foreign = at_target is not None and observed.mount_source != observed.directory.path
    if at_target is not None and is_foreign and not _looks_like_credentials(at_target):
        faults.append(
            f"{name}: container.target {target} is already the target of another mount ({at_target.type} "
            f"{at_target.source}), which would be lost; choose another target."
        )
    return faults


def _looks_like_credentials(mount: MountSpec) -> bool:
    """Whether a bind at our target is an earlier credentials directory rather than somebody's data."""
    return mount.type == "bind" and mount.target.startswith("/run/agent-credentials/")


def _operation(observed: Observed, action: str, old: bool, shown: str, cause: str = "", **arguments: Any) -> Operation:
    container = observed.spec.container
    return Operation(
        agent=observed.spec.name,
        action=action,
        container=container if old else container + SUFFIX_NEW,
        id=observed.id if old else None,
        shown=shown,
        cause=cause,
        arguments=arguments,
    )


def _link(observed: Observed, container_id: str | None) -> Operation:
    placed = observed.placed
    if placed is None or placed.link is None:
        raise ValueError("this placement has no link")
    target = placed.link_target(observed.spec.cli)
    user = observed.user or User(0, 0, "/")
    return Operation(
        agent=observed.spec.name,
        action="link",
        container=observed.spec.container,
        id=container_id,
        shown=f"link {placed.link} -> {target}",
        cause="for versions that look there" if placed.variable else "the agent CLI looks there",
        arguments={"path": placed.link, "target": target, "uid": user.uid, "gid": user.gid},
    )


def _verify(observed: Observed, options: Options, old: bool, present: bool) -> Operation:
    container = observed.spec.container
    placed = observed.placed
    what = "running" if options.wait_for == "running" else "healthy"
    sees = f", sees {observed.directory.path} read-only" if present else ""
    return _operation(
        observed,
        "verify",
        old,
        f"verify {container}: {what}{sees}",
        target=placed.mount.target if placed and present else None,
        directory=observed.directory.path,
        healthy=options.wait_for == "healthy",
        timeout=options.wait_timeout,
    )


def _restart(observed: Observed, judgement: Judgement, options: Options) -> tuple[Operation, ...]:
    name = observed.spec.container
    return (
        _operation(
            observed,
            "restart",
            True,
            f"restart {name}",
            "; ".join((judgement.verdict, *judgement.reasons)),
            timeout=_grace(observed),
        ),
        _verify(observed, options, True, True),
    )


def _grace(observed: Observed) -> int:
    """Seconds that the container has to end by itself after its stop signal."""
    config = (observed.container or {}).get("Config") or {}
    grace = config.get("StopTimeout")
    return 10 if grace is None else int(grace)


def _recreate(
    observed: Observed,
    judgement: Judgement,
    facts: RecreationFacts,
    options: Options,
    notes: tuple[str, ...],
) -> AgentPlan:
    spec, placed = observed.spec, observed.placed
    if placed is None or facts.image is None:
        raise ValueError("refused already")
    present = options.state == "present"
    variable = (placed.variable, placed.mount.target if present else None) if placed.variable else None
    wanted = _clone.Wanted(placed.mount if present else None, judgement.unmounted, variable)
    copy = _clone.clone(facts.container, facts.image, wanted, facts.api_version, facts.tag_image, facts.lenders)
    name, new, old = spec.container, spec.container + SUFFIX_NEW, spec.container + SUFFIX_OLD
    running = observed.state in RUNNING_STATES
    policy = str(copy.restart_policy.get("Name") or "no")
    armed = policy != "no"
    carry = options.writable_layer == "carry" and bool(
        _clone.layer_changes(facts.changes, observed.mounts, placed.link, options.writable_layer_ignore)
    )

    def of_old(action: str, shown: str, cause: str = "", **arguments: Any) -> Operation:
        return _operation(observed, action, True, shown, cause, **arguments)

    def of_new(action: str, shown: str, cause: str = "", **arguments: Any) -> Operation:
        return _operation(observed, action, False, shown, cause, **arguments)

    steps = [
        of_new("create", f"create {new}", "; ".join((judgement.verdict, *judgement.reasons)), name=new, body=copy.body)
    ]
    for network, endpoint in copy.connections:
        steps.append(of_new("connect", f"connect {new} to network {network}", network=network, endpoint=endpoint))
    for network in copy.disconnections:
        steps.append(of_new("disconnect", f"disconnect {new} from network {network}", network=network))
    if armed:
        # First the new one, then the old: at no moment does neither know the policy.
        steps.append(
            of_new("set_restart_policy", f"set restart policy of {new} to {policy}", policy=copy.restart_policy)
        )
        steps.append(
            of_old(
                "set_restart_policy",
                f"set restart policy of {name} to no",
                "two must not start",
                policy=_clone.NO_RESTART,
            )
        )
    if running:
        steps.append(of_old("stop", f"stop {name}", timeout=_grace(observed)))
    if carry:
        steps.append(of_new("carry_layer", f"copy the writable layer of {name} to {new}", source=observed.id))
    steps.append(of_old("rename", f"rename {name} -> {old}", new_name=old))
    steps.append(of_new("rename", f"rename {new} -> {name}", new_name=name))
    if present and placed.link and _link_obstacle(observed) is None:
        steps.append(_link(observed, None))
    if running:
        steps.append(of_new("start", f"start {name}"))
        steps.append(_verify(observed, options, False, present))
    if observed.state == "paused":
        steps.append(of_new("pause", f"pause {name}", "as it was"))
    steps.append(of_old("remove", f"remove {old}", "volumes kept", force=False))
    return AgentPlan(observed, judgement, tuple(steps), notes, copy.differences, body=copy.body)


@dataclass(frozen=True)
class Remnant:
    """A container under one of the three names of a recreation. Times are RFC 3339, as the engine tells them."""

    id: str
    running: bool
    container: Document = field(repr=False)

    @property
    def policy(self) -> Document:
        return self.container["HostConfig"].get("RestartPolicy") or _clone.NO_RESTART


def recover(
    agent: str,
    name: str,
    current: Remnant | None,
    new: Remnant | None,
    old: Remnant | None,
    was_running: bool | None,
) -> tuple[Operation, ...]:
    """Put things in order after a recreation that did not end: the three names tell how far it came.

    The old container wins, unless the new one runs under the real name in a later run, which
    looks at it anyway. No journal is needed:

    1. only ``NAME``                    nothing to do
    2. ``NAME`` and ``NAME.am-new``     it ended before the renaming: drop the new one
    3. ``NAME.am-old`` without ``NAME`` it ended between the renamings: drop the new one, rename back
    4. ``NAME.am-old`` and ``NAME``     it ended after them: keep a new one that runs, else go back
    5. ``NAME.am-new`` alone            it is the only copy: give it its name

    A recovery can be cut off as well. So some container holds the restart policy at every moment, a
    new one that was started (and may hold a port or an address) is gone before the old one starts,
    and the name that tells of the trouble goes only after the start.

    :param was_running: in a rollback, whether the old container is to run; ``None`` in a later run,
        which tells it from the times of the containers.
    :raises RefusedError: a leftover is no clone of the container that stands beside it.
    """
    is_rollback = was_running is not None
    names = {"current": name, "new": name + SUFFIX_NEW, "old": name + SUFFIX_OLD}

    def step(action: str, what: Remnant, label: str, shown: str, **arguments: Any) -> Operation:
        return Operation(agent, action, names[label], what.id, shown, "an earlier recreation did not end", arguments)

    def drop(what: Remnant, label: str) -> Operation:
        return step("remove", what, label, f"remove {names[label]} (volumes kept)", force=True)

    def disarm(what: Remnant, label: str) -> Operation:
        shown = f"set restart policy of {names[label]} to no"
        return step("set_restart_policy", what, label, shown, policy=_clone.NO_RESTART)

    def rearm(what: Remnant, label: str, source: Remnant | None) -> list[Operation]:
        if source is None or _is_armed(what) or not _is_armed(source):
            return []
        shown = f"set restart policy of {names[label]} to {source.policy['Name']}"
        return [step("set_restart_policy", what, label, shown, policy=source.policy)]

    def start(what: Remnant, label: str, maker: Remnant | None) -> list[Operation]:
        """Start what the cut-off run has stopped, not what was stopped before it."""
        stopped_before = (
            not was_running
            if was_running is not None
            else maker is not None
            and str(what.container["State"].get("FinishedAt") or "") < str(maker.container.get("Created") or "")
        )
        return [] if what.running or stopped_before else [step("start", what, label, f"start {names[label]}")]

    def check_twin(leftover: Remnant, label: str, beside: Remnant) -> None:
        if not _clone.is_twin(leftover.container, beside.container):
            raise RefusedError(
                f"{agent}: a container {names[label]} is left of an earlier recreation, but what stands beside it is "
                f"no copy of it; look at both and remove or rename one."
            )

    if old is None:
        if new is None:
            return tuple(start(current, "current", None)) if is_rollback and current is not None else ()
        if current is None:
            return (step("rename", new, "new", f"rename {names['new']} -> {name}", new_name=name),)
        check_twin(new, "new", current)
        disarmed = [disarm(new, "new")] if _is_armed(new) else []
        return (*rearm(current, "current", new), *disarmed, *start(current, "current", new), drop(new, "new"))
    back = step("rename", old, "old", f"rename {names['old']} -> {name}", new_name=name)
    if current is None:
        dropped = []
        if new is not None:
            check_twin(new, "new", old)
            dropped = [drop(new, "new")]
        return (*rearm(old, "old", new), *dropped, *start(old, "old", new), back)
    check_twin(old, "old", current)
    if new is not None:
        raise RefusedError(
            f"{agent}: {name}, {names['new']} and {names['old']} exist all three; look at them and remove two."
        )
    if current.running and not is_rollback:
        return (drop(old, "old"),)
    return (*rearm(old, "old", current), drop(current, "current"), *start(old, "old", current), back)


def _is_armed(what: Remnant) -> bool:
    return what.policy.get("Name") not in ("", "no", None)
