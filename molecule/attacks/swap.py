#!/usr/bin/env python3
"""Exchange two paths, again and again, as fast as the kernel does it: swap-loop PATH OTHER."""

from __future__ import annotations

import ctypes
import os
import sys

AT_FDCWD = -100
RENAME_EXCHANGE = 2


def main() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    first, second = (os.fsencode(path) for path in sys.argv[1:3])
    while True:
        # Where the run has just removed or renamed one of them, the next turn finds it again, or nothing for ever.
        libc.renameat2(AT_FDCWD, first, AT_FDCWD, second, RENAME_EXCHANGE)


if __name__ == "__main__":
    main()
