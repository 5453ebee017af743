# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The known name that a misspelt one is near to. Pure."""

from __future__ import annotations

from typing import Collection

_SLIPS = 2
_SHORT = 5


def nearest(name: str, known: Collection[str]) -> str | None:
    """The known name that differs by a slip or two of the fingers; ``None`` if none does, or if it is known itself.

    A short name has too many neighbours that mean something else (mode, model): it is near in the wrong order only.
    """
    if name in known:
        return None
    written = name.lower().replace("-", "_")
    slips = {one: _distance(written, one) for one in known if abs(len(one) - len(written)) <= _SLIPS}
    near = [one for one in slips if slips[one] <= _limit(written, one)]
    return min(near, key=lambda one: (slips[one], one), default=None)


def _limit(written: str, known: str) -> int:
    if len(known) < _SHORT:
        return 1 if sorted(written) == sorted(known) else 0
    return 1 if len(known) < 2 * _SHORT else _SLIPS


def _distance(one: str, other: str) -> int:
    """How many letters are missing, added, wrong or exchanged with their neighbour (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        last, row = row, [i]
        for j, wanted in enumerate(other, start=1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before = last
    return row[-1]
