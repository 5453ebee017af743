# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run changes on the host, or in check mode would change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable


@dataclass
class Changes:
    """What a run has changed so far, or in check mode would have."""

    check_mode: bool
    changes: list[str] = field(default_factory=list)
    diff: list[dict[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    made: set[str] = field(default_factory=set)
    """Paths that a real run would have made by now; only check mode has any."""
    chowned: set[str] = field(default_factory=set)
    """Paths that a real run would have made the user's by now; only check mode has any."""
    moved: set[str] = field(default_factory=set)
    """Those of ``made`` that a real run would have moved there, with all that belongs to them."""

    def make(self, what: str, path: str, before: str, after: str, action: Callable[[], object]) -> bool:
        """Do ``action`` and record the change after that, so a failure is not reported as one.

        In check mode nothing is done. Returns whether ``action`` was done.
        """
        if not self.check_mode:
            action()
        self._add(what, {"before_header": path, "after_header": path, "before": before, "after": after})
        return not self.check_mode

    @property
    def gone(self) -> set[str]:
        """Paths that were removed, or in check mode would be."""
        return {diff["after_header"] for diff in self.diff if diff["after"] == "absent\n"}

    def _add(self, what: str, diff: dict[str, str]) -> None:
        # In check mode a missing parent directory is found again for each file below it.
        if not (self.check_mode and what in self.changes):
            self.changes.append(what)
            self.diff.append(diff)

    def as_dict(self) -> dict[str, Any]:
        """As plain data, for :meth:`add` in another process."""
        paths = {name: sorted(getattr(self, name)) for name in ("made", "chowned", "moved")}
        return {"changes": self.changes, "diff": self.diff, "warnings": self.warnings, **paths}

    def add(self, other: dict[str, Any]) -> None:
        """Add what another process has changed."""
        for what, diff in zip(other["changes"], other["diff"]):
            self._add(what, diff)
        self.warnings += other["warnings"]
        self.made.update(other["made"])
        self.chowned.update(other["chowned"])
        self.moved.update(other["moved"])
