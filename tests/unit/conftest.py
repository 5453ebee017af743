"""What the tests of several packages share."""

from __future__ import annotations

import pytest
from hypothesis import settings

from ansible_collections.agentops.credentials.plugins.module_utils._containers import verify

from . import fakes
from .world import World

# How long an example takes says how busy the machine is.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setattr(verify, "_SETTLED", 0.0)
    engine = fakes.FakeEngine(fakes.recorded("boss_file_mount.json"))
    return World(engine, fakes.FakeHost(engine))
