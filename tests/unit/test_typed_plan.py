"""mypy refuses a misspelt operation, argument, remedy, verdict or option: the plan is typed."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PACKAGE = "ansible_collections.agentops.credentials.plugins.module_utils"
HEAD = f"""\
from {PACKAGE}._containers.options import Options
from {PACKAGE}._containers.operations import RestartContainer, StopContainer
from {PACKAGE}._containers.plan import Target
from {PACKAGE}._containers.verdict import Diagnosis, Remedy, Verdict

boss = Target("boss", "0123")
"""
RIGHT = [
    'StopContainer("boss", "", boss, timeout=10).perform',
    'Diagnosis(Verdict.STALE, (), Remedy.RESTART)',
    'Options(state="absent", writable_layer="carry", wait_for="healthy")',
]  # fmt: skip
MISSPELT = {
    'StopContainr("boss", "", boss, timeout=10)': 'Name "StopContainr" is not defined',
    'StopContainer("boss", "", boss, timout=10)': 'Unexpected keyword argument "timout"',
    'RestartContainer("boss", "", "boss", 10)': 'has incompatible type "str"; expected "Target"',
    "Diagnosis(Verdict.STALE, (), Remedy.RECREAT)": 'has no attribute "RECREAT"',
    'Diagnosis(Verdict.STALE, (), "restart")': 'has incompatible type "str"',
    "Verdict.STAL": 'has no attribute "STAL"',
    'Options(writable_layer="cary")': "incompatible type \"Literal['cary']\"",
    'Options(state="presnt")': "incompatible type \"Literal['presnt']\"",
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Each line of Python → what mypy says of it."""
    lines = [*RIGHT, *MISSPELT]
    source = tmp_path_factory.mktemp("typed") / "lines.py"
    source.write_text(HEAD + "\n".join(lines) + "\n")
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--show-error-codes", str(source)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False).stdout
    found = dict.fromkeys(lines, "")
    first = len(HEAD.splitlines()) + 1
    for row in said.splitlines():
        place, _colon, words = row.partition(": ")
        number = place.rpartition(":")[2]
        if number.isdigit() and int(number) >= first:
            found[lines[int(number) - first]] += words
    return found


@pytest.mark.parametrize("line", RIGHT)
def test_what_is_right_passes(answers: dict[str, str], line: str) -> None:
    assert answers[line] == ""


@pytest.mark.parametrize("line", MISSPELT)
def test_what_is_misspelt_is_refused(answers: dict[str, str], line: str) -> None:
    assert MISSPELT[line] in answers[line]
