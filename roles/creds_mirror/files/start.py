# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start creds_mirror.py, which lies beside this file, from its byte code, for compiling it takes milliseconds.

    start.py ARGUMENT...     creds_mirror.py ARGUMENT...
    start.py --kept          exit status 0 if the byte code is kept and fits, else 1
    start.py --keep          keep the byte code

Byte code of another Python, of another source, or damaged is not used: the source is.
"""

import sys

PROGRAM = __file__.rpartition("/")[0] + "/creds_mirror.py"
KEPT = PROGRAM[:-3] + ".code"
SEAL = 20


def read(path):
    with open(path, "rb") as file:
        return file.read()


def seal(source, code):
    """What tells the Python (4 bytes), the source and the byte code (a hash of 8 bytes each)."""
    from _frozen_importlib_external import MAGIC_NUMBER
    from _imp import source_hash

    return MAGIC_NUMBER + source_hash(0, source) + source_hash(0, code)


def kept(source):
    """The byte code of a source, or None."""
    try:
        from marshal import loads

        content = read(KEPT)
        if content[:SEAL] == seal(source, content[SEAL:]):
            return loads(content[SEAL:])  # noqa: S302 (as trustworthy as the program beside it)
    except Exception:  # whatever is wrong with it: there is the source
        return None
    return None


def keep(source):
    import marshal
    import os

    code = marshal.dumps(compile(source, PROGRAM, "exec"))
    with open(KEPT + ".new", "wb") as file:
        file.write(seal(source, code) + code)
        os.fchmod(file.fileno(), 0o644)
    os.rename(KEPT + ".new", KEPT)


source = read(PROGRAM)
if sys.argv[1:] == ["--kept"]:
    sys.exit(kept(source) is None)
elif sys.argv[1:] == ["--keep"]:
    keep(source)
else:
    exec(kept(source) or compile(source, PROGRAM, "exec"))  # noqa: S102
