"""An import in the wrong direction, and a drawing of the house that is out of date, fail ``make lint`` with a sentence."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
UTILS = "plugins/module_utils"
ABSOLUTE = "ansible_collections.agentops.credentials.plugins"

FORBIDDEN = [
    # file, what it imports, the sentence
    (
        f"{UTILS}/_base/paths.py",
        "from .._catalog.cli import AgentCli",
        "_catalog.cli.AgentCli: _base may import nothing of the collection and nothing else.",
    ),
    (
        f"{UTILS}/_catalog/rows.py",
        "from .._host import files",
        "_host.files: _catalog may import _base of the collection and nothing else.",
    ),
    (
        f"{UTILS}/_host/systemd.py",
        f"from {ABSOLUTE}.module_utils._containers.verdict import diagnose",
        "_containers.verdict.diagnose: _host may import _base of the collection and nothing else.",
    ),
    (
        f"{UTILS}/_engine/client.py",
        f"import {ABSOLUTE}.module_utils._host.lock",
        "_host.lock: _engine may import _base of the collection and nothing else.",
    ),
    *(
        (
            f"{UTILS}/_engine/{file}",
            line,
            f"_engine.client{name}: other packages may import the rest of _engine, so that may not import _engine.client.",
        )
        for file, line, name in [
            ("documents.py", "from .client import Engine", ".Engine"),
            ("mounts.py", "from . import client", ""),
            ("__init__.py", "from .._engine import client", ""),
        ]
    ),
    (
        f"{UTILS}/_mirror/spec.py",
        "from .._agents.config import AgentSpec",
        "_agents.config.AgentSpec: _mirror may import _host, _catalog, _base of the collection and nothing else.",
    ),
    (
        f"{UTILS}/_agents/config.py",
        "from .._engine import client",
        "_engine.client: _agents may import _engine.mounts, _engine.documents, _host, _catalog, _base"
        " of the collection and nothing else.",
    ),
    (
        f"{UTILS}/_containers/run.py",
        "from .._engine.client import Engine",
        "_engine.client.Engine: _containers may import _agents, _engine.mounts, _engine.documents, _host, _catalog,"
        " _base of the collection and nothing else.",
    ),
    (
        f"{UTILS}/_containers/run.py",
        "from .._mirror import spec",
        "_mirror.spec: _containers may import _agents, _engine.mounts, _engine.documents, _host, _catalog,"
        " _base of the collection and nothing else.",
    ),
    (
        f"{UTILS}/_containers/run.py",
        "from .._agents_module import session",
        "_agents_module.session: _containers may import _agents, _engine.mounts, _engine.documents, _host, _catalog,"
        " _base of the collection and nothing else.",
    ),
    (
        f"{UTILS}/_containers/run.py",
        f"from {ABSOLUTE}.modules import agent_mounts",
        "plugins.modules.agent_mounts: _containers may import _agents, _engine.mounts, _engine.documents, _host,"
        " _catalog, _base of the collection and nothing else.",
    ),
    (
        f"{UTILS}/_extra/thing.py",
        "from .._base import paths",
        "_base.paths: it is in no package that scripts/import-contract has a row for; give it one.",
    ),
    (
        f"{UTILS}/_engine/layer.py",
        "import docker.errors",
        "docker.errors: docker may be imported by plugins/module_utils/_engine/client.py alone.",
    ),
    (
        "plugins/modules/agent_mounts.py",
        "from docker import APIClient",
        "docker.APIClient: docker may be imported by plugins/module_utils/_engine/client.py alone.",
    ),
    (
        f"{UTILS}/_engine/documents.py",
        "from requests.exceptions import Timeout",
        "requests.exceptions.Timeout: requests may be imported by plugins/module_utils/_engine/client.py alone.",
    ),
    (
        f"{UTILS}/_containers/report.py",
        "from ansible.module_utils.basic import AnsibleModule",
        "ansible.module_utils.basic.AnsibleModule: ansible.module_utils.basic may be imported by"
        " plugins/module_utils/_agents_module.py, plugins/modules/*.py alone.",
    ),
    (
        "plugins/filter/agent_table.py",
        "from ansible.module_utils import basic",
        "ansible.module_utils.basic: ansible.module_utils.basic may be imported by"
        " plugins/module_utils/_agents_module.py, plugins/modules/*.py alone.",
    ),
    (
        f"{UTILS}/_host/users.py",
        "from ansible.errors import AnsibleError",
        "ansible.errors.AnsibleError: ansible may be imported by plugins/module_utils/_agents_module.py,"
        " plugins/modules/*.py, plugins/action/*.py, plugins/filter/*.py, plugins/lookup/*.py, plugins/plugin_utils/*.py alone.",
    ),
    *(
        (
            file,
            line,
            f"{name}: an import that is computed is seen neither here nor by Ansible, which packs what is imported.",
        )
        for file, line, name in [
            (f"{UTILS}/_agents/placement.py", "from importlib import import_module", "importlib.import_module"),
            (f"{UTILS}/_agents/placement.py", '__import__("docker")', "__import__"),
            (f"{UTILS}/_host/lock.py", 'import builtins; builtins.__import__("docker")', "__import__"),
            ("plugins/lookup/agent_catalog.py", 'exec("import docker")', "exec"),
            ("plugins/modules/agent_mounts.py", "import runpy", "runpy"),
        ]
    ),
    (
        f"{UTILS}/_catalog/cli.py",
        "import yaml",
        "yaml: plugins need nothing but Python, Ansible and the Docker SDK.",
    ),
]


def copy_of_checkout(directory: pathlib.Path) -> pathlib.Path:
    """What the programs below read, and they."""
    for part in ("plugins", "roles", "docs", "scripts"):
        shutil.copytree(ROOT / part, directory / part, ignore=shutil.ignore_patterns("__pycache__"))
    return directory


def check(checkout: pathlib.Path, program: str = "import-contract", *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-I", str(checkout / "scripts" / program), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return ended.returncode, ended.stdout + ended.stderr


def append(path: pathlib.Path, text: str) -> int:
    """The number of the last line, after the text is appended."""
    path.parent.mkdir(exist_ok=True)
    path.write_text((path.read_text() if path.exists() else "") + text)
    return len(path.read_text().splitlines())


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    """File and sentence for each import that is refused in a tree with all the forbidden ones."""
    checkout = copy_of_checkout(tmp_path_factory.mktemp("forbidden"))
    for file, line, _sentence in FORBIDDEN:
        append(checkout / file, f"{line}\n")
    status, said = check(checkout)
    assert status == 1
    places = [sentence.partition(" imports ") for sentence in said.splitlines()]
    assert len(places) == len(FORBIDDEN)
    return [(place.partition(":")[0], sentence) for place, _imports, sentence in places]


@pytest.mark.parametrize(("file", "line", "sentence"), FORBIDDEN)
def test_a_forbidden_import_is_named(answers: list[tuple[str, str]], file: str, line: str, sentence: str) -> None:
    assert (file, sentence) in answers


def test_one_forbidden_import_in_a_function_is_enough(tmp_path: pathlib.Path) -> None:
    checkout = copy_of_checkout(tmp_path)
    file, line, sentence = FORBIDDEN[0]
    number = append(checkout / file, f"def late() -> None:\n    {line}\n")
    assert check(checkout) == (1, f"{file}:{number} imports {sentence}\n")


def test_the_tree_keeps_the_contract_and_lint_checks_it(tmp_path: pathlib.Path) -> None:
    assert check(copy_of_checkout(tmp_path)) == (0, "")
    assert "scripts/import-contract\n" in (ROOT / "scripts/lint").read_text()


@pytest.mark.parametrize("file", ["_host/__init__.py", "_host/systemd.py"])
def test_a_package_or_file_that_does_not_say_what_it_is_is_refused(tmp_path: pathlib.Path, file: str) -> None:
    checkout = copy_of_checkout(tmp_path)
    (checkout / UTILS / file).write_text("")
    sentence = f"{UTILS}/{file} needs a docstring that says in a sentence what it is.\n"
    assert check(checkout, "house", "--check") == (1, sentence)


def test_the_drawing_of_the_packages_is_that_of_the_contract(tmp_path: pathlib.Path) -> None:
    checkout = copy_of_checkout(tmp_path)
    contract = checkout / "scripts/import-contract"
    contract.write_text(contract.read_text().replace('"_report": "_base"', '"_report": "_host _base"'))
    assert check(checkout, "house", "--check")[0] == 1
    assert check(checkout, "house") == (0, "")
    assert "    _report -> _host\n" in (checkout / "docs/pictures/packages.dot").read_text()


def test_a_house_that_is_out_of_date_is_reported_and_written_again(tmp_path: pathlib.Path) -> None:
    checkout = copy_of_checkout(tmp_path)
    (checkout / UTILS / "_host/attic.py").write_text('"""Where old things\nlie. And more."""\n')
    sentence = "docs/design.md is not that of plugins/ and roles/; run scripts/house.\n"
    assert check(checkout, "house", "--check") == (1, sentence)
    assert check(checkout, "house") == (0, "")
    assert "  * `attic.py`: Where old things lie\n" in (checkout / "docs/design.md").read_text()
    assert check(checkout, "house", "--check") == (0, "")
