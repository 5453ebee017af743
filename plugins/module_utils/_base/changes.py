# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run changed on the host, or in check mode would change. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Record:
    """What a run did, or in check mode would do."""

    check_mode: bool
    changes: list[str] = field(default_factory=list)
    diff: list[dict[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    # What check mode takes as the user's own: root would have given it back before.
    given_back: frozenset[str] = frozenset()

    def change(self, what: str, path: str, before: str, after: str) -> bool:
        """Record a change; whether it is to be made now."""
        self._add(what, {"before_header": path, "after_header": path, "before": before, "after": after})
        return not self.check_mode

    def _add(self, what: str, diff: dict[str, str]) -> None:
        # In check mode a parent directory is missing anew for each file below it.
        if not (self.check_mode and what in self.changes):
            self.changes.append(what)
            self.diff.append(diff)

    def add(self, other: dict[str, Any]) -> None:
        for what, diff in zip(other["changes"], other["diff"]):
            self._add(what, diff)
        self.warnings += other["warnings"]
