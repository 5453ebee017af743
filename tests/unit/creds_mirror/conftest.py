# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The mirror program as a module, and mirrors on temporary directories."""

from __future__ import annotations

import importlib.util
import json
import os
import pathlib
import sys
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._catalog.cli import as_dict
from ansible_collections.agentops.credentials.plugins.module_utils._catalog.rows import CATALOG

PROGRAM = pathlib.Path(__file__).parents[3] / "roles" / "creds_mirror" / "files" / "creds_mirror.py"


def load() -> ModuleType:
    specification = importlib.util.spec_from_file_location("creds_mirror", PROGRAM)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    writing, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        specification.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = writing
    return module


creds_mirror = load()


# When a login ends, in milliseconds; long after the tests.
END = (int(time.time()) + 8 * 3600) * 1000


def login(number: str = "0001", expires: int = END, **more: Any) -> bytes:
    """The bytes of a claude credential file with a fake login."""
    return json.dumps(
        {
            "claudeAiOauth": {
                "accessToken": f"fake-access-token-{number}",
                "refreshToken": f"fake-refresh-token-{number}",
                "expiresAt": expires,
                "scopes": ["user:inference"],
                **more,
            },
            "mcpOAuth": {"other": "fake-other-secret"},
        }
    ).encode()


class Site:
    """A home directory with a source, a credentials directory and a staging directory."""

    def __init__(self, home: pathlib.Path, cli: str = "claude", **changes: Any) -> None:
        row = as_dict(CATALOG[cli])
        root = home / ".config" / "claude-hooks"
        self.source = home / row["source"]
        self.directory = root / f"{cli}-credentials"
        self.staging = root / f".{cli}-credentials.staging"
        for path in (self.source.parent, self.directory, self.staging):
            path.mkdir(parents=True, mode=0o700)
        self.target = self.directory / row["file"]
        self.config: dict[str, Any] = {
            "cli": cli,
            "source": str(self.source),
            "directory": str(self.directory),
            "file": row["file"],
            "publish": "access_only",
            "rules": row["mirror"],
            "on_logout": "keep",
            "grace": 60,
            "keep_warm": None,
            "units": [],
            "scope": "user",
            **changes,
        }

    def write(self, content: bytes) -> None:
        self.source.write_bytes(content)

    def publish(self, **options: Any) -> int:
        umask = os.umask(0o077)
        try:
            return int(creds_mirror.publish(self.config, **options))
        finally:
            os.umask(umask)

    @property
    def published(self) -> bytes | None:
        return self.target.read_bytes() if self.target.exists() else None

    @property
    def state(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.staging / "status.json").read_bytes())
        return content

    def reduced(self, content: bytes) -> bytes:
        """What an acceptable source is published as."""
        return bytes(creds_mirror.published_form(content, self.config)[1])


class Clock:
    """The three clocks of a machine, in the hands of a test; it is the mirror's while in a ``patched`` block."""

    def __init__(self, time: float) -> None:
        self.boot, self.uptime, self.time = "boot-1", 1000.0, time

    def __call__(self) -> dict[str, Any]:
        return {"boot": self.boot, "uptime": self.uptime, "time": self.time}

    def sleep(self, seconds: float) -> None:
        """So much passes, in a suspend or not."""
        self.uptime += seconds
        self.time += seconds

    def reboot(self, seconds: float = 30) -> None:
        self.boot += "'"
        self.time += seconds
        self.uptime = seconds


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The mirror's clock, which begins now; a pause takes no time."""
    clock = Clock(float(int(time.time())))
    monkeypatch.setattr(creds_mirror, "clock", clock)
    monkeypatch.setattr(creds_mirror, "pause", clock.sleep)
    return clock


@pytest.fixture(autouse=True)
def the_umask_is_put_back() -> Iterator[None]:
    """Each command of the program sets its own."""
    umask = os.umask(0o022)
    os.umask(umask)
    yield
    os.umask(umask)


@pytest.fixture
def site(tmp_path: pathlib.Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait ten seconds for a source that never holds still, nor for a lock."""
    monkeypatch.setattr(creds_mirror, "STABLE_SECONDS", 0.05)
    monkeypatch.setattr(creds_mirror, "LOCK_SECONDS", 0.05)
    monkeypatch.setattr(creds_mirror, "STEP_SECONDS", 0.001)
