"""mal and his containers, put back as they were after each attack."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import testinfra.host

from testbed.attacks import Field


@pytest.fixture
def field(host: testinfra.host.Host) -> Iterator[Field]:
    field = Field(host, "mal")
    field.undo()
    field.bring_modules()
    yield field
    field.undo()
