# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the version of the agent CLI in a container works with its placement. Pure."""

from __future__ import annotations

from .._catalog.cli import is_below
from .observed import Observed
from .options import Options
from .verdict import Diagnosis, Remedy


def matters(observed: Observed, diagnosis: Diagnosis, options: Options) -> bool:
    """Whether the plan depends on the version."""
    spec, cli = observed.spec, observed.spec.cli
    is_limited = bool(cli.reload_since) or any(limit.placement == spec.placement for limit in cli.limits)
    is_placed_now = diagnosis.remedy is Remedy.RECREATE and options.is_present and observed.state == "running"
    return is_placed_now and is_limited and bool(cli.commands) and not spec.is_shared and not spec.force_placement


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
    if cli.reload_since and is_below(version, cli.reload_since):
        return refusals, [
            f"{spec.name}: {cli.name} {version} in the container uses a new login only in a new process; update it to "
            f"{cli.reload_since} or newer."
        ]
    return refusals, []
