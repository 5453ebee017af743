# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is accepted and what of it is published: tables over the pure functions, with the catalogue's own rules."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.agentops.credentials.plugins.module_utils._catalog.cli import as_dict
from ansible_collections.agentops.credentials.plugins.module_utils._catalog.rows import CATALOG

from .conftest import creds_mirror, login


def form(cli: str, content: bytes, publish: str = "access_only") -> bytes:
    return bytes(
        creds_mirror.published_form(content, {"rules": as_dict(CATALOG[cli])["mirror"], "publish": publish})[1]
    )


REFUSED = {
    "nothing": ("claude", b"", "empty"),
    "blanks": ("claude", b" \n\t", "empty"),
    "zeros after a crash": ("claude", b"\0" * 400, "empty"),
    "half": ("claude", login()[:-9], "not valid JSON"),
    "not UTF-8": ("claude", b'{"a": "\xff"}', "not valid JSON"),
    "two documents": ("claude", login() + login(), "not valid JSON"),
    "NaN": ("claude", b'{"claudeAiOauth": NaN}', "not valid JSON"),
    "too deep": ("claude", b"[" * 100_000, "not valid JSON"),
    "a list": ("claude", b"[]", "not a JSON object"),
    "another program's file": ("claude", b'{"hello": 1}', "no login"),
    "blanked by a rejected refresh": ("claude", login(accessToken=""), "no login"),
    "blank token": ("claude", login(accessToken=" "), "no login"),
    "token of another type": ("claude", login(accessToken=7), "no login"),
    "login of another type": ("claude", b'{"claudeAiOauth": "x"}', "no login"),
    "no scopes": ("claude", login(scopes=[]), "no scopes"),
    "scopes null": ("claude", login(scopes=None), "no scopes"),
    "codex logged out": ("codex", b'{"OPENAI_API_KEY": null, "tokens": null}', "no login"),
    "gemini empty": ("gemini", b'{"access_token": "", "refresh_token": ""}', "no login"),
    "opencode without provider": ("opencode", b"{}", "no login"),
    "copilot logged out": ("copilot", b'// comment\n{"authTokens": {"https://github.com:dev": {}}}', "no login"),
    "copilot of old, logged out": ("copilot", b'{"copilot_tokens": {}}', "no login"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("publish", ["access_only", "full"])
def test_what_is_no_login_is_refused(case: str, publish: str) -> None:
    cli, content, reason = REFUSED[case]
    with pytest.raises(creds_mirror.Refusal, match=reason) as refusal:
        form(cli, content, publish)
    assert refusal.value.status == 75
    assert "fake" not in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_number_that_json_cannot_hold_is_not_published() -> None:
    with pytest.raises(creds_mirror.Refusal, match="not valid JSON"):
        form("claude", login().replace(b"1900000000000", b"1e999"))


PUBLISHED: dict[str, tuple[str, bytes, Any]] = {
    "claude": (
        "claude",
        login(accountUuid="a"),
        {
            "claudeAiOauth": {
                "accessToken": "fake-access-token-0001",
                "expiresAt": 1_900_000_000_000,
                "scopes": ["user:inference"],
                "accountUuid": "a",
            }
        },
    ),
    "claude without refresh token": (
        "claude",
        b'{"claudeAiOauth": {"accessToken": "fake", "scopes": "a b"}}',
        {"claudeAiOauth": {"accessToken": "fake", "scopes": "a b"}},
    ),
    "codex": (
        "codex",
        b'{"OPENAI_API_KEY": null, "tokens": {"access_token": "fake", "refresh_token": "fake-r", "account_id": "1"}}',
        {"OPENAI_API_KEY": None, "tokens": {"access_token": "fake", "refresh_token": "", "account_id": "1"}},
    ),
    "codex with an API key": ("codex", b'{"OPENAI_API_KEY": "fake"}', {"OPENAI_API_KEY": "fake"}),
    "gemini needs its refresh token": (
        "gemini",
        b'{"access_token": "fake", "refresh_token": "fake-r", "expiry_date": 1}',
        {"access_token": "fake", "refresh_token": "fake-r", "expiry_date": 1},
    ),
    "opencode": (
        "opencode",
        b'{"a": {"type": "oauth", "access": "fake", "refresh": "fake-r"}, "b": {"type": "api", "key": "fake-k"}}',
        {"a": {"type": "oauth", "access": "fake", "refresh": ""}, "b": {"type": "api", "key": "fake-k"}},
    ),
    "copilot's comments": (
        "copilot",
        b'// managed\n{\n  // token\n  "authTokens": {"https://github.com:dev": {"token": "fake"}}, "firstLaunchAt": 1}',
        {"authTokens": {"https://github.com:dev": {"token": "fake"}}},
    ),
    "copilot's earlier form": (
        "copilot",
        b'{"copilot_tokens": {"https://host:user": "fake"}}',
        {"copilot_tokens": {"https://host:user": "fake"}},
    ),
}


@pytest.mark.parametrize("case", PUBLISHED)
def test_only_what_the_cli_needs_is_published(case: str) -> None:
    cli, content, expected = PUBLISHED[case]
    assert json.loads(form(cli, content)) == expected


@pytest.mark.parametrize("case", PUBLISHED)
def test_full_copies_the_bytes(case: str) -> None:
    cli, content, _expected = PUBLISHED[case]
    assert form(cli, content, "full") == content


OLDER = {
    "smaller expiry": ({"expires": 1}, {"expires": 2}, True),
    "equal expiry": ({"expires": 2}, {"expires": 2}, False),
    "greater expiry": ({"expires": 3}, {"expires": 2}, False),
    "same account": ({"expires": 1, "accountUuid": "a"}, {"expires": 2, "accountUuid": "a"}, True),
    "other account": ({"expires": 1, "accountUuid": "a"}, {"expires": 2, "accountUuid": "b"}, False),
    "account told only once": ({"expires": 1}, {"expires": 2, "accountUuid": "b"}, True),
    "no expiry": ({"expires": None}, {"expires": 2}, False),
    "expiry is text": ({"expires": "1"}, {"expires": 2}, False),
    "expiry is a truth value": ({"expires": False}, {"expires": 2}, False),
}


@pytest.mark.parametrize("case", OLDER)
def test_an_older_version_of_the_same_login_is_known(case: str) -> None:
    new, published, older = OLDER[case]
    rules = as_dict(CATALOG["claude"])["mirror"]
    assert creds_mirror.is_older(json.loads(login(**new)), json.loads(login(**published)), rules) is older


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
NAMES = st.sampled_from("claudeAiOauth accessToken refreshToken tokens refresh_token access refresh key scopes".split())
OBJECTS = st.dictionaries(NAMES, SCALARS | st.lists(SCALARS, max_size=2), max_size=4)
DOCUMENTS = st.dictionaries(NAMES, SCALARS | OBJECTS, max_size=4)


@given(document=DOCUMENTS, cli=st.sampled_from(sorted(CATALOG)))
def test_reducing_obeys_the_rules_and_is_stable(document: dict[str, Any], cli: str) -> None:
    rules = as_dict(CATALOG[cli])["mirror"]
    once = creds_mirror.reduce(document, rules)
    reduced = json.loads(once)
    assert creds_mirror.reduce(reduced, rules) == once
    assert set(reduced) <= set(rules["keep"] or document)
    assert not [value for path in rules["drop"] for value in creds_mirror.values_at(reduced, path)]
    assert {value for path in rules["blank"] for value in creds_mirror.values_at(reduced, path)} <= {""}


@given(content=st.binary(max_size=60) | DOCUMENTS.map(lambda document: json.dumps(document).encode()))
def test_any_bytes_are_published_or_refused(content: bytes) -> None:
    for cli in CATALOG:
        try:
            json.loads(form(cli, content))
        except creds_mirror.Refusal:
            continue
