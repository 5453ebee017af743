"""No text of a container or a configuration reaches a person with a control character in it."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.agentops.credentials.plugins.module_utils._base.printable import printable, printable_data
from ansible_collections.agentops.credentials.plugins.module_utils._containers.isolation import Failures

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=600)


def is_harmless(text: str) -> bool:
    return not any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in text)


@given(ANY_TEXT)
def test_one_line_without_control_characters(text: str) -> None:
    assert is_harmless(printable(text))
    assert len(printable(text)) <= 400


@given(ANY_TEXT)
def test_what_is_plain_stays(text: str) -> None:
    if text.isprintable() and len(text) <= 400:
        assert printable(text) == text


@given(st.recursive(ANY_TEXT | st.integers(), lambda it: st.lists(it) | st.dictionaries(ANY_TEXT, it), max_leaves=9))
def test_plain_data_of_any_form(data: object) -> None:
    assert is_harmless(str(printable_data(data)).replace("\\n", "").replace("\n", ""))


@given(ANY_TEXT, ANY_TEXT)
def test_a_failure_names_its_agent(agent: str, sentence: str) -> None:
    failures = Failures()
    failures.add(agent, sentence)
    assert all(is_harmless(one) for one in failures)


def test_the_escape_sequences_of_terminals_are_shown() -> None:
    assert printable("x\x1b]52;c;cm0=\x07\u202e\n") == "x\\x1b]52;c;cm0=\\x07\\u202e\\x0a"
