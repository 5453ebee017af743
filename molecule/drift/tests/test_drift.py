"""After all the drifts, each repaired by one run, the mirror is whole."""

from __future__ import annotations

from testbed.hosts import Agents


def test_the_mirror_is_healthy_afterwards(agents: Agents) -> None:
    agents.status()


def test_a_foreign_file_was_moved_and_not_deleted(agents: Agents) -> None:
    assert agents.host.file(f"{agents.directory}.moved-aside/notes").exists
    assert agents.host.check_output(f"ls -A {agents.directory}") == ".credentials.json"


def test_it_mirrors_as_before(agents: Agents) -> None:
    agents.login("atomic_rename", 99)
    agents.wait_until_published(99)
