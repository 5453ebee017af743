"""What the pages name exists: scripts/check-docs-paths."""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess
import sys
from typing import Any

import pytest

SCRIPT = pathlib.Path(__file__).parents[2] / "scripts/check-docs-paths"


def check(root: pathlib.Path, page: str) -> tuple[int, str]:
    """Status and output of the script in a small checkout that has this page."""
    for file in ("scripts/check-docs-paths", "docs/other.md", "plugins/_host/lock.py", "molecule/refresh/molecule.yml"):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text("# Big words, `here`\n")
    shutil.copy(SCRIPT, root / "scripts")
    specs: dict[str, Any] = {"argument_specs": {"main": {"options": {"creds_mirror_user": {}}}}}
    for file, content in {"meta/argument_specs.yml": json.dumps(specs), "files/creds_mirror.py": 'g("state")'}.items():
        (root / "roles/creds_mirror" / file).parent.mkdir(parents=True, exist_ok=True)
        (root / "roles/creds_mirror" / file).write_text(content)
    (root / "docs/shown.svg").touch()
    page = f"{page}\n\n![A picture](shown.svg)"
    (root / "Makefile").write_text("unit: venv\n\t@pytest\n\nvenv:\n")
    (root / "docs/page.md").write_text(f"# Page\n\n{page}\n")
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    command = [sys.executable, str(root / "scripts/check-docs-paths")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


THERE = [
    "[a](other.md) [b](../plugins/_host/lock.py) [c](#page) [d](other.md#big-words-here) [e](https://example.org/x)",
    "`docs/other.md`, `plugins/`, `_host/lock.py`, `lock.py`, `plugins/*/lock.py`, `scripts/check-docs-paths --x`",
    "`make unit venv`, `make`, `make molecule_is_not_a_word`, `SCENARIO=refresh`, `SCENARIO=NAME`",
    "`docs/NAME.md`, `molecule/<behaviour>/`, `molecule/…`, `~/x.py`, `/etc/x.py`, `status.json`, `a/b`",
    "```yaml\npath: docs/gone.md\n```",
    "`creds_mirror_user`, `creds_mirror_state` (a metric), `creds_mirror_result`, `agent_containers`",
    "```yaml\ncreds_mirror_user: dev\n```",
    "[a](https://github.com/agentops/credentials/blob/main/docs/other.md#big-words-here)",
]
GONE = {
    "[a](gone.md)": "the link gone.md leads to no file",
    "[a](other.md#small-words)": "the link other.md#small-words leads to no heading",
    "[a](#gone)": "the link #gone leads to no heading",
    "`docs/gone`": "docs/gone does not exist",
    "`_host/gone.py`": "_host/gone.py does not exist",
    "see `gone.py`.": "gone.py does not exist",
    "`plugins/*/gone.py`": "plugins/*/gone.py does not exist",
    "`cp docs/other.md docs/gone.md`": "docs/gone.md does not exist",
    "`make unit gone`": "make gone is no target of the Makefile",
    "```console\nmake gone   # unit\n```": "make gone is no target of the Makefile",
    "```console\nscripts/gone --all\n```": "scripts/gone does not exist",
    "`creds_mirror_usr`": "creds_mirror_usr is no variable",
    "```yaml\nagent_containers_pth: x\n```": "agent_containers_pth is no variable",
    "```console\nansible-playbook -e creds_mirror_gone=1 site\n```": "creds_mirror_gone is no variable",
    "[a](https://github.com/agentops/credentials/blob/main/docs/gone.md)": "the link gone.md leads to no file",
    "`make unit SCENARIO=gone`": "SCENARIO=gone is no scenario",
}


@pytest.mark.parametrize("page", THERE)
def test_what_is_there_or_is_none_of_ours_passes(tmp_path: pathlib.Path, page: str) -> None:
    assert check(tmp_path, page) == (0, "")


@pytest.mark.parametrize("page", GONE)
def test_what_is_gone_is_named(tmp_path: pathlib.Path, page: str) -> None:
    assert check(tmp_path, page) == (1, f"docs/page.md: {GONE[page]}.\n")


def test_a_picture_that_no_page_shows_is_named(tmp_path: pathlib.Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/unseen.png").touch()
    assert check(tmp_path, "") == (1, "docs/unseen.png: no page shows it.\n")


def test_links_below_a_directory_lead_to_files_of_it(tmp_path: pathlib.Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("[a](docs) [b](#x) [c](https://example.org) [d](gone.md#x)")
    command = [sys.executable, str(SCRIPT), "--of", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, "README.md: the link gone.md#x leads to no file.\n")
