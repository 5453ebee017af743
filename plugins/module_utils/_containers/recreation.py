# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan a recreation or a restart: the operations in their order. Pure.

The rules are in ``docs/recreation.md``. Containers that use the namespaces of the one that is
recreated hold on to its id, so they are recreated with it, inside its own sequence:

1. make every clone, and its link where the original cannot see it; a clone is a mark by which ``_recovery`` knows
   that its original was under way
2. give every clone its original's restart policy, then take it from the original
3. stop the dependents, then the container itself
4. rename, start and verify the container, then its dependents
5. remove the originals
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Mapping

from .._agents.placement import (
    User,
)
from .._base.names import SUFFIX_NEW, SUFFIX_OLD
from . import clone as _clone
from .plan import (
    RUNNING_STATES,
    AgentPlan,
    Document,
    Judgement,
    Observed,
    Operation,
    Options,
    RecreationFacts,
)
from .refusals import lost_files, name_of
from .verdict import link_holder, link_obstacle


def link(observed: Observed, container_id: str | None) -> Operation:
    """Make the link of the placement; ``container_id`` is ``None`` for the clone."""
    placed = observed.placed
    if placed is None or placed.link is None:
        raise ValueError("this placement has no link")
    target = placed.link_target(observed.spec.cli)
    user = observed.user or User(0, 0, "/")
    return Operation(
        agent=observed.spec.name,
        action="link",
        container=observed.spec.container + ("" if container_id else SUFFIX_NEW),
        id=container_id,
        shown=f"link {placed.link} -> {target}",
        cause="for versions that look there" if placed.variable else "the agent CLI looks there",
        arguments={"path": placed.link, "target": target, "uid": user.uid, "gid": user.gid},
    )


def restart(observed: Observed, judgement: Judgement, facts: RecreationFacts, options: Options) -> AgentPlan:
    """Restart the container, and after it those that use its namespaces: they join them anew."""
    name, agent = observed.spec.container, observed.spec.name
    cause = "; ".join((judgement.verdict, *judgement.reasons))
    steps = [
        _restart(agent, name, facts, cause),
        Operation(agent, "verify", name, observed.id, *_verification(observed, options, True)),
    ]
    if observed.link_state == "missing" and link_obstacle(observed) is None:
        steps.append(link(observed, observed.id))
    running = [dependent for dependent in facts.dependents if _runs(dependent.facts)]
    for dependent in running:
        steps.append(_restart(agent, name_of(dependent.facts), dependent.facts, f"it uses {name}"))
    return AgentPlan(
        observed, judgement, tuple(steps), dependents=tuple((name_of(dependent.facts), True) for dependent in running)
    )


def _restart(agent: str, name: str, facts: RecreationFacts, cause: str) -> Operation:
    return Operation(
        agent, "restart", name, facts.container["Id"], f"restart {name}", cause, {"timeout": _grace(facts.container)}
    )


def _runs(facts: RecreationFacts) -> bool:
    return facts.container["State"]["Status"] in RUNNING_STATES


def _grace(container: Document) -> int:
    """Seconds that the container has to end by itself after its stop signal."""
    grace = container["Config"].get("StopTimeout")
    return 10 if grace is None else int(grace)


def _verification(observed: Observed, options: Options, present: bool) -> tuple[str, str, dict[str, Any]]:
    """What is printed, the cause and the arguments of ``verify``."""
    placed = observed.placed
    what = "running" if options.wait_for == "running" else "healthy"
    read_only = not observed.spec.is_shared
    is_provable = present and observed.unproven is None
    sees = f", sees {observed.directory.path} {'read-only' if read_only else 'writable'}" if is_provable else ""
    cause = f"not proven what it sees: {observed.unproven}" if present and not is_provable else ""
    arguments = {
        "target": placed.mount.target if placed and present else None,
        "directory": observed.directory.path,
        "read_only": read_only,
        "healthy": options.wait_for == "healthy",
        "timeout": options.wait_timeout,
    }
    return f"verify {observed.spec.container}: {what}{sees}", cause, arguments


@dataclass(frozen=True)
class _Swap:
    """The operations that put a clone in the place of its original, in groups that several swaps can share."""

    create: tuple[Operation, ...]
    arm: tuple[Operation, ...]
    stop: tuple[Operation, ...]
    switch: tuple[Operation, ...]
    start: tuple[Operation, ...]
    finish: tuple[Operation, ...]


def _swap(
    agent: str,
    facts: RecreationFacts,
    copy: _clone.Clone,
    cause: str,
    carry: bool,
    linked_early: tuple[Operation, ...],
    linked_late: tuple[Operation, ...],
    verification: tuple[str, str, dict[str, Any]],
) -> _Swap:
    name = name_of(facts)
    new, old = name + SUFFIX_NEW, name + SUFFIX_OLD
    container_id, state = facts.container["Id"], facts.container["State"]["Status"]
    policy = str(copy.restart_policy.get("Name") or "no")

    def of_old(action: str, shown: str, cause: str = "", **arguments: Any) -> Operation:
        return Operation(agent, action, name, container_id, shown, cause, arguments)

    def of_new(action: str, shown: str, cause: str = "", **arguments: Any) -> Operation:
        return Operation(agent, action, new, None, shown, cause, arguments)

    create = [of_new("create", f"create {new}", cause, name=new, body=copy.body)]
    for network, endpoint in copy.connections:
        create.append(of_new("connect", f"connect {new} to network {network}", network=network, endpoint=endpoint))
    for network in copy.disconnections:
        create.append(of_new("disconnect", f"disconnect {new} from network {network}", network=network))
    arm = []
    if policy != "no":
        # First the new one, then the old: at no moment does neither know the policy.
        shown = f"set restart policy of {new} to {policy}"
        arm.append(of_new("set_restart_policy", shown, policy=copy.restart_policy))
        shown = f"set restart policy of {name} to no"
        arm.append(of_old("set_restart_policy", shown, "two must not start", policy=_clone.NO_RESTART))
    stop = [of_old("stop", f"stop {name}", timeout=_grace(facts.container))] if _runs(facts) else []
    if carry:
        shown = f"copy the writable layer of {name} to {new}"
        stop.append(of_new("carry_layer", shown, source=container_id))
    start = []
    if _runs(facts):
        shown, why, arguments = verification
        start = [of_new("start", f"start {name}"), of_new("verify", shown, why, **arguments)]
    if state == "paused":
        start.append(of_new("pause", f"pause {name}", "as it was"))
    return _Swap(
        create=(*create, *linked_early),
        arm=tuple(arm),
        stop=tuple(stop),
        switch=(
            of_old("rename", f"rename {name} -> {old}", new_name=old),
            of_new("rename", f"rename {new} -> {name}", new_name=name),
            *linked_late,
        ),
        start=tuple(start),
        finish=(of_old("remove", f"remove {old}", "volumes kept", force=False),),
    )


def recreate(observed: Observed, judgement: Judgement, facts: RecreationFacts, options: Options) -> AgentPlan:
    """Recreate the container with its directory mount (or without it, with ``state: absent``), and its dependents."""
    spec, placed = observed.spec, observed.placed
    if placed is None:
        raise ValueError("refused already")
    present = options.state == "present"
    variables: tuple[tuple[str, str | None], ...] = tuple((name, None) for name in judgement.unset)
    if present:
        variables += placed.variables
    elif placed.variable:
        variables += ((placed.variable, None),)
    wanted = _clone.Wanted(placed.mounts if present else (), judgement.unmounted, variables)
    is_linked = present and placed.link is not None and link_obstacle(observed) is None
    carry = options.writable_layer == "carry" and bool(lost_files(facts, placed.link, options))
    image = None
    if carry and facts.layer_obstacle:
        image, carry = _clone.committed_image(name_of(facts), facts.container["Id"], _runs(facts)), False
    copy = _clone_of(facts, wanted, {}, image)
    # In the clone's own layer it can be made while the original runs. On a volume the original would see it, and a
    # carried layer would put the original's file over it.
    is_early = is_linked and not carry and link_holder(observed) is None
    linked = (link(observed, None),) if is_linked else ()
    main = _swap(
        spec.name,
        facts,
        copy,
        cause="; ".join((judgement.verdict, *judgement.reasons)),
        carry=carry,
        linked_early=linked if is_early else (),
        linked_late=() if is_early else linked,
        verification=_verification(observed, options, present),
    )
    followers = [_follower(observed, facts, dependent.facts, options) for dependent in facts.dependents]
    swaps = [main, *followers]
    if image:
        return AgentPlan(
            observed,
            judgement,
            _by_commit(spec.name, facts, main, _clone_of(facts, wanted, {}), image),
            differences=copy.differences,
            body=copy.body,
        )
    steps = (
        *(step for swap in swaps for step in swap.create),
        *(step for swap in swaps for step in swap.arm),
        *(step for swap in reversed(swaps) for step in swap.stop),
        *(step for swap in swaps for step in (*swap.switch, *swap.start)),
        *(step for swap in reversed(swaps) for step in swap.finish),
    )
    return AgentPlan(
        observed,
        judgement,
        steps,
        differences=copy.differences,
        dependents=tuple((name_of(dependent.facts), _runs(dependent.facts)) for dependent in facts.dependents),
        body=copy.body,
    )


def _follower(observed: Observed, owner: RecreationFacts, facts: RecreationFacts, options: Options) -> _Swap:
    """The swap of a container that uses the owner's namespaces: its clone uses those of the owner's clone."""
    names = (owner.container["Id"], name_of(owner))
    namespaces = {f"container:{name}": f"container:{name_of(owner)}{SUFFIX_NEW}" for name in names}
    verification = (
        f"verify {name_of(facts)}: running",
        "",
        {
            "target": None,
            "directory": observed.directory.path,
            "read_only": True,
            "healthy": False,
            "timeout": options.wait_timeout,
        },
    )
    return _swap(
        observed.spec.name,
        facts,
        _clone_of(facts, _clone.Wanted(), namespaces),
        cause=f"it uses {name_of(owner)}",
        carry=options.writable_layer == "carry" and bool(lost_files(facts, None, options)),
        linked_early=(),
        linked_late=(),
        verification=verification,
    )


def _by_commit(
    agent: str, facts: RecreationFacts, swap: _Swap, trial: _clone.Clone, image: str
) -> tuple[Operation, ...]:
    """The operations of ``swap`` in another order, for the layer is complete, and its image made, after the stop.

    A ``trial`` of the old image goes before: it shows that the engine takes the request, and marks that the original
    was under way until its new name does so. A container that does not run needs no such mark.

    The original keeps its restart policy until the clone has it: the trial must never start.
    """
    name, container_id = name_of(facts), facts.container["Id"]
    new = name + SUFFIX_NEW
    first, *others = swap.create
    rename_old, *switch = swap.switch
    leftover = facts.committed_before
    steps: list[Operation] = []
    if leftover:
        shown = f"remove the image {leftover}"
        steps.append(Operation(agent, "remove_image", leftover, None, shown, "left of an earlier recreation"))
    if _runs(facts):
        arguments = {"name": new, "body": trial.body}
        steps.append(Operation(agent, "create", new, None, f"create {new}", f"as a trial; {first.cause}", arguments))
    commit = f"commit {name} to the image {image}"
    cause = f"its writable layer cannot be copied: {facts.layer_obstacle}"
    steps += [*swap.stop, Operation(agent, "commit", name, container_id, commit, cause, {"image": image})]
    if _runs(facts):
        steps.append(rename_old)
        steps.append(Operation(agent, "remove", new, None, f"remove {new}", "the trial", {"force": False}))
    else:
        switch.insert(0, rename_old)
    disarmed = f"set restart policy of {name if not _runs(facts) else name + SUFFIX_OLD} to no"
    arm = [replace(step, shown=disarmed) if step.id else step for step in swap.arm]
    made = replace(first, shown=f"create {new} of the image {image}", cause="" if _runs(facts) else first.cause)
    return (*steps, made, *others, *arm, *switch, *swap.start, *swap.finish)


def _clone_of(
    facts: RecreationFacts, wanted: _clone.Wanted, namespaces: Mapping[str, str], image: str | None = None
) -> _clone.Clone:
    if facts.image is None:
        raise ValueError("refused already")
    return _clone.clone(
        facts.container, facts.image, wanted, facts.api_version, facts.tag_image, facts.lenders, namespaces, image
    )
