"""mal and his containers, put back as they were after each attack."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import testinfra.host

from testbed.attacks import FULL, Field

# The short form: the most telling test of each kind of attack, with its first cases; FULL=1 has all.
SHORT = {
    "test_what_the_audit_sees": 1,
    "test_root_changes_nothing_below_mals_directories": 1,
    "test_a_shared_directory_of_others_is_not_given_to_mal": 1,
    "test_a_login_of_others_is_not_mounted": 1,
    "test_in_the_place_of_root_mal_can_redirect_nothing": 1,
    "test_an_agents_json_that_a_container_can_write_is_refused": 1,
    "test_an_agents_json_that_others_can_write_is_refused": 1,
    "test_the_manifest_is_not_written_through_mals_links": 1,
    "test_an_agents_json_that_is_no_small_file_of_mals_is_refused_at_once": 1,
    "test_what_another_user_makes_at_the_locks_place_stops_nobody": 1,
    "test_a_hostile_passwd_file_concerns_its_own_container_alone": 1,
    "test_root_reads_nothing_for_a_container_that_is_not_of_its_own_root": 1,
    "test_a_hostile_file_name_reaches_no_terminal_as_it_is": 1,
    "test_the_link_does_not_land_on_a_bind_mount_of_the_host": 1,
    "test_a_fault_is_named_with_its_agent": 1,
    "test_a_swap_in_the_middle_of_a_run_wins_nothing": 1,
    "test_a_link_does_not_inject_lines_into_roots_units": 1,
    "test_each_python_package_is_pinned_with_its_hashes": 1,
    "test_each_npm_package_is_pinned_with_its_hash": 1,
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In the short form keep what it has: of each test on each host the first cases."""
    if FULL or config.getoption("keyword"):
        return
    left: dict[tuple[str, str], int] = {}
    kept = []
    for item in items:
        name = getattr(item, "originalname", item.name)
        host = next((one for one in ("bookworm", "trixie", "forky") if f"//{one}" in item.name), "")
        count = left[name, host] = left.get((name, host), 0) + 1
        if count <= SHORT.get(name, 0):
            kept.append(item)
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


@pytest.fixture
def field(host: testinfra.host.Host) -> Iterator[Field]:
    field = Field(host, "mal")
    field.undo()
    field.bring_modules()
    yield field
    field.undo()
