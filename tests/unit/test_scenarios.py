"""Every scenario is told in molecule/README.md, once."""

from __future__ import annotations

import pathlib
import re
import runpy

MOLECULE = pathlib.Path(__file__).parents[2] / "molecule"
SCENARIOS = sorted(path.parent.name for path in MOLECULE.glob("*/molecule.yml"))


def test_each_scenario_has_its_row() -> None:
    table = MOLECULE.joinpath("README.md").read_text().partition("## Run them")[0]
    assert sorted(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == SCENARIOS


def test_what_is_left_out_of_all_is_a_scenario_and_says_so() -> None:
    apart = runpy.run_path(str(MOLECULE.parent / "scripts/molecule"))["APART"]
    assert apart.keys() <= set(SCENARIOS)
    forms = MOLECULE.joinpath("README.md").read_text().partition("## Run them")[2]
    told = set(re.findall(r"^\| `(\w+)` \| not in `make test`", forms, re.MULTILINE))
    assert told == set(apart)
