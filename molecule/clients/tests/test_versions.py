"""The agent CLIs are the real ones, at the versions that docs/agent-clis-proof.md names."""

from __future__ import annotations

from typing import Any

import pytest

VERSIONS = {
    "claude": "2.1.330 (Claude Code)",
    "claude-2.1.110": "2.1.110 (Claude Code)",
    "codex": "codex-cli 0.169.0",
    "gemini": "0.61.0",
    "opencode": "1.18.33",
    "copilot": "GitHub Copilot CLI 1.0.102.",
}


@pytest.mark.parametrize("cli", list(VERSIONS))
def test_it_says_its_version_and_asks_nobody(clients: Any, cli: str) -> None:
    mark = clients.mark()
    said = clients.host.check_output(f"docker exec {clients.container(cli)} {cli} --version")
    assert said.splitlines()[0] == VERSIONS[cli]
    assert clients.requests(mark) == []
