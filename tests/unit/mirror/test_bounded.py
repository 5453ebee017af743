# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A program that the user can replace is waited for within bounds, and leaves no process behind."""

from __future__ import annotations

import os
import pathlib
import time

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import HostError
from ansible_collections.agentops.credentials.plugins.module_utils._mirror import install


def python(tmp_path: pathlib.Path, text: str) -> str:
    script = tmp_path / "start.py"
    script.write_text(text)
    return install._python(str(script), "--kept")


def test_what_it_says_last_is_the_fault(tmp_path: pathlib.Path) -> None:
    assert python(tmp_path, "import sys; sys.exit('first\\nlast line')") == "last line"
    assert python(tmp_path, "raise SystemExit(3)") == "it ended with an error"
    assert python(tmp_path, "") == ""


def test_endless_output_is_not_kept(tmp_path: pathlib.Path) -> None:
    text = "import sys\nfor _ in range(300): sys.stderr.write('x' * 99999 + '\\n')\nsys.exit('\\x1b[31mend')"
    assert python(tmp_path, text) == "\\x1b[31mend"


@pytest.mark.parametrize("parent_ends", [True, False])
def test_a_grandchild_with_the_pipe_cannot_hold_the_run(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, parent_ends: bool
) -> None:
    """On 0.2.0 the run waited for the pipe's end, which a grandchild held (attacks.md, 21)."""
    monkeypatch.setattr(install, "_PYTHON_SECONDS", 1.0)
    note = tmp_path / "pid"
    text = (
        "import os, time\npid = os.fork()\n"
        f"if pid == 0: time.sleep(60)\nopen({str(note)!r}, 'w').write(str(pid))\n"
        f"if not {parent_ends}: time.sleep(60)\n"
    )
    begin = time.monotonic()
    if parent_ends:
        assert python(tmp_path, text) == ""
    else:
        with pytest.raises(HostError, match="did not end within"):
            python(tmp_path, text)
    assert time.monotonic() - begin < 10
    end = time.monotonic() + 5
    while os.path.exists(f"/proc/{note.read_text()}/stat"):
        if pathlib.Path(f"/proc/{note.read_text()}/stat").read_text().split()[2] == "Z":
            break
        assert time.monotonic() < end, "the grandchild still runs"
        time.sleep(0.05)
