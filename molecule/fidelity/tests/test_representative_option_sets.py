"""What is recreated is what was there: a representative part of tests/corpus, on both hosts at once."""

from __future__ import annotations

import os
import pathlib
import subprocess

CHECKOUT = pathlib.Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])
HOSTS = os.environ.get("AGENTOPS_HOSTS", "bookworm:bookworm trixie:trixie")


def test_nothing_is_lost_and_every_difference_is_announced() -> None:
    done = subprocess.run(
        ["scripts/corpus", "--representative"],
        cwd=CHECKOUT,
        env=os.environ | {"AGENTOPS_HOSTS": HOSTS, "KEEP_HOSTS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
