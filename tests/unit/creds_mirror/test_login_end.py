# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a login ends, by its file: the mirror's program and the modules read the same end."""

from __future__ import annotations

import base64
import dataclasses
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.agentops.credentials.plugins.module_utils._catalog.cli import AgentCli, MirrorRules, as_dict
from ansible_collections.agentops.credentials.plugins.module_utils._catalog.login_end import expiry
from ansible_collections.agentops.credentials.plugins.module_utils._catalog.rows import CATALOG

from .conftest import creds_mirror

NOW = 1_800_000_000
END, LATER = NOW + 3600, NOW + 7200


def jwt(claims: Any) -> str:
    header, payload = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (None, claims)
    )
    return f"{header}.{payload}.fake-signature"


def ends(cli: AgentCli, document: Any) -> tuple[float | None, str | None]:
    """The end as the mirror's program and as the modules read it."""
    rules = as_dict(cli)["mirror"]
    return creds_mirror.end_at(document, rules["expires"], rules, NOW), expiry(json.dumps(document).encode(), cli)


NUMBERS: dict[str, tuple[Any, str, float | None]] = {
    "milliseconds": (1_800_000_000_000, "ms", 1_800_000_000),
    "seconds": (1_800_000_000, "s", 1_800_000_000),
    "with a fraction": (1_800_000_000.5, "s", 1_800_000_000.5),
    "seconds for milliseconds": (1_800_000_000, "ms", None),
    "milliseconds for seconds": (1_800_000_000_000, "s", None),
    "microseconds": (1_800_000_000_000_000, "ms", None),
    "400 days": (1_834_559_999_000, "ms", 1_834_559_999),
    "more than 400 days": (1_834_560_001_000, "ms", None),
    "four hundred digits": (10**400, "ms", None),
    "four hundred digits of seconds": (-(10**400), "s", None),
    "long ended": (1_500_000_000_000, "ms", 1_500_000_000),
    "zero": (0, "ms", None),
    "negative": (-1, "ms", None),
    "text": ("1800000000000", "ms", None),
    "a truth value": (True, "s", None),
    "null": (None, "ms", None),
    "a JSON Web Token": (jwt({"exp": END}), "ms", END),
    "a JSON Web Token whose end is a text": (jwt({"exp": str(END)}), "ms", None),
    "one without an end": (jwt({}), "ms", None),
    "one that is a list": (jwt([END]), "ms", None),
    "one of no known letters": ("a.\u00e4\u00f6\u00fc.c", "ms", None),
    "a version": ("1.2.3", "ms", None),
    "an opaque token": ("fake-token", "ms", None),
}


@pytest.mark.parametrize("case", NUMBERS)
def test_an_end_that_cannot_be_is_unknown(case: str) -> None:
    value, unit, end = NUMBERS[case]
    rules = {"expires_unit": unit, "require": ["a.token"]}
    assert creds_mirror.end_at({"a": {"b": value}}, "a.b", rules, NOW) == end


def entry(end: Any) -> dict[str, Any]:
    return {"type": "oauth", "access": "fake", "refresh": "fake", "expires": end}


FILES: dict[str, tuple[str, Any, float | None]] = {
    "claude": ("claude", {"claudeAiOauth": {"accessToken": "fake", "expiresAt": END * 1000}}, END),
    "claude's that has no end": ("claude", {"claudeAiOauth": {"accessToken": "fake", "expiresAt": 0}}, None),
    "codex": ("codex", {"tokens": {"access_token": jwt({"exp": END})}, "OPENAI_API_KEY": None}, END),
    "codex with a key": ("codex", {"tokens": None, "OPENAI_API_KEY": "fake"}, None),
    "codex with an opaque token": ("codex", {"tokens": {"access_token": "fake"}}, None),
    "gemini, which renews it by itself": ("gemini", {"access_token": "fake", "refresh_token": "fake", "expiry_date": END * 1000}, None),
    "opencode with one provider": ("opencode", {"openai": entry(END * 1000)}, END),
    "opencode with two": ("opencode", {"a": entry(END * 1000), "b": entry(LATER * 1000)}, LATER),
    "opencode with one that has no end": ("opencode", {"a": entry(END * 1000), "b": entry(0)}, None),
    "opencode with a key, too": ("opencode", {"a": entry(END * 1000), "b": {"type": "api", "key": "fake"}}, None),
    "copilot": ("copilot", {"authTokens": {"x": {"token": "fake"}}}, None),
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
def test_the_end_of_a_row_of_the_catalogue(case: str) -> None:
    cli, document, end = FILES[case]
    read, told = ends(CATALOG[cli], document)
    assert (read, told) == (end, None if end is None else creds_mirror.utc(end))


VALUES = (
    st.integers(-(10**14), (NOW + 399 * 86400) * 1000)
    | st.floats(0, NOW * 1000)
    | st.sampled_from(["", "a.b.c", None, True, jwt({"exp": END}), jwt({"exp": None})])
)
DOCUMENTS = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
)


@given(
    document=DOCUMENTS, path=st.sampled_from(["a", ".a", "a.b", "*", "*.a", "a.*.b"]), unit=st.sampled_from(["ms", "s"])
)
@example(document={"a": 1_900_000_000}, path="*", unit="s")
def test_the_program_and_the_modules_agree(document: Any, path: str, unit: Any) -> None:
    rules = MirrorRules(require=("b", "*.c"), expires=path, expires_unit=unit)
    read, told = ends(dataclasses.replace(CATALOG["claude"], mirror=rules), document)
    if read is None and told is not None:
        assert told > creds_mirror.utc(NOW + 399 * 86400)  # only the program knows what is too far ahead
    else:
        assert told == (None if read is None else creds_mirror.utc(read))
