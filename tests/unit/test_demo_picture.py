"""README's picture is one of today's demo."""

from __future__ import annotations

import hashlib
import pathlib

CHECKOUT = pathlib.Path(__file__).parents[2]


def test_the_picture_was_made_of_the_demo_as_it_is() -> None:
    """If this fails: make demo-picture."""
    files = sorted(path for path in (CHECKOUT / "examples/demo").iterdir() if path.suffix in (".py", ".json"))
    wanted = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]
    assert f"<!-- made by make demo-picture of {wanted} -->" in (CHECKOUT / "docs/demo.svg").read_text()
