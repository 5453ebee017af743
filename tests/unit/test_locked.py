"""What is installed from elsewhere is pinned with its hash: scripts/locked, a part of make lint."""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess
import sys

import pytest

CHECKOUT = pathlib.Path(__file__).parents[2]
SCRIPT = CHECKOUT / "scripts/locked"
HASH = "--hash=sha256:" + "0123456789abcdef" * 4
INTEGRITY = "sha512-" + "A" * 86 + "=="


def check(root: pathlib.Path, files: dict[str, str]) -> tuple[int, str]:
    """Status and output of the script in a small checkout with these files."""
    good = {
        "requirements.txt": f"# made\ndocker==7.2.0 ; python_version > '3' \\\n    {HASH} \\\n    {HASH}\n    # via\n",
        "clients/package.json": "{}",
        "clients/package-lock.json": json.dumps({"packages": {"": {}, "a": {"integrity": INTEGRITY}}}),
        "scripts/install": "# pip install x\npip install \\\n    --require-hashes -r requirements.txt\nnpm ci\n",
    }
    for name, text in {**good, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    shutil.copy(SCRIPT, root / "scripts")
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    command = [sys.executable, str(root / "scripts/locked")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


def test_what_is_pinned_with_hashes_passes(tmp_path: pathlib.Path) -> None:
    assert check(tmp_path, {}) == (0, "")


NOT_PINNED = {
    "a package without a hash": ("requirements.txt", f"a==1 \\\n    {HASH}\nb==2\n", "b has no hash"),
    "a hash in a comment alone": ("requirements.txt", f"a==1  # {HASH[2:]}\n", "a has no hash"),
    "a hash that is cut off": ("requirements.txt", f"a==1 {HASH[:-9]}\n", "a has no hash"),
    "a range": ("requirements.txt", f"a>=1 {HASH}\n", "a>"),
    "any version": ("requirements.txt", f"a==1.* {HASH}\n", "a is not pinned"),
    "an address": ("requirements.txt", f"git+https://example.org/a {HASH}\n", "is not pinned"),
    "another list": ("testbed/more-requirements.txt", "a==1\n", "a has no hash"),
    "a package of npm": (
        "clients/package-lock.json",
        json.dumps({"packages": {"": {}, "node_modules/b": {"version": "1"}}}),
        "node_modules/b has no hash",
    ),
    "a weak hash of npm": (
        "clients/package-lock.json",
        json.dumps({"packages": {"b": {"integrity": "sha1-" + "A" * 27 + "="}}}),
        "b has no hash",
    ),
    "npm without a lock": ("other/package.json", "{}", "no package-lock.json"),
    "a call of pip": ("testbed/Dockerfile", "RUN pip3 install a==1\n", "--require-hashes"),
    "a call of pip in a variable": ("scripts/other", '"$venv/bin/pip" download a\n', "--require-hashes"),
    "a call of uv": ("Makefile", "venv:\n\t@uv pip install -r requirements.txt\n", "--require-hashes"),
    "a call of npm": ("roles/a/tasks/main.yml", "cmd: npm install -g a\n", "npm ci"),
    "a call of npx": ("scripts/other", "npx cowsay\n", "npm ci"),
    "a call of uvx": ("scripts/other", "uvx cowsay\n", "--require-hashes"),
}


@pytest.mark.parametrize("case", NOT_PINNED)
def test_what_is_not_is_named(tmp_path: pathlib.Path, case: str) -> None:
    name, text, sentence = NOT_PINNED[case]
    status, output = check(tmp_path, {name: text})
    assert status == 1
    assert output.startswith(f"{name}: ")
    assert sentence in output
    assert output.count("\n") == 1


def test_all_of_this_checkout_is_pinned() -> None:
    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
