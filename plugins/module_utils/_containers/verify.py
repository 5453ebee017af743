# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verify that a container which was just started does its work."""

from __future__ import annotations

import time

from .._base.errors import EngineError
from .._engine.documents import Container
from .._host.process_root import NotProven
from .plan import Expectation
from .ports import Host, ReadingEngine

_SETTLED = 0.3
"""Seconds that a container must have been running before it counts as started."""


def wait_until_ready(engine: ReadingEngine, host: Host, container_id: str, expectation: Expectation) -> None:
    """Wait until the container runs (or is healthy) and sees what is expected.

    :raises EngineError: it ended, did not get there in time, or sees something else.
    """
    if not expectation.is_lasting:
        return
    began = time.monotonic()
    while True:
        container = engine.inspect(container_id)
        _require_running(container)
        fault = _fault(engine, host, container, expectation)
        if fault is None and (not expectation.healthy or container.health in ("", "healthy")):
            if time.monotonic() - began >= _SETTLED:
                return
        elif time.monotonic() - began > expectation.timeout:
            seconds = expectation.timeout
            raise EngineError(fault or f"the new container is not healthy after {seconds} seconds ({container.health})")
        time.sleep(0.05)


def _require_running(container: Container) -> None:
    if not container.has_process or container.is_restarting:
        reason = f", {container.error}" if container.error else ""
        raise EngineError(f"the new container does not keep running (exit status {container.exit_status}{reason})")
    if container.health == "unhealthy":
        raise EngineError("the new container is unhealthy")


def _fault(engine: ReadingEngine, host: Host, container: Container, expectation: Expectation) -> str | None:
    target, directory = expectation.target, expectation.directory
    if target is None or not engine.is_local:
        return None
    wanted = host.directory(directory)
    try:
        with host.root(container.pid, container.id, container.started_at) as root:
            view = root.stat(target)
    except NotProven as reason:
        # Of one that has just ended the engine still says that it runs.
        return f"it is not proven what the new container sees: {reason}" if expectation.is_provable else None
    if view.identity != wanted.identity:
        return f"the new container does not see {directory} at {target}"
    if view.read_only != expectation.read_only:
        return f"the new container {'cannot' if view.read_only else 'can'} write at {target}"
    return None
