# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the user should know about a recreation, though it does not stop the run. Pure."""

from __future__ import annotations

from .._agents.config import AgentSpec
from .observed import Observed
from .options import Options
from .recreation_facts import RecreationFacts
from .verdict import Diagnosis


def start_warnings(spec: AgentSpec) -> tuple[str, ...]:
    """What the mount alone does not do for the agent CLI."""
    if spec.is_shared or not spec.cli.start:
        return ()
    return (f"{spec.name}: the mount alone does not log {spec.cli.name} in: {spec.cli.start}.",)


def compose_warnings(observed: Observed, diagnosis: Diagnosis) -> tuple[str, ...]:
    """What would bring the old mounts of a container back that is recreated but was made by compose."""
    labels = observed.container.inspected.labels if observed.container else {}
    service = labels.get("com.docker.compose.service")
    desired = observed.desired
    if not service or desired is None:
        return ()
    files = labels.get("com.docker.compose.project.config_files", "its compose file")
    old = f"replace the volume at {' and '.join(diagnosis.unmounted)} by" if diagnosis.unmounted else "add the volume"
    return (
        f"{observed.spec.name}: docker compose made this container; in services.{service}.volumes of {files} {old} "
        f"{desired.mount.source}:{desired.mount.target}:ro (see compose in the result), or the next change of that "
        f"service brings the old mounts back.",
    )


def dependent_warnings(name: str, facts: RecreationFacts, options: Options) -> tuple[str, ...]:
    """Who goes on as it is, but holds on to the container that is replaced."""
    left = [one for one in facts.dependents if not one.is_broken] if not options.recreate_dependents else []
    listed = ", ".join(f"{one.facts.container.name} ({' and '.join(one.ways)})" for one in left)
    if not listed:
        return ()
    return (
        f"{name}: other containers go on with what they have of this one: {listed}; set recreate_dependents: true to "
        f"recreate them with it.",
    )
