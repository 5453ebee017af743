# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A value becomes part of a unit through one function, which escapes it or refuses it."""

from __future__ import annotations

import pathlib
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import ConfigError
from ansible_collections.agentops.credentials.plugins.module_utils._catalog.rows import CATALOG
from ansible_collections.agentops.credentials.plugins.module_utils._host.users import User
from ansible_collections.agentops.credentials.plugins.module_utils._mirror.check import require
from ansible_collections.agentops.credentials.plugins.module_utils._mirror.spec import MirrorSpec, Scope, Source
from ansible_collections.agentops.credentials.plugins.module_utils._mirror.unit_text import Form, unit_text, word

MIRROR = pathlib.Path(__file__).parents[3] / "plugins/module_utils/_mirror"
MAL = User("mal", 1003, 1003, "/home/mal")
LOGIN = "/home/mal/.claude/.credentials.json"
SPEC = MirrorSpec(CATALOG["claude"], MAL, "system", "/home/mal/.config/claude-hooks", Source(LOGIN, LOGIN))


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("bad", ["\n", "\r", "\0", "\t", "\x1b", "\x7f", "\x85", "\u2028", "\udcff"])
def test_what_breaks_a_line_or_is_no_text_is_refused(form: Form, bad: str) -> None:
    with pytest.raises(ConfigError, match=r"has a control character") as error:
        word(f"/a{bad}ExecStartPre=+/home/mal/e", form)
    assert bad not in str(error.value)


@pytest.mark.parametrize("value", ["/a\\", "/a ", " /a", ""])
def test_what_systemd_would_strip_or_continue_is_refused_where_it_cannot_be_quoted(value: str) -> None:
    with pytest.raises(ConfigError):
        word(value, Form.LINE)


@pytest.mark.parametrize(
    ("form", "value", "expected"),
    [
        (Form.LINE, "/a b/50%", "/a b/50%%"),
        (Form.LIST, "/a b/50%", '"/a b/50%%"'),
        (Form.LIST, "/a\\b", '"/a\\\\b"'),
        (Form.BIND, "/a:b", "/a\\:b"),
        (Form.ARGUMENT, "/a$HOME;", '"/a$$HOME;"'),
        (Form.ARGUMENT, '/a"b', '"/a\\"b"'),
    ],
)
def test_each_setting_has_its_own_way_to_escape(form: Form, value: str, expected: str) -> None:
    assert word(value, form) == expected


@given(st.text(max_size=30))
def test_a_word_is_one_line_whatever_the_value(value: str) -> None:
    for form in Form:
        try:
            text = unit_text("Key={value}\n", value=word(f"/{value}", form))
        except ConfigError:
            continue
        assert text.count("\n") == 1 and len(text.splitlines()) == 1
        assert re.search(r"(?<!%)(%%)*$", text.rstrip("\n")) and not re.search(r"(?<!\\)(\\\\)*\\\n", text)


def test_a_value_that_is_no_word_gets_into_no_unit() -> None:
    with pytest.raises(TypeError):
        unit_text("Key={value}\n", value="/a\nExecStartPre=+/e")  # type: ignore[arg-type]


def test_no_unit_is_written_in_another_way() -> None:
    """Templates are filled by ``unit_text`` only, and units are files of ``ensure_unit`` only."""
    texts = {path.name: path.read_text() for path in MIRROR.glob("*.py")}
    assert [name for name, text in texts.items() if re.search(r"\.format\(\*\*|\.format_map\(", text)] == [
        "unit_text.py"
    ]
    install = texts["install.py"]
    assert re.findall(r"ensure_file\(.*(?:units|UNITS).*", install) == []


@pytest.mark.parametrize("scope", ["user", "system"])
def test_a_link_cannot_inject_a_line_into_a_unit(scope: Scope) -> None:
    """On 0.2.0 in the scope system: ``/home/mal/x<LF>ExecStartPre=+/home/mal/e`` ran as root (attacks.md, 2)."""
    real = "/home/mal/x\nExecStartPre=+/home/mal/e/.credentials.json"
    with pytest.raises(ConfigError, match="control character"):
        require([replace(SPEC, scope=scope, source=Source(LOGIN, real))])


def test_in_the_system_scope_a_link_out_of_the_home_decides_nothing() -> None:
    spec = replace(SPEC, source=Source(LOGIN, "/home/alice/private/.credentials.json"))
    with pytest.raises(ConfigError, match=r"leads out of /home/mal .*creds_mirror_sources\.claude"):
        require([spec])
    require([replace(spec, scope="user")])
    require([replace(spec, source=Source(LOGIN, "/home/mal/elsewhere/login.json"))])


@pytest.mark.parametrize("name", ["a\nb", "..", "a/b", ""])
def test_a_users_name_that_no_path_can_hold_is_refused(name: str) -> None:
    with pytest.raises(ConfigError):
        require([replace(SPEC, user=replace(MAL, name=name))])
