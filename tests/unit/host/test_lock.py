"""Two runs on one host exclude each other, whoever starts them."""

from __future__ import annotations

import os
import pathlib

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import EngineError
from ansible_collections.agentops.credentials.plugins.module_utils._host import lock as _lock


def test_a_second_run_waits_and_then_says_so(tmp_path: pathlib.Path) -> None:
    there = str(tmp_path)
    first, second = _lock.exclusive(0, there), _lock.exclusive(0.05, there)
    with first, pytest.raises(EngineError, match="another run changes"), second:
        pass
    with _lock.exclusive(0, there):
        pass


def test_the_lock_can_be_taken_by_every_user(tmp_path: pathlib.Path) -> None:
    before = os.umask(0o077)
    try:
        with _lock.exclusive(0, str(tmp_path)):
            pass
    finally:
        os.umask(before)
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o644


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file of somebody else's")
def test_root_takes_a_lock_that_another_user_has_made(tmp_path: pathlib.Path) -> None:
    tmp_path.chmod(0o1777)
    (tmp_path / "agentops-credentials.lock").touch(0o644)
    os.chown(tmp_path / "agentops-credentials.lock", 1000, 1000)
    with _lock.exclusive(0, str(tmp_path)):
        pass
