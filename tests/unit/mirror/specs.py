# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Specifications of mirrors, and runs of what brings a host to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ansible_collections.agentops.credentials.plugins.module_utils._base.changes import Changes
from ansible_collections.agentops.credentials.plugins.module_utils._catalog.rows import CATALOG
from ansible_collections.agentops.credentials.plugins.module_utils._host.users import User
from ansible_collections.agentops.credentials.plugins.module_utils._mirror.spec import MirrorSpec, Source

DEV = User("dev", 1000, 1000, "/home/dev")
SPEC = MirrorSpec(
    cli=CATALOG["claude"],
    user=DEV,
    scope="user",
    root="/home/dev/.config/claude-hooks",
    source=Source("/home/dev/.claude/.credentials.json", "/home/dev/.claude/.credentials.json"),
)
SYSTEM = replace(SPEC, scope="system")


def changes_of(work: Callable[[Changes], object], *, check_mode: bool = False) -> list[str]:
    """What ``work`` has changed, or would change."""
    changes = Changes(check_mode)
    work(changes)
    assert len(changes.diff) == len(changes.changes)
    return changes.changes
