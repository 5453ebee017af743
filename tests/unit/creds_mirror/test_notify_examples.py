# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands that docs/mirror.md gives for creds_mirror_notify bring the message to a person."""

from __future__ import annotations

import http.server
import json
import pathlib
import shutil
import socketserver
import threading

import pytest
import yaml

from .conftest import creds_mirror

PAGE = (pathlib.Path(__file__).parents[3] / "docs/mirror.md").read_text()
EXAMPLES = [
    yaml.safe_load(line)["creds_mirror_notify"]
    for line in PAGE.splitlines()
    if line.startswith("creds_mirror_notify: [")
]
MESSAGE = {"cli": "claude", "state": "ended", "sentence": 'ended 3 h ago; it\'s "over"', "refusal": None}


def example(program: str) -> list[str]:
    (command,) = [one for one in EXAMPLES if program in " ".join(one)]
    return list(command)


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_a_webhook_gets_the_message_as_json() -> None:
    got: list[tuple[str, bytes]] = []

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.headers["Content-Type"], self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200 if len(got) == 1 else 503)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            """Nobody reads it."""

    # Not HTTPServer, which asks for its own name.
    with socketserver.TCPServer(("127.0.0.1", 0), Hook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        *command, _url = example("curl")
        command.append(f"http://127.0.0.1:{server.server_address[1]}/agents")
        assert creds_mirror.run_notification(command, MESSAGE) is None
        assert creds_mirror.run_notification(command, MESSAGE) == "ended with status 22", "it is tried again"
        server.shutdown()
    assert (got[0][0], json.loads(got[0][1])) == ("application/json", MESSAGE)


# The program; its last argument, or None; whether the message is its standard input.
PROGRAMS: dict[str, tuple[str | None, bool]] = {
    "mail": ("ops@example.com", True),
    "wall": (json.dumps(MESSAGE), False),
    "notify-send": (str(MESSAGE["sentence"]), False),
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_person_is_told_by_another_program(
    program: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Played by one that keeps its arguments; that the real ones do it was seen once, by hand."""
    if program == "notify-send" and not shutil.which("jq"):
        pytest.skip("jq is not installed")
    argument, is_input = PROGRAMS[program]
    player = tmp_path / program
    player.write_text(f'#!/bin/sh\nfor last; do :; done\nprintf %s "$last" >{tmp_path}/last\ncat >{tmp_path}/input\n')
    player.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert creds_mirror.run_notification(example(program), MESSAGE) is None
    assert (tmp_path / "last").read_text() == argument
    assert not is_input or json.loads((tmp_path / "input").read_text()) == MESSAGE
