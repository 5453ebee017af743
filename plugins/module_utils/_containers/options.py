# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the user asks of a run. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .._agents.config import ConfigContext, ParsedConfig

State = Literal["present", "absent"]
WritableLayer = Literal["refuse", "carry", "discard"]
WaitFor = Literal["running", "healthy"]


@dataclass(frozen=True)
class Options:
    """The choices of the user that decide what may be done; see the module's documentation."""

    state: State = "present"
    writable_layer: WritableLayer = "refuse"
    writable_layer_ignore: tuple[str, ...] = ()
    recreate_stopped: bool = False
    recreate_dependents: bool = False
    accept_replaced_files: bool = False
    wait_for: WaitFor = "running"
    wait_timeout: int = 60

    @property
    def is_present(self) -> bool:
        return self.state == "present"


@dataclass(frozen=True)
class Request:
    """What the user asks for: which agents, and how."""

    config: ParsedConfig
    context: ConfigContext
    options: Options = Options()
    require_all: bool = False
    max_parallel: int = 1
    check_mode: bool = False
    config_path: str | None = None
    """Real path of the file that the configuration was read from."""
    trusted_writers: tuple[str, ...] = ()
    """Containers that may write that file."""
