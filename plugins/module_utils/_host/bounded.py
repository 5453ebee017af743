# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks that end: a file system whose server never answers must not hold a run."""

from __future__ import annotations

import threading
from typing import Any, Callable, TypeVar

_Value = TypeVar("_Value")

LOOK_SECONDS = 10.0


class NoAnswerError(OSError):
    """The file system did not answer in time."""


def within(seconds: float, work: Callable[..., _Value], *arguments: Any) -> _Value:
    """The value of ``work``, which is done in a thread.

    A call into FUSE or NFS cannot be taken back, so a thread that hangs in one is left; the kernel ends it with the
    process.

    :raises NoAnswerError: it has not ended after ``seconds``.
    """
    values: list[_Value] = []
    faults: list[BaseException] = []

    def run() -> None:
        try:
            values.append(work(*arguments))
        except BaseException as error:
            faults.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if faults:
        raise faults[0]
    if not values:
        raise NoAnswerError(f"the file system does not answer within {seconds:.0f} seconds")
    return values[0]
