# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why a container may not be recreated as things are, each reason with its mend. Pure; rules: docs/recreation.md."""

from __future__ import annotations

from .._agents.placement import (
    PASSWD,
    SHARED_ROOT,
    STORE_ROOT,
    environment_of,
)
from .._base.paths import is_below
from .._catalog.cli import is_below as is_below_version
from .._engine.mounts import MountSpec
from . import clone as _clone
from .plan import (
    RUNNING_STATES,
    STOPPED_STATES,
    Judgement,
    Observed,
    Options,
    RecreationFacts,
)


def refuse(observed: Observed, judgement: Judgement, facts: RecreationFacts, options: Options) -> tuple[str, ...]:
    """Every reason why the container may not be recreated, each with its mend."""
    name = observed.spec.name
    link = observed.placed.link if observed.placed else None
    return (
        *refuse_dependents(name, facts, options),
        *_refuse_container(f"{name}: the container", facts, link, options, bool(facts.dependents)),
        *(_target_faults(observed, judgement) if options.state == "present" else ()),
        *(
            sentence
            for dependent in facts.dependents
            for sentence in _refuse_container(
                f"{name}: the dependent container {name_of(dependent.facts)}", dependent.facts, None, options, True
            )
        ),
    )


def refuse_dependents(name: str, facts: RecreationFacts, options: Options) -> list[str]:
    """Why the containers that hold on to this one may not be stopped with it."""
    found = []
    told = [f"{name_of(dependent.facts)} ({' and '.join(dependent.ways)})" for dependent in facts.dependents]
    if told and not options.recreate_dependents:
        found.append(
            f"{name}: other containers use this one and would break: {', '.join(told)}; set recreate_dependents: true "
            f"to recreate them with it."
        )
    for dependent in facts.dependents:
        if dependent.is_linked:
            found.append(
                f"{name}: the container {name_of(dependent.facts)} is linked to this one, and a link cannot be kept; "
                f"connect both by a network instead."
            )
        if dependent.facts.dependents:
            found.append(
                f"{name}: the dependent container {name_of(dependent.facts)} has dependents of its own; "
                f"remove those first and start them again afterwards."
            )
    return found


def _refuse_container(
    what: str, facts: RecreationFacts, link: str | None, options: Options, is_one_of_several: bool
) -> list[str]:
    container = facts.container
    state = container["State"]["Status"]
    found = []
    if state not in RUNNING_STATES + STOPPED_STATES:
        found.append(f"{what} is {state}; remove or repair it first.")
    if any(label.startswith("com.docker.swarm.") for label in container["Config"].get("Labels") or {}):
        found.append(f"{what} is a task of a swarm service; change the service's mounts instead.")
    if container["HostConfig"].get("AutoRemove"):
        found.append(
            f"{what} was started with --rm, so stopping it deletes it; start it again with the arguments docker_args."
        )
    if facts.image is None:
        found.append(f"{what} is of the image {container['Image']}, which is gone; pull or build it again first.")
    fields = _clone.unknown_fields(container)
    if fields:
        found.append(
            f"{what} has fields that this version does not know how to keep ({', '.join(fields)}); "
            f"update agentops.credentials or recreate the container by hand."
        )
    lost = lost_files(facts, link, options)
    if lost and options.writable_layer == "refuse":
        more = f" and {len(lost) - 3} more" if len(lost) > 3 else ""
        found.append(
            f"{what} has written files that a recreation would lose ({', '.join(lost[:3])}{more}); "
            f"set writable_layer to carry (keep them) or discard, or add their place to writable_layer_ignore."
        )
    if lost and options.writable_layer == "carry" and facts.layer_obstacle and is_one_of_several:
        found.append(
            f"{what} has written files that only docker commit could keep ({facts.layer_obstacle}), which is not done "
            f"where containers depend on each other; copy them out and set writable_layer to discard."
        )
    return found


def lost_files(facts: RecreationFacts, link: str | None, options: Options) -> tuple[str, ...]:
    """What the container has written that a recreation would lose."""
    return _clone.layer_changes(facts.container, facts.changes, link, options.writable_layer_ignore)


def name_of(facts: RecreationFacts) -> str:
    return str(facts.container["Name"]).lstrip("/")


def _target_faults(observed: Observed, judgement: Judgement) -> list[str]:
    placed, name = observed.placed, observed.spec.name
    if placed is None:
        return []
    target = placed.mount.target
    faults = []
    if placed.passwd and any(mount.target == PASSWD for mount in observed.mounts):
        faults.append(
            f"{name}: container.passwd: a mount of the container's own is at {PASSWD} and has no entry for its uid; "
            f"add the entry there, or take container.passwd out."
        )
    if placed.passwd and not (placed.home or _home(observed)):
        faults.append(
            f"{name}: container.home is not set and the container has no HOME; set container.home to a directory in "
            f"the container that its user may write."
        )
    nested = [
        mount.target
        for mount in observed.mounts
        if is_below(mount.target, target) and mount.target not in judgement.unmounted
    ]
    faults += [
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


def _home(observed: Observed) -> str | None:
    """The container's variable ``HOME``."""
    return environment_of((observed.container or {}).get("Config", {}).get("Env")).get("HOME")


def _looks_like_credentials(mount: MountSpec) -> bool:
    """Whether a bind at our target is an earlier credentials directory rather than somebody's data."""
    return mount.type == "bind" and any(is_below(mount.target, root) for root in (STORE_ROOT, SHARED_ROOT))


def judge_version(observed: Observed, version: str | None) -> tuple[list[str], list[str]]:
    """Refusals and notes for the ``version`` of the agent CLI in the container; ``None`` if it is not known."""
    spec, cli = observed.spec, observed.spec.cli
    limits = [limit for limit in cli.limits if limit.placement == spec.placement]
    notes = []
    if version is None:
        notes = [
            f"{spec.name}: the version of {cli.name} in the container is not known ({cli.commands[0]} --version did "
            f"not tell), so it was not checked that it is {limit.minimum} or newer, as {spec.placement} needs."
            for limit in limits
        ]
        return [], notes
    refusals = [
        f"{spec.name}: container.placement {spec.placement} does not work with {cli.name} {version}: below "
        f"{limit.minimum} {limit.effect}; install a newer one in the image, use another placement "
        f"({cli.placements[0]}), or set container.force_placement: true."
        for limit in limits
        if is_below_version(version, limit.minimum)
    ]
    if cli.reload_since and is_below_version(version, cli.reload_since):
        notes.append(
            f"{spec.name}: {cli.name} {version} in the container uses a new login only in a new process; update it to "
            f"{cli.reload_since} or newer."
        )
    return refusals, notes
