# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a login ends, by what its file tells: the rule of ``end_at`` in the mirror's own program. Pure."""

from __future__ import annotations

import binascii
import datetime
import json
from typing import Any, Iterator

from .cli import AgentCli, MirrorRules

_EARLIEST = 100_000_000
"""Seconds since the epoch: what ends before 1973 is no end."""


def expiry(content: bytes | None, cli: AgentCli) -> str | None:
    """When the access token in ``content`` ends, as ISO 8601 in UTC; ``None`` if it does not say.

    A login of several tokens, as a path with ``*`` finds them, goes on until the last of them ends.
    """
    rules = cli.mirror
    if content is None or rules.expires is None:
        return None
    try:
        document: Any = json.loads(content)
        ends = [_end_of(value, rules) for value in _found_at(document, rules.expires)]
        is_endless = "*" in rules.expires.split(".") and len(ends) < len(_tokens_of(document, rules))
        if is_endless or not ends or not all(end > _EARLIEST for end in ends):
            return None
        moment = datetime.datetime.fromtimestamp(max(ends), datetime.timezone.utc)
    except (ValueError, TypeError, LookupError, OverflowError, OSError, RecursionError):
        return None
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _end_of(value: Any, rules: MirrorRules) -> float:
    """The end that a value tells, in seconds since the epoch: a number, or a JSON Web Token's ``exp`` (RFC 7519)."""
    if isinstance(value, str) and value.count(".") == 2:
        claims = value.split(".")[1].replace("-", "+").replace("_", "/")
        end = json.loads(binascii.a2b_base64(claims + "=" * (-len(claims) % 4)))["exp"]
        return _number(end)
    return _number(value) / (1000 if rules.expires_unit == "ms" else 1)


def _number(value: Any) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise TypeError
    return float(value)


def _found_at(document: Any, path: str) -> Iterator[Any]:
    found = [document]
    for key in path.lstrip(".").split("."):
        found = [child for value in found for child in _children(value, key)]
    return iter(found)


def _children(value: Any, key: str) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values()) if key == "*" else [value[key]] if key in value else []
    return list(value) if isinstance(value, list) and key == "*" else []


def _tokens_of(document: Any, rules: MirrorRules) -> list[str]:
    found = (value for path in rules.require for value in _found_at(document, path))
    return [value for value in found if isinstance(value, str) and value.strip()]
