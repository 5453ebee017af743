"""What reaches a machine from elsewhere is pinned with its hash, and the collection ships what works in it."""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import tarfile

from testbed.hosts import CHECKOUT


def test_each_python_package_is_pinned_with_its_hashes() -> None:
    """Attack 21. On 0.2.0 versions were pinned, without any hash."""
    text = (CHECKOUT / "requirements.txt").read_text()
    packages = re.split(r"\n(?=[a-z0-9])", re.sub(r"^\s*#.*\n", "", text, flags=re.M))
    without = [package.split()[0] for package in packages if package.strip() and "--hash=sha256:" not in package]
    assert without == []
    assert "--require-hashes" in (CHECKOUT / "scripts/venv").read_text()


def test_each_npm_package_is_pinned_with_its_hash() -> None:
    """The agent CLIs of the tests; npm ci fails where a hash is not that of the lock."""
    lock = json.loads((CHECKOUT / "testbed/clients/package-lock.json").read_text())
    assert [name for name, package in lock["packages"].items() if name and not package.get("integrity")] == []


def test_the_collection_ships_nothing_that_cannot_work_in_it(tmp_path: pathlib.Path) -> None:
    """Attack 21. On 0.2.0 the Makefile, requirements and the demo were shipped without the scripts that they call."""
    build = ["ansible-galaxy", "collection", "build", str(CHECKOUT), "--output-path", str(tmp_path)]
    subprocess.run(build, check=True, capture_output=True)
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        members = archive.getmembers()
    names = {member.name.partition("/")[0] for member in members}
    assert names.isdisjoint(
        {"Makefile", "CLAUDE.md", "requirements.in", "requirements.txt", "pyproject.toml", "ansible.cfg"}
    )
    files = {member.name for member in members if member.isfile()}
    astray = [member.name for member in members if member.islnk() or (member.issym() and member.linkname not in files)]
    assert astray == [], "a link leads out of the collection"
    assert [member.name for member in members if not member.issym() and member.mode & 0o022] == []


def test_the_readmes_table_has_each_variable_once() -> None:
    """Attack 21. On 0.2.0 creds_mirror_guard_directory stood there twice."""
    rows = re.findall(r"^\| `(\w+)`", (CHECKOUT / "README.md").read_text(), flags=re.M)
    assert [row for row in rows if rows.count(row) > 1] == []
