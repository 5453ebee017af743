"""Binds of ``HostConfig`` as the engine takes them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._engine.mounts import binds_as_mounts


@pytest.mark.parametrize(
    ("bind", "mount"),
    [
        ("/a:/b", {"ReadOnly": False}),
        ("/a:/b:ro", {"ReadOnly": True}),
        ("/a:/b:rw,rslave", {"ReadOnly": False, "BindOptions": {"Propagation": "rslave"}}),
        ("/a:/b:shared,ro", {"ReadOnly": True, "BindOptions": {"Propagation": "shared"}}),
        ("/a:/b:cached", {"ReadOnly": False, "Consistency": "cached"}),
        ("/a:/b:z", None),
        ("/a:/b:ro,Z", None),
        ("/a:/b:what-comes-later", None),
        ("volume:/b:nocopy", None),
        ("/b", None),
    ],
)
def test_a_bind_of_a_path_is_stated_so_that_the_engine_makes_no_source(bind: str, mount: dict[str, Any] | None) -> None:
    stated = binds_as_mounts({"Binds": [bind, "other:/c"], "Mounts": None, "Memory": 1})
    kept = ["other:/c"] if mount else [bind, "other:/c"]
    mounts = [{"Type": "bind", "Source": "/a", "Target": "/b", **mount}] if mount else stated["Mounts"] or []
    assert stated["Binds"] == kept
    assert (stated["Mounts"] or []) == mounts
    assert stated["Memory"] == 1
