"""The engine's documents, read through names."""

from __future__ import annotations

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._engine.documents import with_variable


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("new", ["A=1", "X=new", "UNSET"]),
        (None, ["A=1", "UNSET"]),
    ],
)
def test_a_variable_is_set_in_its_place_or_removed(value: str | None, expected: list[str]) -> None:
    assert with_variable(["A=1", "X=old", "UNSET"], "X", value) == expected
    assert with_variable(None, "X", "1") == ["X=1"]
