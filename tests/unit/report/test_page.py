"""The page: complete, quick, and nothing on it but its own markup."""

from __future__ import annotations

import html.parser
import time

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._report.page import page

from .fleets import HOSTILE, report


class Parsed(html.parser.HTMLParser):
    """The elements of a page, and its text outside of style and script."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(content)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] not in ("style", "script"):
            self.words += data


@pytest.mark.parametrize("number", [1, 20, 500])
def test_each_row_is_on_the_page(number: int) -> None:
    told = report(number)
    rows = [attributes for tag, attributes in Parsed(page(told)).elements if tag == "tr"]
    assert [row.get("class") for row in rows] == [None, *(row.level.value for row in told.rows)]


def test_foreign_text_is_text() -> None:
    told = report(20)
    parsed = Parsed(page(told))
    assert {tag for tag, _attributes in parsed.elements} <= {
        *("html", "head", "meta", "link", "title", "style", "body", "main", "h1", "p", "span", "time", "div", "label"),
        *(
            "input",
            "button",
            "table",
            "caption",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
            "ul",
            "li",
            "svg",
            "rect",
            "script",
        ),
    }
    assert sum(tag == "script" for tag, _attributes in parsed.elements) == 1
    assert [name for _tag, attributes in parsed.elements for name in attributes if name.startswith("on")] == []
    assert all(word in parsed.words for word in HOSTILE[:5])


def test_nothing_is_loaded_from_elsewhere() -> None:
    parsed = Parsed(page(report(20)))
    loaded = [
        value for _tag, attributes in parsed.elements for name, value in attributes.items() if name in ("src", "href")
    ]
    assert loaded == ["data:,"]
    assert "url(" not in page(report(1))
    assert "@import" not in page(report(1))


def test_five_hundred_hosts_take_less_than_a_second() -> None:
    start = time.process_time()
    told = report(500)
    made = page(told)
    assert time.process_time() - start < 1
    assert len(told.hosts) == 507
    assert len(made) < 3_000_000
