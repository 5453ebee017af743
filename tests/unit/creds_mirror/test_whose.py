# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program works for the user who runs it alone: root, too, acts on nothing that another user has chosen."""

from __future__ import annotations

import json
import os
import pathlib

import pytest

from .conftest import Site, creds_mirror, login

COMMANDS = ["accept", "client", "keep-warm", "metrics", "notify", "publish", "rotate", "status", "verify"]


@pytest.fixture
def configured(site: Site, tmp_path: pathlib.Path) -> pathlib.Path:
    """A mirror whose client leaves a trace when it is run."""
    client = tmp_path / "client"
    client.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    client.chmod(0o755)
    site.write(login(expires=1))
    more = {"keep_warm": [str(client)], "notify": [str(client)], "metrics": str(tmp_path)}
    path = tmp_path / "claude.json"
    path.write_text(json.dumps({**site.config, **more}))
    return path


def snapshot(top: pathlib.Path) -> list[tuple[str, int]]:
    return sorted((str(path), path.lstat().st_ino) for path in top.rglob("*"))


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("whose", ["the configuration", "the directory"])
def test_root_does_not_run_what_another_user_has_configured(
    configured: pathlib.Path, site: Site, monkeypatch: pytest.MonkeyPatch, command: str, whose: str
) -> None:
    """Before, sudo creds-mirror client with a user's configuration ran the program that this names, as root."""
    before = snapshot(configured.parent)
    directory = site.source.parent if command == "rotate" else site.directory
    number = os.stat(configured if whose == "the configuration" else directory).st_ino
    fstat = os.fstat

    def foreign(descriptor: int) -> os.stat_result:
        status = fstat(descriptor)
        return os.stat_result((*status[:4], 4711, *status[5:])) if status.st_ino == number else status

    monkeypatch.setattr(os, "fstat", foreign)
    assert creds_mirror.main([command, str(configured)]) == creds_mirror.REFUSED
    assert snapshot(configured.parent) == before


def test_who_runs_it_is_told_as_whom(
    configured: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: real + 1)
    if real == 0:
        os.chown(configured, 4711, 4711)
    assert creds_mirror.main(["status", str(configured)]) == creds_mirror.REFUSED
    owner = 4711 if real == 0 else real
    assert capsys.readouterr().err == f"{configured} belongs to uid {owner}: run it as that user (sudo -u '#{owner}')\n"
