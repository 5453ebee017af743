"""README stays short, and each sentence that it guarantees has a test."""

from __future__ import annotations

import pathlib
import re

README = (pathlib.Path(__file__).parents[2] / "README.md").read_text()


def test_it_is_read_in_five_minutes() -> None:
    assert len(README.split()) <= 900


def test_each_guarantee_names_the_test_that_proves_it() -> None:
    section = README.split("**Guaranteed**")[1].split("**Not guaranteed**")[0]
    sentences = re.split(r"^\* ", section, flags=re.MULTILINE)[1:]
    assert len(sentences) >= 8
    assert [one for one in sentences if not re.search(r"/(tests/.*test_\w+\.py|scripts/molecule)\)", one)] == []
