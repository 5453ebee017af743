# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of a mirror's own state a person is told by a run, and what not."""

from __future__ import annotations

import json
import pathlib
import tempfile
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.agentops.credentials.plugins.module_utils._mirror import state

from .specs import SPEC

WARM = replace(SPEC, keep_warm=True)


def life(name: str, sentence: str, well: bool) -> dict[str, Any]:
    return {"life": {"state": name, "sentence": sentence, "well": well}}


NO_CLIENT = {"client": {"path": None, "problem": "there is no program claude on this host"}}

SAID: dict[str, tuple[bool, dict[str, Any], str]] = {
    "all is well": (True, life("good", "good until T", True), ""),
    "nobody is asked": (True, life("ending", "ends in 4 min: nobody is asked to renew it", True), "the login of dev: ends in 4 min"),
    "nobody could be asked": (True, {**life("ending", "ends in 4 min: nobody can", True), **NO_CLIENT}, "claude: nobody renews the login"),
    "never a login": (False, life("none", "there is no login yet", False), "no login exists yet"),
    "logged out": (False, life("logged_out", "logged out: agents keep the last login", False), "the login of dev: logged out"),
    "ended": (True, life("ended", "ended 3 h ago; log in again", False), "claude: the login of dev: ended 3 h ago"),
    "three days ahead": (True, life("log_in", "log in again before T", True), "the login of dev: log in again before T"),
    "refused": (True, {**life("good", "g", True), "refusal": {"at": "T", "reason": "it is empty"}}, "is not published: it is empty"),
    "nobody renews it": (
        True,
        {**life("good", "g", True), **NO_CLIENT},
        "claude: nobody renews the login of dev when it ends, for there is no program claude on this host; agents then "
        "answer 401 until somebody logs in. Install a client as dev (npm install --global --prefix ~/.local "
        "@anthropic-ai/claude-code), or set creds_mirror_keep_warm to false",
    ),
    "nobody needs to": (True, {**life("good", "good, its end is unknown", True), **NO_CLIENT, "login": {"ends": None}}, ""),
    "an escape sequence": (True, life("ended", "a\x1b[2Jb", False), "a\\x1b[2Jb"),
}  # fmt: skip


@pytest.mark.parametrize("case", SAID)
def test_what_a_run_warns_of(tmp_path: pathlib.Path, case: str) -> None:
    is_there, kept, sentence = SAID[case]
    source = tmp_path / "login"
    if is_there:
        source.write_text("{}")
    spec = replace(WARM, root=str(tmp_path), source=replace(SPEC.source, path=str(source)))
    pathlib.Path(spec.staging).mkdir()
    pathlib.Path(spec.staging, "status.json").write_text(json.dumps(kept))
    said = state.warnings(spec, state.observe(spec))
    assert (len(said) == 1 and sentence in said[0]) if sentence else said == []


def test_a_client_that_was_removed_is_looked_for_again(tmp_path: pathlib.Path) -> None:
    spec = replace(WARM, root=str(tmp_path))
    client = tmp_path / "claude"
    pathlib.Path(spec.staging).mkdir()
    assert not state.has_client(spec)
    pathlib.Path(spec.staging, "status.json").write_text(json.dumps({"client": {"path": str(client), "problem": None}}))
    assert not state.has_client(spec)
    client.touch(mode=0o755)
    assert state.has_client(spec)


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    ["life", "client", "refusal", "state", "sentence", "well", "path", "problem", "reason"]
                ),
                inner,
            )
        ),
    )
)
def test_whatever_the_user_writes_there_is_data(kept: Any) -> None:
    with tempfile.TemporaryDirectory() as place:
        spec = replace(WARM, root=place)
        pathlib.Path(spec.staging).mkdir()
        pathlib.Path(spec.staging, "status.json").write_text(json.dumps(kept))
        for sentence in state.warnings(spec, state.observe(spec)):
            assert sentence.isprintable()
