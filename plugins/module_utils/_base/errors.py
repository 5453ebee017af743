# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""The errors that module_utils raise. Only modules turn them into ``fail_json``."""

from __future__ import annotations

import os
import traceback


class AgentMountsError(Exception):
    """Anything that stops a run; ``str()`` is the sentence for the user and holds no secret."""


class ConfigError(AgentMountsError):
    """The configuration is wrong. Carries every fault found, one sentence each."""

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults: tuple[str, ...] = faults


class EngineError(AgentMountsError):
    """A call to the Docker engine failed."""


class LateError(EngineError):
    """The engine did not answer in time, and may do later what it was asked for."""


class NotFoundError(EngineError):
    """The container, image or path does not exist."""


class RefusedError(AgentMountsError):
    """A container may not be recreated as things are; the sentence names the reason and the fix."""


class RollbackError(AgentMountsError):
    """A change failed *and* putting the old container back failed as well; says in what state things are."""


class HostError(AgentMountsError):
    """The host cannot be brought to what is asked for; the sentence names the thing and the fix."""


class RunEnded(BaseException):
    """The run was asked to end (SIGTERM, SIGINT); not an ``Exception``, so that nothing swallows it."""


def unexpected(error: BaseException) -> str:
    """A fault of this collection's own. The text of the exception may hold what the agent must not lose: a secret."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{os.path.basename(frame.filename)}:{frame.lineno}"
    return f"an unexpected {type(error).__name__} at {place} stopped it; report this fault of agentops.credentials."
