"""What the module creds_mirror sends back to the controller."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from ansible.module_utils import basic

from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import HostError
from ansible_collections.agentops.credentials.plugins.module_utils._mirror import run as mirror_run
from ansible_collections.agentops.credentials.plugins.modules import creds_mirror


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (None, ""),
        (HostError("the disk is full"), "the disk is full"),
        (OSError(28, "No space left", "/home/dev"), "No space left"),
    ],
)
def test_the_programs_do_not_come_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fault: Exception | None, message: str
) -> None:
    def run(_options: Any, _changes: Any) -> list[Any]:
        if fault:
            raise fault
        return []

    arguments = {"program": "the-program", "start": "the-start", "keep_warm_environment": {"KEY": "fake-token-x"}}
    monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode())
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy")
    monkeypatch.setattr(mirror_run, "run", run)
    umask = os.umask(0o022)
    try:
        with pytest.raises(SystemExit):
            creds_mirror.main()
    finally:
        os.umask(umask)
    said = capsys.readouterr().out
    assert not {"the-program", "the-start", "fake-token-x"} & set(said.split('"'))
    told = json.loads(said)
    assert told["invocation"]["module_args"]["scope"] == "user"
    assert message in told.get("msg", "")
