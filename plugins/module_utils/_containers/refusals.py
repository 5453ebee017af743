# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why a container may not be recreated as things are, each reason with its fix. Pure; rules: docs/recreation.md."""

from __future__ import annotations

from .._agents.passwd import PASSWD
from .._agents.placement import SHARED_TARGETS, STORE_TARGETS
from .._base.paths import is_below
from .._engine.mounts import MountSpec
from .layer_changes import lost_files
from .link import link_obstacle
from .observed import Observed, ObservedContainer
from .options import Options
from .recreation_facts import RecreationFacts, recreated_with
from .verdict import Diagnosis


def refuse_recreation(
    observed: Observed, diagnosis: Diagnosis, facts: RecreationFacts, options: Options
) -> tuple[str, ...]:
    """Every reason why the container may not be recreated."""
    name = observed.spec.name
    has_dependents = bool(recreated_with(facts, options))
    found = [
        *refuse_dependents(name, facts, options),
        *_refuse_container(f"{name}: the container", facts, options, has_dependents),
    ]
    if options.is_present:
        found += _refuse_target(observed, diagnosis)
    for dependent in recreated_with(facts, options):
        what = f"{name}: the dependent container {dependent.facts.container.name}"
        found += _refuse_container(what, dependent.facts, options, True)
    return tuple(found)


def refuse_dependents(name: str, facts: RecreationFacts, options: Options) -> list[str]:
    """Why the containers that hold on to this one may not be stopped with it."""
    listed = [f"{one.facts.container.name} ({' and '.join(one.ways)})" for one in facts.dependents if one.is_broken]
    if not listed or options.recreate_dependents:
        return []
    return [
        f"{name}: other containers use this one and would break: {', '.join(listed)}; set recreate_dependents: true "
        f"to recreate them with it."
    ]


def _refuse_container(what: str, facts: RecreationFacts, options: Options, is_one_of_several: bool) -> list[str]:
    container = facts.container
    found = []
    if not container.is_running and not container.is_stopped:
        found.append(f"{what} is {container.status}; remove or repair it first.")
    if any(label.startswith("com.docker.swarm.") for label in container.labels):
        found.append(f"{what} is a task of a swarm service; change the service's mounts instead.")
    if container.is_removed_when_stopped:
        found.append(
            f"{what} was started with --rm, so stopping it deletes it; start it again with the arguments docker_args."
        )
    if facts.image is None:
        found.append(f"{what} is of the image {container.image_id}, which is gone; pull or build it again first.")
    if facts.unknown:
        found.append(
            f"{what} has fields that this version does not know how to keep ({', '.join(facts.unknown)}); "
            f"update agentops.credentials or recreate the container by hand."
        )
    lost = lost_files(facts, options)
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


def _refuse_target(observed: Observed, diagnosis: Diagnosis) -> list[str]:
    desired, container, name = observed.desired, observed.container, observed.spec.name
    if desired is None or container is None:
        return []
    found = [*_refuse_passwd(observed, container), *_refuse_lost_way(observed, diagnosis)]
    target = desired.mount.target
    found += [
        f"{name}: container.target {target} has another mount below it ({mount.target}); choose another."
        for mount in container.mounts
        if is_below(mount.target, target) and mount.target not in diagnosis.unmounted
    ]
    at_target = next((mount for mount in container.mounts if mount.target == target), None)
    is_foreign = at_target is not None and container.mount_source != observed.directory.path
    if at_target is not None and is_foreign and not _looks_like_credentials(at_target):
        found.append(
            f"{name}: container.target {target} is already the target of another mount ({at_target.type} "
            f"{at_target.source}), which would be lost; choose another target."
        )
    return found


def _refuse_lost_way(observed: Observed, diagnosis: Diagnosis) -> list[str]:
    """Where a file mount is taken away and no other way to the login can be made, the agent keeps what it has."""
    desired, spec = observed.desired, observed.spec
    if desired is None or desired.variable is not None:
        return []
    obstacles = [link_obstacle(observed, link) for link in desired.links if link in diagnosis.unmounted]
    return [
        f"{spec.name}: {spec.cli.name} would lose its login with the file mount, for no link can take its place: "
        f"{obstacle}; start the container without that mount, or set container.mode: shared."
        for obstacle in obstacles
        if obstacle
    ]


def _refuse_passwd(observed: Observed, container: ObservedContainer) -> list[str]:
    desired, name = observed.desired, observed.spec.name
    if desired is None or desired.passwd is None:
        return []
    found = []
    if any(mount.target == PASSWD for mount in container.mounts):
        found.append(
            f"{name}: container.passwd: a mount of the container's own is at {PASSWD} and has no entry for its uid; "
            f"add the entry there, or take container.passwd out."
        )
    if not (desired.home or container.inspected.environment.get("HOME")):
        found.append(
            f"{name}: container.home is not set and the container has no HOME; set container.home to a directory in "
            f"the container that its user may write."
        )
    return found


def _looks_like_credentials(mount: MountSpec) -> bool:
    """Whether a bind at our target is an earlier credentials directory rather than somebody's data."""
    return mount.type == "bind" and any(is_below(mount.target, root) for root in (STORE_TARGETS, SHARED_TARGETS))
