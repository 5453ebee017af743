# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Foreign text for people: what a user or a container wrote must not reach a terminal as it is. Pure."""

from __future__ import annotations

import unicodedata
from typing import Any

_LIMIT = 400
"""Characters of one sentence. A path can have 4096."""
_UNPRINTABLE = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
"""Categories of Unicode: controls, formats (bidi among them), surrogates, private, unassigned, line separators."""


def printable(text: str, limit: int = _LIMIT) -> str:
    r"""One line without control characters: each is written as ``\xNN`` or ``\uNNNN``; cut in its middle if long."""
    shown = text
    if not text.isprintable():  # which most text is; only then each character is looked at
        shown = "".join(char if unicodedata.category(char) not in _UNPRINTABLE else _escaped(char) for char in text)
    if len(shown) <= limit:
        return shown
    half = (limit - 5) // 2
    return f"{shown[:half]} ... {shown[-half:]}"


def _escaped(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def printable_data(data: Any) -> Any:
    """Plain data with every string, keys among them, made printable; line breaks and lengths stay."""
    if isinstance(data, str):
        return "\n".join(printable(line, max(len(line) * 10, _LIMIT)) for line in data.split("\n"))
    if isinstance(data, dict):
        return {printable_data(key): printable_data(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [printable_data(item) for item in data]
    return data
