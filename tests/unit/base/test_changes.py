# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A change is recorded when it was made, and in check mode when it would be."""

from __future__ import annotations

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._base.changes import Changes


def test_what_fails_is_no_change() -> None:
    def fail() -> None:
        raise OSError("no space left")

    changes = Changes(check_mode=False)
    changes.make("wrote a", "a", "", "text\n", lambda: None)
    with pytest.raises(OSError, match="no space"):
        changes.make("wrote b", "b", "", "text\n", fail)
    assert changes.changes == ["wrote a"]
    assert [entry["after_header"] for entry in changes.diff] == ["a"]


def test_check_mode_does_nothing_and_records_each_change_once() -> None:
    done: list[str] = []
    changes = Changes(check_mode=True)
    for _file in range(2):  # each finds the same parent missing
        assert not changes.make("made the directory a", "a", "absent\n", "directory\n", lambda: done.append("a"))
    assert (done, changes.changes) == ([], ["made the directory a"])


def test_what_another_process_has_changed_is_added() -> None:
    other, changes = Changes(check_mode=True), Changes(check_mode=True)
    other.make("wrote a", "a", "", "text\n", lambda: None)
    other.warnings.append("mind the gap")
    other.made.add("/a")
    changes.add(other.as_dict())
    assert (changes.changes, changes.warnings, changes.made) == (["wrote a"], ["mind the gap"], {"/a"})
