"""The host on which things are as people have reported them."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator

import pytest
import testinfra.host

from testbed.field import Field

# Of each report the short form has what was reported; these are others of its kind, and what comes afterwards.
LONG = (
    "test_the_log_server_is_back_*",
    "test_a_lender_and_its_user_*True]",
    "test_a_bystander_who_has_its_volumes_*",
    "test_whoever_holds_on_to_a_container_*",
    "test_the_service_that_another_program_*",
    "test_a_replaced_file_can_be_accepted*",
    "test_binds_are_what_they_were_*",
    "test_what_goes_while_the_container_stands_still_*",
    "test_an_old_container_in_a_crash_loop_*",
    "test_a_program_that_takes_its_time_*",
    "test_after_a_stop_that_was_not_answered_*",
    "test_a_home_or_a_config_*",
    "test_pipes_and_pid_files_*",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.environ.get("FULL") == "1" or config.getoption("keyword"):
        return
    left_out = [item for item in items if any(fnmatch.fnmatch(item.name, pattern) for pattern in LONG)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="module")
def field(host: testinfra.host.Host) -> Iterator[Field]:
    """Without containers at the beginning and at the end of each file of tests."""
    field = Field(host, "field_reports")
    field.clear()
    yield field
    field.clear()
