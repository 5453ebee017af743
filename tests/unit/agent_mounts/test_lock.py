"""Two runs on one host exclude each other."""

from __future__ import annotations

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils import _lock
from ansible_collections.agentops.credentials.plugins.module_utils._errors import EngineError


def test_a_second_run_waits_and_then_says_so() -> None:
    with _lock.exclusive(0), pytest.raises(EngineError, match="another run changes"), _lock.exclusive(0.05):
        pass
    with _lock.exclusive(0):
        pass
