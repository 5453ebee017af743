# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program reads and writes JSON without importing ``json``: exactly as ``json`` does, and with it where it must."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .conftest import creds_mirror

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12)
# Texts that are nearly JSON: pieces of it in any order.
PIECES = st.lists(
    st.sampled_from(["{", "}", "[", "]", '"a"', ":", ",", "1", "-", "1e999", "NaN", "null", " ", "\ufeff"])
)


def strictly(text: str) -> Any:
    def refuse(_name: str) -> Any:
        raise ValueError

    return json.loads(text, parse_constant=refuse)


def outcome(decode: Callable[[str], Any], text: str) -> Any:
    try:
        return repr(decode(text))
    except ValueError:
        return ValueError


@given(value=VALUES)
def test_what_is_written_is_what_json_writes(value: Any) -> None:
    document = {"key": value}
    assert creds_mirror.encode(document) == json.dumps(document)
    assert creds_mirror.decode(json.dumps(document, indent=1)) == document


@given(text=PIECES.map("".join) | st.text(max_size=20) | VALUES.map(json.dumps))
def test_what_is_read_is_what_json_reads(text: str) -> None:
    assert outcome(creds_mirror.decode, text) == outcome(strictly, text)


def test_a_python_without_the_scanner_reads_and_writes_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "_json", None)
    assert creds_mirror.decode(' {"a": [1, 2.5, "\\u00e9"]}\n') == {"a": [1, 2.5, "é"]}
    assert creds_mirror.encode({"a": [1, 2.5, "é"]}) == '{"a": [1, 2.5, "\\u00e9"]}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        creds_mirror.encode({"a": float("inf")})


@pytest.mark.parametrize("text", ['{"a": NaN}', '{"a": -Infinity}', "", " ", "\ufeff{}", "{} {}", '{"a": "\n"}'])
def test_what_json_would_not_take_is_not_taken(text: str) -> None:
    assert outcome(creds_mirror.decode, text) is ValueError
