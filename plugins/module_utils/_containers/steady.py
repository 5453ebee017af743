# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a container keeps running is seen only after a while."""

from __future__ import annotations

import calendar
import time

from .._engine.documents import Container
from .ports import ReadingEngine

_YOUNG_SECONDS = 2.0
"""As long as a container that somebody has started may not have shown yet that it does not keep running."""
_LOOP_SECONDS = 10.0
"""The same of one that the engine has started again; after a longer run it forgets that (moby, restartmanager)."""


def steady(engine: ReadingEngine, container_id: str) -> Container:
    """A container as it is once it has shown whether it keeps running.

    In a crash loop it runs for a moment now and then, on a busy host for longer than the moments between.
    """
    end = time.monotonic() + _LOOP_SECONDS
    container = engine.inspect(container_id)
    while _may_be_about_to_end(container) and time.monotonic() < end:
        time.sleep(0.05)
        container = engine.inspect(container_id)
    return container


def _may_be_about_to_end(container: Container) -> bool:
    if container.status != "running" or not container.started_at:
        return False
    started = calendar.timegm(time.strptime(container.started_at[:19], "%Y-%m-%dT%H:%M:%S"))
    return 0 <= time.time() - started < (_LOOP_SECONDS if container.restart_count else _YOUNG_SECONDS)
