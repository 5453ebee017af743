# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files are written wholly or not at all, and never through a link."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

from ansible_collections.agentops.credentials.plugins.module_utils._base.changes import Changes
from ansible_collections.agentops.credentials.plugins.module_utils._host import files


def changes_of(work: Callable[[Changes], object], *, check_mode: bool = False) -> list[str]:
    changes = Changes(check_mode)
    work(changes)
    return changes.changes


def test_a_file_is_written_once_and_a_link_at_its_place_is_not_followed(tmp_path: pathlib.Path) -> None:
    other = tmp_path / "other"
    other.write_text("other")
    path = tmp_path / "new" / "unit"

    def work(changes: Changes) -> None:
        files.ensure_file(changes, str(path), "text\n", 0o644)

    assert (
        changes_of(work, check_mode=True) == changes_of(work) == [f"made the directory {path.parent}", f"wrote {path}"]
    )
    assert changes_of(work) == []
    path.unlink()
    path.symlink_to(other)
    assert changes_of(work) == [f"repaired {path}"]
    assert other.read_text() == "other" and path.read_text() == "text\n" and not path.is_symlink()
    path.chmod(0o600)
    assert changes_of(work) == [f"set the mode of {path} to 0644"]
