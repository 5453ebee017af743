# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is accepted and what of it is published: tables over the pure functions, with the catalogue's own rules."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.agentops.credentials.plugins.module_utils._catalog.cli import as_dict
from ansible_collections.agentops.credentials.plugins.module_utils._catalog.override import with_overrides
from ansible_collections.agentops.credentials.plugins.module_utils._catalog.rows import CATALOG

from .conftest import END, creds_mirror, login


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
        form("claude", login().replace(str(END).encode(), b"1e999"))


PUBLISHED: dict[str, tuple[str, bytes, Any]] = {
    "claude": (
        "claude",
        login(accountUuid="a"),
        {
            "claudeAiOauth": {
                "accessToken": "fake-access-token-0001",
                "expiresAt": END,
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


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
NAMES = st.sampled_from(
    "claudeAiOauth accessToken refreshToken tokens refresh_token access refresh key scopes last_refresh token"
    " authTokens loggedInUsers refreshTokenBackup metadata".split()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)
DOCUMENTS = st.dictionaries(NAMES, VALUES, max_size=4)


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """(path, value) of each text, number, truth value and null, by a second way than the program's."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield from leaves(child, (*path, key))
    elif isinstance(value, list):
        for child in value:
            yield from leaves(child, (*path, "*"))
    else:
        yield path, value


def stands_for(pattern: str, path: tuple[str, ...]) -> bool:
    names = pattern.lstrip(".").split(".")
    # A list of plain values counts as one of them.
    return len(names) == len(path[: len(names)]) and all(
        name in ("*", key) for name, key in zip(names, path, strict=False)
    )


def leads_to(path: tuple[str, ...], pattern: str) -> bool:
    """Whether what is kept lies below the path."""
    names = pattern.lstrip(".").split(".")
    return len(names) > len(path) and stands_for(".".join(names[: len(path)]), path)


@example(document={"authTokens": {"claudeAiOauth": None}}, cli="copilot")
@given(document=DOCUMENTS, cli=st.sampled_from(sorted(CATALOG)))
def test_nothing_but_measured_keys_is_published_and_reducing_is_stable(document: dict[str, Any], cli: str) -> None:
    rules = as_dict(CATALOG[cli])["mirror"]
    try:
        once = creds_mirror.reduce(document, rules)
    except creds_mirror.Refusal:
        return
    reduced = json.loads(once)
    assert creds_mirror.reduce(reduced, rules) == once
    for path, value in leaves(reduced):
        measured = [pattern for pattern in rules["keep"] if stands_for(pattern, path)]
        is_null = value is None and any(leads_to(path, pattern) for pattern in rules["keep"])
        assert measured or is_null, path
        assert all(
            len(pattern.lstrip(".").split(".")) >= len([key for key in path if key != "*"]) for pattern in measured
        )
        allowed = any(stands_for(pattern, path) for pattern in (*rules["refresh"], *rules["blank"]))
        assert allowed or not value or not isinstance(value, str) or not any("refresh" in key.lower() for key in path)
    assert {value for path in rules["blank"] for value in creds_mirror.values_at(reduced, path.split("."))} <= {""}


SECRETS: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "another name of the refresh token": ("claude", {"refresh_token": "fake-token-r"}, ["claudeAiOauth.refresh_token"]),
    "a backup of it": ("claude", {"refreshTokenBackup": "fake-token-r"}, ["claudeAiOauth.refreshTokenBackup"]),
    "another token": ("claude", {"idToken": "fake-token-r"}, ["claudeAiOauth.idToken"]),
    "a nested one": ("claude", {"nested": {"refreshToken": "fake-token-r"}}, ["claudeAiOauth.nested"]),
    "below a known key": (
        "claude",
        {"subscriptionType": {"refreshToken": "fake-token-r"}},
        ["claudeAiOauth.subscriptionType"],
    ),
    "in a known list": ("claude", {"scopes": ["a", {"x": "fake-token-r"}]}, ["claudeAiOauth.scopes"]),
    "a key that may be a secret": ("claude", {"fake token": 1}, ["claudeAiOauth.?"]),
    "codex": (
        "codex",
        {"tokens": {"access_token": "fake", "session": "fake-token-r"}, "other": 1},
        ["other", "tokens.session"],
    ),
    "gemini": ("gemini", {"access_token": "fake", "other": "fake-token-r", "id_token": "fake-token-r"}, ["other"]),
    "opencode": ("opencode", {"some": {"access": "fake", "spare": "fake-token-r"}}, ["*.spare"]),
    "opencode, nested": (
        "opencode",
        {"some": {"access": "fake", "metadata": {"a": {"b": "fake-token-r"}}}},
        ["*.metadata.*"],
    ),
    "copilot": (
        "copilot",
        {"authTokens": {"host:name": {"token": "fake", "spare": "fake-token-r"}}},
        ["authTokens.*.spare"],
    ),
    "copilot's users": (
        "copilot",
        {"authTokens": {"a": {"token": "fake"}}, "loggedInUsers": [{"host": "h", "spare": "fake-token-r"}, 7]},
        ["loggedInUsers.*", "loggedInUsers.*.spare"],
    ),
}


@pytest.mark.parametrize("case", SECRETS)
def test_what_nobody_has_measured_is_not_published_and_is_reported(case: str) -> None:
    cli, part, unknown = SECRETS[case]
    document = json.loads(login(**part)) if cli == "claude" else part
    config = {"rules": as_dict(CATALOG[cli])["mirror"], "publish": "access_only"}
    content = creds_mirror.published_form(json.dumps(document).encode(), config)[1]
    assert b"fake-token-r" not in content
    assert creds_mirror.unknown_keys(document, config) == unknown
    assert creds_mirror.unknown_keys(document, {**config, "publish": "full"}) == []


def test_only_so_many_unknown_keys_are_listed() -> None:
    config = {"rules": as_dict(CATALOG["gemini"])["mirror"], "publish": "access_only"}
    names = creds_mirror.unknown_keys({f"key{number:03d}": 1 for number in range(100)}, config)
    assert names[:2] == ["key000", "key001"] and names[-1] == "and 80 more" and len(names) == 21


OWN: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "all but what is blanked": (
        {"require": ["access"], "blank": ["refresh"]},
        {"access": "fake", "refresh": "fake-r", "more": {"refresh_end": "soon"}},
        {"access": "fake", "refresh": "", "more": {"refresh_end": "soon"}},
    ),
    "top-level keys": (
        {"require": ["login.access"], "keep": ["login"], "drop": ["login.refresh"]},
        {"login": {"access": "fake", "refresh": "fake-r", "deep": {"er": [{"x": 1}]}}, "other": 1},
        {"login": {"access": "fake", "deep": {"er": [{"x": 1}]}}},
    ),
    "a path with a dot": (
        {"require": ["access"], "keep": [".access", "list.*.a"]},
        {"access": "fake", "list": [{"a": 1, "b": 2}, 3]},
        {"access": "fake", "list": [{"a": 1}]},
    ),
    "a refresh token that its row wants": (
        {"require": ["access"], "refresh": ["**"]},
        {"access": "fake", "refresh": "fake-r"},
        {"access": "fake", "refresh": "fake-r"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", OWN)
def test_rows_of_the_users_own_do_what_they_say(case: str) -> None:
    rules, document, expected = OWN[case]
    row = with_overrides(CATALOG, {"own": {"source": "a", "credential": "a", "config_dir": "b", "mirror": rules}})[
        "own"
    ]
    config = {"rules": as_dict(row)["mirror"], "publish": "access_only"}
    assert json.loads(creds_mirror.published_form(json.dumps(document).encode(), config)[1]) == expected


LOOKALIKES: dict[str, tuple[dict[str, Any], str | None]] = {
    "a text": ({"Refresh_Token": "fake-r"}, "Refresh_Token"),
    "in a list": ({"list": [{"xrefreshx": "fake-r"}]}, r"list\.\*\.xrefreshx"),
    "texts below it": ({"refresh": {"a": [{"b": "fake-r"}]}}, "refresh"),
    "below one that is allowed": ({"refreshes": {"refresh": "fake-r"}}, r"refreshes\.refresh"),
    "allowed": ({"refreshes": {"end": "soon"}, "deep": {"a": {"refresh": "x"}}}, None),
    "an empty text": ({"refresh": ""}, None),
    "a number": ({"refresh": 7}, None),
    "a truth value": ({"refresh": [True, None]}, None),
}


@pytest.mark.parametrize("case", LOOKALIKES)
def test_a_text_under_a_key_like_a_refresh_tokens_is_refused_at_last(case: str) -> None:
    document, name = LOOKALIKES[case]
    config = {"rules": {"require": ["access"], "refresh": ["refreshes", "deep.**"]}, "publish": "access_only"}
    content = json.dumps({"access": "fake", **document}).encode()
    if name is None:
        creds_mirror.published_form(content, config)
        return
    with pytest.raises(creds_mirror.Refusal, match=f"it holds {name}, which looks like a refresh token") as refusal:
        creds_mirror.published_form(content, config)
    assert refusal.value.status == 77 and "fake" not in str(refusal.value)
    assert creds_mirror.published_form(content, {**config, "publish": "full"})[1] == content


@pytest.mark.parametrize(("cli", "name"), [("copilot", "host:refresher"), ("opencode", "refresher")])
def test_a_name_is_no_field(cli: str, name: str) -> None:
    field = {"token": "fake"} if cli == "copilot" else {"access": "fake"}
    document = {"authTokens": {name: field}} if cli == "copilot" else {name: field}
    assert json.loads(form(cli, json.dumps(document).encode())) == document


@pytest.mark.parametrize("cli", CATALOG)
def test_every_row_of_the_catalogue_has_an_allow_list_and_the_last_check(cli: str) -> None:
    rules = CATALOG[cli].mirror
    assert rules.keep and all("." in path for path in rules.keep)
    assert not any(path.endswith("**") for path in rules.refresh)


@given(content=st.binary(max_size=60) | DOCUMENTS.map(lambda document: json.dumps(document).encode()))
def test_any_bytes_are_published_or_refused(content: bytes) -> None:
    for cli in CATALOG:
        try:
            json.loads(form(cli, content))
        except creds_mirror.Refusal:
            continue
