"""An agent container next to all that is odd is served as ever."""

from __future__ import annotations

from testbed.field import Field


def test_an_agent_container_is_served(field: Field) -> None:
    field.start("after")
    succeeded, result = field.serve("after")
    assert succeeded, result
    assert field.names() == {"after": "running"}
    assert field.is_served("after")
