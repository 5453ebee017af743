"""What the mirror tells Prometheus: a form that its own parser reads, true, whole, and without a secret."""

from __future__ import annotations

import os
import pathlib
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from .conftest import Clock, Site, creds_mirror, login


def samples(text: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        assert family.type in ("gauge", "counter")
        for sample in family.samples:
            labels = {key: value for key, value in sample.labels.items() if key not in ("cli", "user")}
            assert {"cli", "user"} <= sample.labels.keys()
            found.setdefault(sample.name.removeprefix("creds_mirror_"), []).append((labels, sample.value))
    return found


@pytest.fixture
def site(tmp_path: pathlib.Path) -> Site:
    (tmp_path / "metrics").mkdir()
    return Site(tmp_path, metrics=str(tmp_path / "metrics"))


def written(site: Site) -> tuple[str, dict[str, Any]]:
    umask = os.umask(0o077)
    try:
        assert creds_mirror.metrics(site.config) == 0
    finally:
        os.umask(umask)
    (path,) = pathlib.Path(site.config["metrics"]).iterdir()
    assert (path.name, path.stat().st_mode & 0o777) == ("creds_mirror_claude.prom", 0o644)
    text = path.read_text()
    assert "fake-" not in text
    return text, {name: values[0][1] for name, values in samples(text).items() if values[0][0] == {}}


def test_it_tells_of_a_good_login(site: Site, moment: Clock) -> None:
    site.write(login(expires=int((moment.time + 3600) * 1000), refreshTokenExpiresAt=int((moment.time + 86400) * 1000)))
    site.publish()
    moment.sleep(600)
    text, told = written(site)
    assert told["access_token_remaining_seconds"] == 3000
    assert told["refresh_token_remaining_seconds"] == 85800
    assert (told["healthy"], told["refused"], told["publications_total"], told["refusals_total"]) == (1, 0, 1, 0)
    assert abs(told["last_publication_timestamp_seconds"] - site.target.stat().st_mtime) < 1
    assert told["metrics_timestamp_seconds"] == moment.time
    states = {labels["state"]: value for labels, value in samples(text)["login_state"]}
    assert [name for name, value in states.items() if value] == ["log_in"]
    assert set(states) == {*creds_mirror.STATES, "unknown"}


def test_it_counts_publications_refusals_and_renewals(site: Site, moment: Clock) -> None:
    for number in range(3):
        site.write(login(f"{number:04}"))
        site.publish()
        site.write(b"{")
        site.publish()
        site.publish(verify=True)
    assert (written(site)[1]["publications_total"], written(site)[1]["refusals_total"]) == (3, 3)
    assert written(site)[1]["refused"] == 1
    with creds_mirror.Mirror(site.config) as mirror:
        for result in ("failed", "failed", "rejected", "renewed"):
            creds_mirror.Warmer(site.config, mirror, None).keep(None, result=result)
    renewals = {labels["result"]: value for labels, value in samples(written(site)[0])["renewals_total"]}
    assert renewals == {"renewed": 1, "failed": 2, "rejected": 1}


def test_it_tells_of_no_login_and_of_dead_units(site: Site, moment: Clock) -> None:
    site.config["units"] = ["no-such.path"]
    text, told = written(site)
    assert "access_token_remaining_seconds" not in told
    assert samples(text)["unit_active"] == [({"unit": "no-such.path"}, 0)]


@pytest.mark.parametrize("counts", [None, [], {"published": -1}, {"published": True}, {"published": 1e9}, {"x": 1}])
def test_counts_that_are_none_begin_again(site: Site, moment: Clock, counts: Any) -> None:
    assert creds_mirror.counted({"counts": counts}, "published")["published"] == 1


def test_no_text_can_make_a_sample(moment: Clock) -> None:
    hostile = 'x"} 1\ncreds_mirror_healthy{cli="y\\'
    report = {"cli": hostile, "healthy": False, "state": "good", "units": {hostile: "active"}}
    text = creds_mirror.exposition(report, {}, hostile, 1.5, moment())
    families = list(text_string_to_metric_families(text))
    assert {sample.labels["user"] for family in families for sample in family.samples} == {hostile}
    assert len(samples(text)["healthy"]) == 1


def test_a_killed_or_failed_write_leaves_the_last_whole_one(
    site: Site, moment: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = written(site)[0]

    def fails(*_arguments: Any, **_more: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(creds_mirror.os, "rename", fails)
    assert creds_mirror.metrics(site.config) == 74
    (path,) = pathlib.Path(site.config["metrics"]).iterdir()
    assert path.read_text() == before


def test_a_link_in_place_of_the_directory_is_not_followed(site: Site, tmp_path: pathlib.Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "metrics").rmdir()
    (tmp_path / "metrics").symlink_to(tmp_path / "elsewhere")
    assert creds_mirror.metrics(site.config) == 74
    assert list((tmp_path / "elsewhere").iterdir()) == []
