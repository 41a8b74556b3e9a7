from __future__ import annotations

from datetime import date

import pytest

from airflow_provider_daybreak.archive import Archive, Draft, DraftFile
from airflow_provider_daybreak.exceptions import ArchivedFileChangedError, ArchivedFileNotFoundError
from airflow_provider_daybreak.web.content import content_of, page_of


@pytest.fixture
def publish(tmp_path):
    """Return a function that makes a revision of files given as name=(media type, content)."""

    def make(files, snapshots=()):
        kept = [DraftFile(name, "application/jsonl", snapshots[name], snapshot=True) for name in snapshots]
        return Archive(tmp_path).publish(
            Draft(
                report="daily_report",
                report_date=date(2026, 3, 29),
                period={
                    "name": "day",
                    "start": "2026-03-29T00:00:00+00:00",
                    "end": "2026-03-30T00:00:00+00:00",
                    "timezone": "UTC",
                },
                title="Almanac",
                files=[DraftFile(name, media_type, content) for name, (media_type, content) in files.items()]
                + kept,
                rows={},
                run={},
            )
        )

    return make


def test_charts_become_part_of_the_page(publish):
    html = b"""<img alt="x" src="charts/a.png"><img src='charts/a b&amp;c.png'><img src="charts/b.png">"""
    revision = publish(
        {
            "report.html": ("text/html", html),
            "charts/a.png": ("image/png", b"\x89PNG"),
            "charts/a b&c.png": ("image/png", b"PNG"),
        }
    )

    page = page_of(revision)

    assert page.body == (
        b'<img alt="x" src="data:image/png;base64,iVBORw=="><img src=\'data:image/png;base64,UE5H\'>'
        b'<img src="charts/b.png">'
    )
    assert page.media_type == "text/html; charset=utf-8"


def test_a_page_is_sandboxed(publish):
    page = page_of(publish({"report.html": ("text/html", b"<script>alert(1)</script>")}))

    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-downloads; default-src 'none'; img-src data:;")
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Referrer-Policy"] == "no-referrer"


def test_the_page_made_for_browsers_goes_before_the_mails_and_text_comes_last(publish):
    text = {"report.txt": ("text/plain", b"text")}
    mail = {"report.html": ("text/html", b"mail")}
    page = {"page.html": ("text/html", b"page")}

    assert page_of(publish(text)).body == b"text"
    assert page_of(publish(text | mail)).body == b"mail"
    assert page_of(publish(text | mail | page)).body == b"page"


def test_a_revision_without_any_page_has_none(publish):
    with pytest.raises(ArchivedFileNotFoundError):
        page_of(publish({"data/a.csv": ("text/csv", b"a")}))


def test_what_is_kept_for_the_next_report_is_not_handed_over(publish):
    revision = publish({"report.html": ("text/html", b"")}, {"data/pay.snapshot.jsonl": b'[["Ann", 9000]]'})

    with pytest.raises(ArchivedFileNotFoundError) as refused:
        content_of(revision, "data/pay.snapshot.jsonl")

    assert refused.value.names == ["report.html"]


@pytest.mark.parametrize(
    "media_type", ["image/svg+xml", "application/pdf", "application/xhtml+xml", "text/csv"]
)
def test_what_may_hold_script_is_saved_and_not_shown(publish, media_type):
    content = content_of(publish({'data/größe "1".x': (media_type, b"")}), 'data/größe "1".x')

    assert content.headers["Content-Disposition"] == (
        "attachment; filename=\"gr__e__1_.x\"; filename*=UTF-8''gr%C3%B6%C3%9Fe%20%221%22.x"
    )
    assert content.headers["Content-Security-Policy"].startswith("sandbox")


def test_a_media_type_that_is_none_is_bytes(publish):
    content = content_of(publish({"a": ("text/html\r\nX-Evil: 1", b"")}), "a")

    assert content.media_type == "application/octet-stream"


def test_a_changed_chart_is_not_shown(publish):
    revision = publish(
        {"report.html": ("text/html", b'<img src="charts/a.png">'), "charts/a.png": ("image/png", b"PNG")}
    )
    revision.path("charts/a.png").write_bytes(b"other")

    with pytest.raises(ArchivedFileChangedError):
        page_of(revision)
