# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the version of the agent CLI in a container works with its placement. Pure."""

from __future__ import annotations

from .._catalog.cli import is_below
from .link import link_obstacle
from .observed import Observed
from .options import Options
from .verdict import Diagnosis, Remedy


def matters(observed: Observed, diagnosis: Diagnosis, options: Options) -> bool:
    """Whether the plan depends on the version."""
    spec, cli = observed.spec, observed.spec.cli
    is_limited = bool(cli.reload_since) or any(limit.placement == spec.placement for limit in cli.limits)
    is_limited = is_limited or _has_no_link(observed) is not None
    is_placed_now = diagnosis.remedy is Remedy.RECREATE and options.is_present and observed.state == "running"
    return is_placed_now and is_limited and bool(cli.commands) and not spec.is_shared and not spec.force_placement


def _has_no_link(observed: Observed) -> str | None:
    """Why older versions, which do not know the CLI's variable for the login, would not find it either."""
    desired = observed.desired
    if desired is None or desired.variable is None or observed.spec.cli.store_variable_since is None:
        return None
    obstacles = [link_obstacle(observed, link) for link in desired.links]
    return obstacles[0] if obstacles and all(obstacles) else None


def judge_version(observed: Observed, version: str | None) -> tuple[list[str], list[str]]:
    """Refusals and notes for the ``version`` of the agent CLI in the container; ``None`` if it is not known."""
    spec, cli = observed.spec, observed.spec.cli
    limits = [limit for limit in cli.limits if limit.placement == spec.placement]
    if version is None:
        notes = [
            f"{spec.name}: the version of {cli.name} in the container is not known ({cli.commands[0]} --version did "
            f"not print one), so it was not checked that it is {limit.minimum} or newer, as {spec.placement} needs."
            for limit in limits
        ]
        return [], notes
    refusals = [
        f"{spec.name}: container.placement {spec.placement} does not work with {cli.name} {version}: below "
        f"{limit.minimum} {limit.effect}; install a newer one in the image, use another placement "
        f"({cli.placements[0]}), or set container.force_placement: true."
        for limit in limits
        if is_below(version, limit.minimum)
    ]
    obstacle = _has_no_link(observed)
    if obstacle and cli.store_variable_since and is_below(version, cli.store_variable_since):
        refusals.append(
            f"{spec.name}: {cli.name} {version} does not know {cli.store_variable} (as {cli.store_variable_since} "
            f"does), and would not find the login by a link, for {obstacle}; install a newer one in the image."
        )
    if cli.reload_since and is_below(version, cli.reload_since):
        return refusals, [
            f"{spec.name}: {cli.name} {version} in the container uses a new login only in a new process; update it to "
            f"{cli.reload_since} or newer."
        ]
    return refusals, []
