"""What the benchmark calls worse, and what it prints of a figure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "bench"


@pytest.fixture
def short(monkeypatch):
    """The short form, whose modules know each other by their folder."""
    monkeypatch.syspath_prepend(BENCH)
    import short

    return short


@pytest.mark.parametrize(("ours", "ok"), [(1.1, True), (1.4, False)])
def test_a_ratio_that_is_worse_by_a_third_than_the_one_that_is_kept_has_missed(
    short, monkeypatch, tmp_path, ours, ok
):
    monkeypatch.setattr(short, "RATIOS", tmp_path / "ratios.json")
    short.RATIOS.write_text('{"check": 1.0}')
    monkeypatch.setattr(short, "_measured", lambda _: [("check", ours, 1.0, "airflow version")])
    monkeypatch.setenv("AIRFLOW_HOME", "set anew by what is measured")

    [figure] = short.figures()

    assert figure.ok is ok
    assert figure.line().endswith("ok" if ok else "MISSED")
    assert json.loads(short.RATIOS.read_text()) == {"check": 1.0}


def test_a_figure_has_its_floor_beside_it(short):
    figure = short.Figure("releases.one", 2.0, 3.0, 1.0, "s", "stock", floor=1.0, floor_name="nothing but uv")

    assert "stock 3 s  ratio 0.667  floor nothing but uv 1 s" in figure.line()
