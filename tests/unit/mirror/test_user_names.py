# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever a user is called, systemd finds his units under the names that it expects."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from dataclasses import replace

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._catalog.rows import CATALOG
from ansible_collections.agentops.credentials.plugins.module_utils._host.users import User
from ansible_collections.agentops.credentials.plugins.module_utils._mirror.check import require
from ansible_collections.agentops.credentials.plugins.module_utils._mirror.spec import MirrorSpec, Source
from ansible_collections.agentops.credentials.plugins.module_utils._mirror.units import units

NAMES = {
    "dev": "dev",
    "j.doe": "j.doe",
    ".hidden": r"\x2ehidden",
    "my-user": r"my\x2duser",
    "CORP\\alice": r"CORP\x5calice",
    "bob@corp.example": r"bob\x40corp.example",
    "jürgen": r"j\xc3\xbcrgen",
    "машина": r"\xd0\xbc\xd0\xb0\xd1\x88\xd0\xb8\xd0\xbd\xd0\xb0",
    "pc$": r"pc\x24",
    "John Doe": r"John\x20Doe",
    "50%": r"50\x25",
    "1000": "1000",
}


def spec_of(name: str) -> MirrorSpec:
    home = f"/home/{name}"
    login = f"{home}/.claude/.credentials.json"
    user = User(name, 3001, 3001, home)
    return MirrorSpec(CATALOG["claude"], user, "system", f"{home}/.config/claude-hooks", Source(login, login))


@pytest.mark.parametrize("name", NAMES)
def test_the_instance_is_the_name_as_systemd_escapes_it(name: str) -> None:
    spec = spec_of(name)
    assert spec.unit("mirror", "path") == f"claude-creds-mirror@{NAMES[name]}.path"
    escape = shutil.which("systemd-escape")
    if escape:
        answer = subprocess.run([escape, "--", name], check=True, capture_output=True, text=True).stdout
        assert answer.strip() == NAMES[name]


@pytest.mark.parametrize("name", NAMES)
def test_each_unit_names_the_others_and_the_user_by_his_number(name: str) -> None:
    spec = replace(spec_of(name), keep_warm=True)
    require([spec])
    for unit, text in units(spec).items():
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        parser.read_string(text)
        is_users = unit.endswith(".service") and "rewatch" not in unit
        assert (parser["Service"]["User"] if is_users else "3001") == "3001"
    service = units(spec)[spec.unit("mirror", "service")]
    assert f"\nOnSuccess={spec.verify_service}\n" in service


def test_units_under_the_unescaped_name_of_earlier_versions_are_former_ones() -> None:
    assert spec_of("dev").former_units == ()
    assert "claude-creds-mirror@my-user.path" in spec_of("my-user").former_units
    assert replace(spec_of("my-user"), scope="user").former_units == ()
