# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Paths as text: normalised and compared. Pure."""

from __future__ import annotations

import posixpath


def normalise(path: str) -> str:
    """``posixpath.normpath`` without its special case of a leading ``//``."""
    cleaned = posixpath.normpath(path)
    return cleaned[1:] if cleaned.startswith("//") else cleaned


def is_below(path: str, directory: str) -> bool:
    """Whether ``path`` lies strictly below ``directory``; both normalised."""
    return path != directory and path.startswith(directory.rstrip("/") + "/")
