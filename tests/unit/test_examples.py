"""The examples name what exists."""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess
import sys
from typing import Any

import pytest
import yaml

CHECKOUT = pathlib.Path(__file__).parents[2]
AWX = CHECKOUT / "examples/awx"
OPTIONS: dict[str, Any] = {
    name: option
    for path in CHECKOUT.glob("roles/*/meta/argument_specs.yml")
    for spec in yaml.safe_load(path.read_text())["argument_specs"].values()
    for name, option in spec["options"].items()
}
QUESTIONS = json.loads((AWX / "survey.json").read_text())["spec"]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question["variable"])
def test_the_survey_asks_for_variables_with_their_choices_and_defaults(question: dict[str, Any]) -> None:
    option = OPTIONS.get(question["variable"])
    if option is None:
        asked = f"{{{{ {question['variable']} | default("
        assert any(asked in path.read_text() for path in CHECKOUT.glob("playbooks/*.yml"))
        return
    if question["choices"]:
        assert question["choices"] == option.get("choices", ["false", "true"])
        assert question["default"] == str(option["default"]).lower()


def test_the_execution_environment_is_a_definition(tmp_path: pathlib.Path) -> None:
    shutil.copy(AWX / "execution-environment.yml", tmp_path)
    (tmp_path / "agentops-credentials.tar.gz").touch()
    command = [str(pathlib.Path(sys.executable).with_name("ansible-builder")), "create", "--verbosity", "1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    # The image installs them with _build as the working directory.
    (collection,) = yaml.safe_load((tmp_path / "context/_build/requirements.yml").read_text())["collections"]
    assert (tmp_path / "context/_build" / collection["name"]).exists()


def test_the_pulled_playbook_sets_variables_and_imports_a_playbook_that_exist() -> None:
    (play,) = yaml.safe_load((CHECKOUT / "examples/pull/site.yml").read_text())
    name = play["ansible.builtin.import_playbook"].rpartition(".")[2]
    assert (CHECKOUT / f"playbooks/{name}.yml").exists()
    assert {name for name in play["vars"] if not name.startswith("ansible_")} - {"agent_hosts"} <= OPTIONS.keys()
