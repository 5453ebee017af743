"""The host on which things are as people have reported them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import testinfra.host

from testbed.field import Field


@pytest.fixture(scope="module")
def field(host: testinfra.host.Host) -> Iterator[Field]:
    """Without containers at the beginning and at the end of each file of tests."""
    field = Field(host, "field_reports")
    field.clear()
    yield field
    field.clear()
