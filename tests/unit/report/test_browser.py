"""The page in a real browser: nothing overflows, sorting and searching work, and every text can be read.

Debian's chromium and its driver are needed (apt-get install chromium chromium-driver). REPORT_PICTURES=DIRECTORY keeps
what the browser shows (`make report-pictures`).
"""

from __future__ import annotations

import base64
import os
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from ansible_collections.agentops.credentials.plugins.module_utils._report.page import page

from .fleets import HOSTILE, NOW, report

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER),
    reason="THE PAGE WAS NOT SEEN IN A BROWSER: this machine has no chromium (apt-get install chromium chromium-driver)",
)

WIDTHS = (360, 768, 1440)
PICTURES = os.environ.get("REPORT_PICTURES")

# The contrast (WCAG 2) of each text with what is behind it; what is less than 4.5 is returned.
CONTRAST = """
const light = color => {
  const part = value => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const [red, green, blue] = color.match(/[\\d.]+/g).map(Number);
  return 0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue);
};
const behind = element => {
  for (; element; element = element.parentElement) {
    const color = getComputedStyle(element).backgroundColor;
    if (!/, 0\\)$|transparent/.test(color)) return color;
  }
  return getComputedStyle(document.documentElement).backgroundColor;
};
const faint = [];
let seen = 0;
for (const element of document.querySelectorAll("main *")) {
  const own = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
  if (!own || !element.getClientRects().length) continue;
  seen++;
  const [a, b] = [light(getComputedStyle(element).color), light(behind(element))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) faint.push([element.outerHTML.slice(0, 80), ratio]);
}
return [seen, faint];
"""
# Elements that stick out of the window, and the labels and buttons that are cut off.
OVERFLOW = """
const wide = [...document.querySelectorAll("body *")].filter(element =>
  element.getBoundingClientRect().right > document.documentElement.clientWidth + 1);
return [document.documentElement.scrollWidth - document.documentElement.clientWidth,
        wide.map(element => element.outerHTML.slice(0, 80))];
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    # The page counts from now on; the fleet is looked at at its own time.
    clock = {"source": f"Date.now = () => {NOW.timestamp() * 1000 + 60_000:.0f}"}
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", clock)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    """The address of the page of so many hosts."""
    directory, made = tmp_path_factory.mktemp("pages"), {}
    for number in (1, 20, 500):
        path = directory / f"{number}.html"
        path.write_text(page(report(number)), encoding="utf-8")
        made[number] = path.as_uri()
    return made


def show(browser: webdriver.Chrome, address: str, width: int, scheme: str = "light", media: str = "") -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    emulated = {"media": media, "features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", emulated)
    browser.get(address)


def keep(browser: webdriver.Chrome, name: str) -> None:
    if PICTURES:
        taken = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
        pathlib.Path(PICTURES).mkdir(parents=True, exist_ok=True)
        (pathlib.Path(PICTURES) / f"{name}.png").write_bytes(base64.b64decode(taken["data"]))


def column(browser: webdriver.Chrome, number: int) -> list[str]:
    """The values of the rows that are shown."""
    script = (
        "return [...document.querySelectorAll('tbody tr:not([hidden])')].map(r => r.cells[arguments[0]].dataset.value)"
    )
    values: list[str] = browser.execute_script(script, number)
    return values


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("number", [1, 20, 500])
def test_nothing_overflows_and_every_text_can_be_read(
    browser: webdriver.Chrome, pages: dict[int, str], number: int, width: int, scheme: str
) -> None:
    show(browser, pages[number], width, scheme)
    assert browser.execute_script(OVERFLOW) == [0, []]
    seen, faint = browser.execute_script(CONTRAST)
    assert seen > 10 * number
    assert faint == []
    log: list[dict[str, Any]] = browser.get_log("browser")  # type: ignore[no-untyped-call]
    assert [entry for entry in log if entry["level"] != "DEBUG"] == []
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
    keep(browser, f"{number}-hosts-{width}-{scheme}")


def test_it_says_that_it_is_old(browser: webdriver.Chrome, pages: dict[int, str]) -> None:
    show(browser, pages[1], 1440)
    old = browser.find_element(By.ID, "old")
    assert not old.is_displayed()
    browser.execute_script("const then = Date.now(); Date.now = () => then + 3 * 3600 * 1000; tick()")
    assert old.is_displayed()


def test_what_needs_a_person_is_on_the_first_screen(browser: webdriver.Chrome, pages: dict[int, str]) -> None:
    show(browser, pages[20], 360)
    first = browser.find_element(By.CSS_SELECTOR, "tbody tr")
    assert first.get_attribute("class") == "now"
    assert browser.find_element(By.CSS_SELECTOR, ".lead").text == report(20).sentence
    assert first.rect["y"] < 900


def test_foreign_text_stays_text(browser: webdriver.Chrome, pages: dict[int, str]) -> None:
    show(browser, pages[20], 1440)
    assert browser.execute_script("return document.querySelectorAll('img, table script, svg [onload]').length") == 0
    hosts = browser.execute_script("return [...document.querySelectorAll('tbody th')].map(cell => cell.textContent)")
    assert set(HOSTILE[:4]) <= set(hosts)


def test_a_click_or_a_key_sorts(browser: webdriver.Chrome, pages: dict[int, str]) -> None:
    show(browser, pages[500], 1440)
    heads = browser.find_elements(By.CSS_SELECTOR, "thead button")
    script = "const start = performance.now(); arguments[0].click(); return performance.now() - start"
    assert browser.execute_script(script, heads[5]) < 500
    ends = [float(value) for value in column(browser, 5)]
    assert ends == sorted(ends)
    heads[5].send_keys(Keys.ENTER)
    ends = [float(value) for value in column(browser, 5)]
    assert ends == sorted(ends, reverse=True)
    assert browser.find_elements(By.CSS_SELECTOR, "thead th")[5].get_attribute("aria-sort") == "descending"
    heads[1].send_keys(Keys.SPACE)
    hosts = [value for value in column(browser, 1) if value.startswith("agents-")]
    assert hosts == sorted(hosts)
    assert browser.find_elements(By.CSS_SELECTOR, "thead th")[5].get_attribute("aria-sort") == "none"


def test_words_and_levels_choose_rows(browser: webdriver.Chrome, pages: dict[int, str]) -> None:
    show(browser, pages[20], 1440)
    search = browser.find_element(By.ID, "search")
    search.send_keys("AGENTS-007 log")
    assert column(browser, 1) == ["agents-007.example.net"]
    told = browser.find_element(By.ID, "shown")
    assert told.text == f"1 of {len(report(20).rows)} shown"
    assert told.get_attribute("role") == "status"
    search.send_keys(Keys.CONTROL, "a")
    search.send_keys(Keys.DELETE)
    browser.find_element(By.CSS_SELECTOR, "[data-level=soon]").click()
    assert set(column(browser, 0)) == {"1"}
    browser.find_element(By.CSS_SELECTOR, "[data-level='']").click()
    assert len(column(browser, 0)) == len(report(20).rows)


def test_the_keyboard_reaches_all_controls_and_is_seen(browser: webdriver.Chrome, pages: dict[int, str]) -> None:
    show(browser, pages[1], 1440)
    browser.find_element(By.TAG_NAME, "h1").click()
    reached = []
    for _press in range(16):
        webdriver.ActionChains(browser).send_keys(Keys.TAB).perform()
        element: Any = browser.switch_to.active_element
        if element.tag_name in ("input", "button"):
            reached.append(element.accessible_name)
            assert element.value_of_css_property("outline-style") == "solid"
    assert len(set(reached)) == 15
    assert all(reached)


def test_a_screen_reader_is_told_a_table_at_each_width(browser: webdriver.Chrome, pages: dict[int, str]) -> None:
    for width in WIDTHS:
        show(browser, pages[20], width)
        roles = [node["role"]["value"] for node in browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]]
        assert roles.count("table") == 1
        assert roles.count("row") == len(report(20).rows) + 1
        assert roles.count("rowheader") == len(report(20).rows)
        assert roles.count("columnheader") in (9, 10)  # on narrow windows the sentences' column has no head


def test_it_is_printed_without_its_controls(browser: webdriver.Chrome, pages: dict[int, str]) -> None:
    show(browser, pages[20], 800, media="print")
    assert not browser.find_element(By.CSS_SELECTOR, ".tools").is_displayed()
    assert browser.execute_script(OVERFLOW) == [0, []]
    seen, faint = browser.execute_script(CONTRAST)
    assert (seen > 100, faint) == (True, [])
    keep(browser, "20-hosts-printed")


def test_a_person_sees_at_once_which_login_to_renew_where(browser: webdriver.Chrome, tmp_path: pathlib.Path) -> None:
    """The picture of README."""
    told = report(12, hostile=False)
    (tmp_path / "page.html").write_text(page(told), encoding="utf-8")
    show(browser, (tmp_path / "page.html").as_uri(), 1280)
    rows = [
        row for row in browser.find_elements(By.CSS_SELECTOR, "tbody tr") if row.rect["y"] + row.rect["height"] < 900
    ]
    assert len(rows) >= told.needs_a_person
    assert [row.text for row in rows if "ended" in row.text and "log in on agents-" not in row.text] == []
    keep(browser, "readme")
