# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the module's options to specifications, and what is wrong with them."""

from __future__ import annotations

import json
import os
import pathlib
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._base.changes import Changes
from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import ConfigError, HostError
from ansible_collections.agentops.credentials.plugins.module_utils._host.users import User
from ansible_collections.agentops.credentials.plugins.module_utils._mirror import run, state
from ansible_collections.agentops.credentials.plugins.module_utils._mirror.check import require
from ansible_collections.agentops.credentials.plugins.module_utils._mirror.run import specifications
from ansible_collections.agentops.credentials.plugins.module_utils._mirror.spec import configuration

from .specs import DEV, SPEC

OPTIONS: dict[str, Any] = {
    "clis": ["claude"],
    "sources": {},
    "readers": {},
    "scope": "user",
    "place": "home",
    "root": "~/.config/claude-hooks",
    "publish": "access_only",
    "on_logout": "keep",
    "logout_grace": 60,
    "keep_warm": True,
    "keep_warm_environment": {},
    "notify": [],
    "metrics_directory": "",
    "guard_directory": False,
    "catalog": {},
}


def test_the_configuration_is_what_the_program_reads() -> None:
    document = json.loads(configuration(replace(SPEC, keep_warm=True)))
    assert document["directory"] == SPEC.directory and document["file"] == ".credentials.json"
    assert "claudeAiOauth.accessToken" in document["rules"]["keep"]
    assert document["keep_warm"] == ["claude", "mcp", "list"]
    assert json.loads(configuration(SPEC))["keep_warm"] is None


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "unknown CLI": ({"clis": ["clod"]}, "creds_mirror_clis: no agent CLI is named clod; choose from claude, "),
    "unknown CLI's source": ({"sources": {"clod": "/x"}}, "no agent CLI is named clod"),
    "relative root": ({"root": "hooks"}, "claude: creds_mirror_root is the relative path hooks"),
    "relative source": ({"sources": {"claude": "x"}}, "claude: creds_mirror_sources.claude is the relative path x"),
    "line break": (
        {"root": "/a\nb"},
        r"claude: /a\x0ab/claude-credentials: it has a control character or line break in it",
    ),
    "no variable": (
        {"keep_warm_environment": {"HTTPS PROXY": "x"}},
        "creds_mirror_keep_warm_environment: HTTPS PROXY is no name of a variable",
    ),
    "a password": (
        {"keep_warm_environment": {"HTTPS_PROXY": "http://me:fake-secret@proxy:3128"}},
        "creds_mirror_keep_warm_environment: HTTPS_PROXY holds a password, and it becomes part of a file; set it in dev's",
    ),
}


@pytest.mark.parametrize("case", FAULTS)
def test_wrong_settings_are_told_in_one_sentence(case: str) -> None:
    changes, sentence = FAULTS[case]
    with pytest.raises(ConfigError) as error:
        require(specifications({**OPTIONS, **changes}, DEV))
    assert error.value.faults[0].startswith(sentence) or sentence in error.value.faults[0]
    assert "fake-secret" not in str(error.value)


def test_a_cli_whose_client_cannot_renew_its_login_is_not_kept_warm() -> None:
    specs = specifications({**OPTIONS, "clis": ["claude", "opencode"]}, DEV)
    require(specs)
    assert [spec.keep_warm for spec in specs] == [True, False]


def test_all_faults_are_told_at_once() -> None:
    options = {**OPTIONS, "clis": ["claude", "codex"], "root": "x"}
    with pytest.raises(ConfigError) as error:
        require(specifications(options, DEV))
    assert len(error.value.faults) == 2


def test_sources_and_root_may_begin_with_the_home() -> None:
    (spec,) = specifications({**OPTIONS, "root": "~/r/", "sources": {"claude": "~/s/../login"}}, DEV)
    assert (spec.root, spec.source.path) == ("/home/dev/r", "/home/dev/login")


@pytest.mark.parametrize("home", ["/nonexistent", ""])
def test_a_user_without_a_home_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch, home: str) -> None:
    """nobody, or a home that was removed: on 0.2.0 a raw [Errno 2]."""
    nobody = User("nobody", os.geteuid(), os.getegid(), home)
    monkeypatch.setattr(run, "find_user", lambda _name: nobody)
    options = {**OPTIONS, "user": "nobody", "state": "present", "root": "/nonexistent/hooks"}
    options["sources"] = {"claude": "/nonexistent/login"}
    with pytest.raises(
        HostError, match=r"^creds_mirror_user: nobody has no home directory \(.+ is none\); make it, or"
    ):
        run.run(options, Changes(check_mode=True))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"refusal": {"reason": "it is empty"}}', "it is empty"),
        ('{"refusal": {"reason": "a\\u001b[2Jb"}}', "a\\x1b[2Jb"),
        ('{"refusal": {"reason": ["x"]}}', None),
        ('{"refusal": "x"}', None),
        ('{"refusal": null}', None),
        ("[]", None),
        ("[" * 100000, None),
        ("", None),
    ],
)
def test_a_refusal_is_read_from_whatever_the_state_file_holds(tmp_path: pathlib.Path, text: str, reason: str) -> None:
    spec = replace(SPEC, root=str(tmp_path))
    os.mkdir(spec.staging)
    pathlib.Path(spec.staging, "status.json").write_text(text)
    assert state.observe(spec)["refusal"] == reason


def test_a_state_file_that_is_a_fifo_holds_nobody(tmp_path: pathlib.Path) -> None:
    spec = replace(SPEC, root=str(tmp_path))
    os.mkdir(spec.staging)
    os.mkfifo(f"{spec.staging}/status.json")
    assert state.observe(spec)["refusal"] is None
