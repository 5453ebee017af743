# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Podman behind a socket like Docker's: its containers are looked at, and never stopped, replaced or started. Pure.

Docker's API does not tell all of them (umask, secrets, fixed addresses, pods), and what it tells cannot all be sent
back: a swappiness of 0 keeps a container from starting. So the fix is with those who started it.
"""

from __future__ import annotations

from typing import Mapping

from .._agents.launchers import quadlet_lines
from .observed import Observed
from .options import Options
from .verdict import Diagnosis, Remedy

PRODUCT = "Podman Engine"
"""What podman calls itself among the components of its version."""


def refuse_podman(observed: Observed, diagnosis: Diagnosis, options: Options) -> tuple[str, ...]:
    """Why a container of podman's is left as it is, and who can do what is needed."""
    container, desired = observed.container, observed.desired
    if container is None or desired is None or diagnosis.remedy not in (Remedy.RECREATE, Remedy.RESTART):
        return ()
    name, labels = container.inspected.name, container.inspected.labels
    unit, service = labels.get("PODMAN_SYSTEMD_UNIT"), _compose_service(labels)
    systemctl = f"systemctl (for a user's unit: systemctl --user) restart {unit}"
    if diagnosis.remedy is Remedy.RESTART:
        how = systemctl if unit else f"podman restart {name}"
        return (f"{_left(observed)} ({diagnosis.cause}): restart it with {how}.",)
    old = f"without what is mounted at {' and '.join(diagnosis.unmounted)}" if diagnosis.unmounted else ""
    lines = " and ".join(quadlet_lines(desired))
    wanted = f"{desired.mount.source}:{desired.mount.target}" + (":ro" if desired.mount.read_only else "")
    if not options.is_present:
        how = f"start it again {old or 'without its directory mount'}"
    elif unit:
        how = (
            f"in {unit.rsplit('.', 1)[0]}.container (Quadlet), section [Container], {_take(diagnosis)}write the lines "
            f"{lines}, then systemctl daemon-reload and {systemctl}; in a unit of podman generate systemd, start it "
            f"with the arguments docker_args"
        )
    elif service:
        files = labels.get("com.docker.compose.project.config_files") or "its compose file"
        how = (
            f"in services.{service}.volumes of {files} {_take(diagnosis)}add {wanted} (see compose in the result), "
            f"then make that service again"
        )
    else:
        how = (
            f"start it again with podman run and the arguments docker_args {old}".rstrip()
            + f"; podman inspect --format '{{{{.Config.CreateCommand}}}}' {name} shows how it was started"
        )
    return (f"{_left(observed)} ({diagnosis.cause}): {how}.",)


def _left(observed: Observed) -> str:
    return (
        f"{observed.spec.name}: the container is podman's, which does not tell all of it by Docker's API, so it is "
        f"left as it is"
    )


def _take(diagnosis: Diagnosis) -> str:
    return f"take away what is mounted at {' and '.join(diagnosis.unmounted)}, " if diagnosis.unmounted else ""


def _compose_service(labels: Mapping[str, str]) -> str | None:
    return labels.get("com.docker.compose.service") or labels.get("io.podman.compose.service")
