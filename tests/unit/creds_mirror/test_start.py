# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the units start the program: from byte code if it fits, from the source whatever is wrong with it."""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest

from .conftest import PROGRAM, Site, login


class Library:
    """The program installed, as the module does it."""

    def __init__(self, path: pathlib.Path) -> None:
        self.start = pathlib.Path(shutil.copy(PROGRAM.with_name("start.py"), path))
        self.program = pathlib.Path(shutil.copy(PROGRAM, path))
        self.code = path / "creds_mirror.code"

    def run(self, *arguments: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-S", *options, str(self.start), *arguments]
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)

    @property
    def is_kept(self) -> bool:
        return self.run("--kept").returncode == 0


@pytest.fixture
def library(tmp_path: pathlib.Path) -> Library:
    path = tmp_path / "lib"
    path.mkdir()
    library = Library(path)
    assert not library.is_kept
    assert library.run("--keep").returncode == 0
    assert library.is_kept
    return library


def other_python(code: pathlib.Path) -> None:
    content = code.read_bytes()
    code.write_bytes(b"\x00\x00\r\n" + content[4:])


def truncated(code: pathlib.Path) -> None:
    code.write_bytes(code.read_bytes()[:-100])


def damaged(code: pathlib.Path) -> None:
    content = bytearray(code.read_bytes())
    content[len(content) // 2] ^= 0xFF
    code.write_bytes(content)


def empty(code: pathlib.Path) -> None:
    code.write_bytes(b"")


def missing(code: pathlib.Path) -> None:
    code.unlink()


def directory(code: pathlib.Path) -> None:
    code.unlink()
    code.mkdir()


def unreadable_link(code: pathlib.Path) -> None:
    code.unlink()
    code.symlink_to("/nowhere")


@pytest.mark.parametrize("spoil", [other_python, truncated, damaged, empty, missing, directory, unreadable_link])
def test_byte_code_that_does_not_fit_is_not_used_and_never_stops_the_mirror(
    library: Library, site: Site, spoil: Callable[[pathlib.Path], None], tmp_path: pathlib.Path
) -> None:
    spoil(library.code)
    assert not library.is_kept
    config = tmp_path / "claude.json"
    config.write_text(json.dumps(site.config))
    site.write(login())
    ended = library.run("publish", str(config))
    assert ended.returncode == 0, ended.stderr
    assert site.published == site.reduced(login())


def test_byte_code_of_another_source_is_not_used(library: Library) -> None:
    library.program.write_text("import sys\nsys.exit(33)\n")
    assert not library.is_kept
    assert library.run("status").returncode == 33
    assert library.run("--keep").returncode == 0
    assert library.is_kept
    assert library.run("status").returncode == 33


def test_the_byte_code_is_the_program(library: Library, site: Site, tmp_path: pathlib.Path) -> None:
    config = tmp_path / "claude.json"
    config.write_text(json.dumps(site.config))
    site.write(login(accessToken=""))
    ended = library.run("publish", str(config))
    assert ended.returncode == 75
    assert "holds no login" in ended.stderr


def test_a_publication_imports_nothing_that_takes_long(library: Library, site: Site, tmp_path: pathlib.Path) -> None:
    config = tmp_path / "claude.json"
    config.write_text(json.dumps(site.config, indent=1) + "\n")
    site.write(login())
    ended = library.run("publish", str(config), options=("-X", "importtime"))
    assert ended.returncode == 0
    assert site.published == site.reduced(login())
    imported = {line.rsplit("|", 1)[1].strip() for line in ended.stderr.splitlines() if line.startswith("import time:")}
    assert "os" in imported
    assert not imported & {"json", "re", "enum", "typing", "hashlib", "_hashlib", "__future__"}
