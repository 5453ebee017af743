"""After user namespaces were forbidden and allowed again, the mirror is whole, with its sandbox."""

from __future__ import annotations

from typing import Any


def test_the_mirror_is_healthy_afterwards(agents: Any) -> None:
    status = agents.host.run("runuser -l no_namespaces -c '~/.local/bin/creds-mirror status'")
    assert status.rc == 0, status.stdout + status.stderr


def test_the_sandbox_is_whole_again(agents: Any) -> None:
    properties = "--property=PrivateUsers,ProtectHome,PrivateNetwork"
    shown = agents.systemctl("show", properties, "claude-creds-mirror.service")
    assert sorted(shown.splitlines()) == ["PrivateNetwork=yes", "PrivateUsers=yes", "ProtectHome=tmpfs"]
