"""Which known name a misspelt one is near to."""

from __future__ import annotations

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._base.near import nearest

KNOWN = ("creds_mirror_clis", "creds_mirror_user", "agent_containers_path", "placement", "mode", "name", "target")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("creds_mirror_cli", "creds_mirror_clis"),  # a letter too few
        ("creds_mirror_usr", "creds_mirror_user"),
        ("cred_mirror_usr", "creds_mirror_user"),  # two slips
        ("agent_containers_paht", "agent_containers_path"),  # neighbours exchanged count as one
        ("agent-containers-path", "agent_containers_path"),  # as in other programs
        ("Placement", "placement"),
        ("placment", "placement"),
        ("plcmnt", None),  # three
        ("taget", "target"),
        ("tagt", None),  # two, of a short word
        ("model", None),  # another word
        ("moed", "mode"),
        ("mode", None),  # known
        ("", None),
        ("x" * 100_000, None),
    ],
)
def test_nearest(name: str, near: str | None) -> None:
    assert nearest(name, KNOWN) == near
