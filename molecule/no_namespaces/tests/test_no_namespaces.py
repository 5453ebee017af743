"""After user namespaces were forbidden and allowed again, the mirror is whole, with its sandbox."""

from __future__ import annotations

from testbed.hosts import Agents


def test_the_mirror_is_healthy_afterwards(agents: Agents) -> None:
    agents.status()


def test_the_sandbox_is_whole_again(agents: Agents) -> None:
    properties = "--property=PrivateUsers,ProtectHome,PrivateNetwork"
    shown = agents.systemctl("show", properties, "claude-creds-mirror.service")
    assert sorted(shown.splitlines()) == ["PrivateNetwork=yes", "PrivateUsers=yes", "ProtectHome=tmpfs"]
