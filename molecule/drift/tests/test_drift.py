"""After all the drifts, each repaired by one run, the mirror is whole."""

from __future__ import annotations

import time
from typing import Any


def test_the_mirror_is_healthy_afterwards(agents: Any) -> None:
    status = agents.host.run("runuser -l drift -c '~/.local/bin/creds-mirror status'")
    assert status.rc == 0, status.stdout + status.stderr


def test_a_foreign_file_was_moved_and_not_deleted(agents: Any) -> None:
    assert agents.host.file(f"{agents.directory}.moved-aside/notes").exists
    assert agents.host.check_output(f"ls -A {agents.directory}") == ".credentials.json"


def test_it_mirrors_as_before(agents: Any) -> None:
    agents.login("atomic_rename", 99)
    end = time.monotonic() + 20
    while "access-000099" not in agents.host.file(agents.published).content_string:
        assert time.monotonic() < end, "the login is not published"
        time.sleep(0.1)
