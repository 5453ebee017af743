"""docs/engines.md: each cell of its table has a test, which runs on the host of the row."""

from __future__ import annotations

import pathlib
import re

import pytest
import yaml

CHECKOUT = pathlib.Path(__file__).parents[2]
PAGE = CHECKOUT / "docs/engines.md"
DEFAULT = ["bookworm", "trixie"]
BY_NAME = "forky"
"""On it every scenario runs where it is asked for (molecule/README.md)."""
APART = ("rootless", "podman")
"""Scenarios whose hosts are those of users' engines (``make test-engines``)."""


def table() -> list[list[str]]:
    first = next(part for part in PAGE.read_text(encoding="utf-8").split("\n\n") if part.startswith("| "))
    rows = [line for line in first.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


ROWS = table()[1:]


def hosts_of(scenario: str) -> list[str]:
    if scenario in APART:
        return ["rootless"]
    variables = yaml.safe_load((CHECKOUT / "molecule" / scenario / "scenario.yml").read_text(encoding="utf-8"))
    return [*variables.get("scenario_releases", DEFAULT), BY_NAME]


def test_every_feature_has_a_column() -> None:
    columns = ["engine", "host of the tests", "mirror", "recreate", "carry", "proof", "readers", "launchers"]
    assert table()[0] == columns
    assert all(len(row) == len(columns) for row in ROWS)
    assert len(ROWS) >= 8


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_each_cell_names_a_test_that_runs_on_the_host_of_its_row(row: list[str]) -> None:
    engine, named, *cells = row
    host = re.fullmatch(r"`([\w+]+)`", named)
    for cell in cells:
        # Into the repository: the archive has the page, and not the tests.
        links = re.findall(r"\]\(https://github\.com/agentops/credentials/blob/main/([\w/.-]+)\)", cell)
        assert links, f"{engine}: {cell}"
        for link in links:
            assert (CHECKOUT / link).exists(), link
            assert link.startswith(("molecule/", "tests/")), link
            if link.startswith("molecule/") and host and host[1] != "rootless":
                assert host[1] in hosts_of(link.split("/")[1]), f"{engine}: {link} does not run on {host[1]}"
            elif link.startswith("molecule/") and host:
                assert link.split("/")[1] in APART, f"{engine}: {link} does not run on {host[1]}"
