# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one way in which a value becomes part of a systemd unit: (value, where it stands) → a word, or a refusal. Pure.

Units of the system scope are root's, and the paths in them are the user's: a line break in one would be a line of
root's own.
"""

from __future__ import annotations

import enum
import unicodedata
from typing import Iterable

from .._base.errors import ConfigError
from .._base.printable import printable

_REFUSED = frozenset(("Cc", "Cs", "Zl", "Zp"))
"""Categories of Unicode: controls, surrogates (bytes that are no UTF-8), separators of lines and of paragraphs."""


class Form(enum.Enum):
    """How systemd reads the setting in which a word stands, and so what is escaped in it; specifiers are in each."""

    LINE = "the rest of a line, as it is"
    LIST = "one of several words"
    BIND = "one of several words, which a colon divides"
    ARGUMENT = "an argument of a command"


class Word(str):
    """A value as it may stand in a unit; made by :func:`word` only."""


class UnitText(str):
    """The text of a unit, or of a part of one; made by this module only."""


def word(value: str, form: Form = Form.LINE) -> Word:
    """
    :raises ConfigError: no systemd can read the value there.
    """
    if any(unicodedata.category(char) in _REFUSED for char in value):
        raise ConfigError(
            f"{printable(value)}: it has a control character or line break in it, and becomes part of a systemd unit;"
            f" rename it."
        )
    escaped = value.replace("%", "%%")
    if form is Form.LINE:
        if not value or value != value.strip() or value.endswith("\\"):
            raise ConfigError(
                f"'{printable(value)}': systemd cannot name what is empty, begins or ends with a blank, or ends with a"
                f" backslash; rename it."
            )
        return Word(escaped)
    escaped = escaped.replace("\\", "\\\\").replace('"', '\\"')
    if form is Form.BIND:
        escaped = escaped.replace(":", "\\:")
    if form is Form.ARGUMENT:
        escaped = escaped.replace("$", "$$")
    return Word(f'"{escaped}"' if _needs_quotes(value) else escaped)


def _needs_quotes(value: str) -> bool:
    return not value or any(char.isspace() or char in "\"'\\;" for char in value)


def unit_text(template: str, **values: Word | UnitText) -> UnitText:
    """A template with its words filled in.

    :raises TypeError: a value is no word, which would be a fault of this collection's own.
    """
    for name, value in values.items():
        if not isinstance(value, (Word, UnitText)):
            raise TypeError(f"{name} is no word of a unit")
    return UnitText(template.format(**values))


def settings(name: str, words: Iterable[Word]) -> UnitText:
    """One setting, a line for each word."""
    return UnitText("".join(f"{name}={each}\n" for each in words))
