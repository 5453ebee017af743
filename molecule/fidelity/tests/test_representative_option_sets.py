"""What is recreated is what was there: option sets of tests/corpus, on all hosts at once."""

from __future__ import annotations

import os
import subprocess

from testbed.hosts import CHECKOUT


def test_nothing_is_lost_and_every_difference_is_announced() -> None:
    part = [] if os.environ.get("FULL") == "1" else ["--representative"]
    done = subprocess.run(
        ["scripts/corpus", *part],
        cwd=CHECKOUT,
        env=os.environ | {"KEEP_HOSTS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
