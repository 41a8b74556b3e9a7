from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from hashlib import sha256

import pytest
import time_machine
from airflow.exceptions import AirflowException

from airflow_provider_daybreak.archive import DraftFile
from airflow_provider_daybreak.delivery.ledger import Ledger, key_of
from airflow_provider_daybreak.exceptions import DeliveryPendingError
from airflow_provider_daybreak.version_compat import AirflowFailException
from tests.mail import LOGIN, PASSWORD, draft

pytestmark = pytest.mark.usefixtures("revision")


def test_a_mail_has_text_html_inline_charts_and_attachments(mail, server, revision):
    result = mail(attachments=["data/rows.csv"])

    (received,) = server.mails
    message = received.message
    related, attached = message.iter_parts()
    alternative, image = related.iter_parts()
    text, html = alternative.iter_parts()
    assert message.get_content_type() == "multipart/mixed"
    assert related.get_content_type() == "multipart/related"
    assert text.get_content() == "Almanac\n\nSunrise 06:59.\n"
    assert f'src="cid:{image["Content-ID"].strip("<>")}"' in html.get_content()
    assert image.get_content() == revision.read("charts/daylight.png")
    assert (image.get_content_type(), image.get_content_disposition()) == ("image/png", "inline")
    assert (attached.get_content_type(), attached.get_filename()) == ("text/csv", "rows.csv")
    assert attached.get_content() == "a,b\n1,2\n"
    assert message["Subject"] == "Almanac for 29 March 2026"
    assert message["From"] == f"Reports <{LOGIN}>"
    assert message["To"] == "jane@example.org"
    assert result["message_ids"] == {"jane@example.org": message["Message-ID"]}
    assert server.credentials == [(LOGIN, PASSWORD)]


def test_the_result_says_what_became_of_each(mail):
    assert mail() | {"message_ids": ...} == {
        "report": "daily_report",
        "report_date": "2026-03-29",
        "revision": 1,
        "sent": ["jane@example.org"],
        "already_sent": [],
        "deferred": {},
        "refused": {},
        "unknown": {},
        "held": {},
        "message_ids": ...,
    }


def test_a_second_run_of_the_same_date_sends_nothing(mail, server, make_context):
    mail()
    again = mail(context=make_context(run_id="manual__again", try_number=3))

    assert len(server.mails) == 1
    assert again["sent"] == []
    assert again["already_sent"] == ["jane@example.org"]


def test_a_new_recipient_of_a_mailed_date_alone_gets_it(mail, server):
    mail()
    mail(to=["jane@example.org", "joe@example.org"])

    assert server.recipients() == ["jane@example.org", "joe@example.org"]


def test_new_content_for_a_mailed_date_is_archived_and_not_mailed(mail, server, archive):
    mail()
    archive.publish(draft(text="Corrected\n"))
    mail()

    assert len(server.mails) == 1


def test_new_content_is_mailed_once_when_corrections_are_to_be_sent(mail, server, archive):
    mail()
    archive.publish(draft(text="Corrected\n"))
    mail(on_correction="send")
    mail(on_correction="send")

    first, second = (received.message for received in server.mails)
    assert second["Message-ID"] != first["Message-ID"]
    assert second["In-Reply-To"] == first["Message-ID"]


def test_what_goes_back_to_what_it_was_corrects_the_correction(mail, server, archive):
    for text in ("As it was\n", "Corrected\n", "As it was\n"):
        archive.publish(draft(text=text))
        mail(on_correction="send")
        mail(on_correction="send")

    texts = [received.message.get_body(("plain",)).get_content().strip() for received in server.mails]
    assert texts == ["As it was", "Corrected", "As it was"]


def test_a_clock_that_is_set_back_keeps_no_correction_from_its_reader(mail, server, archive):
    now = datetime.now(timezone.utc)
    for text, hours in (("As it was\n", 0), ("Corrected\n", -3), ("As it was\n", -3)):
        archive.publish(draft(text=text))
        with time_machine.travel(now + timedelta(hours=hours)):
            mail(on_correction="send")

    texts = [received.message.get_body(("plain",)).get_content().strip() for received in server.mails]
    assert texts == ["As it was", "Corrected", "As it was"]


def test_what_came_back_before_a_correction_was_mailed_sends_nothing(mail, server, archive):
    mail()
    archive.publish(draft(text="Corrected\n"))
    archive.publish(draft())

    assert mail(on_correction="send")["already_sent"] == ["jane@example.org"]
    assert len(server.mails) == 1


def test_an_older_correction_is_not_mailed_after_a_newer_one(mail, server, archive):
    mail()
    older, newer = (archive.publish(draft(text=text)) for text in ("Older\n", "Newer\n"))
    mail({"manifest": newer.uri}, on_correction="send")
    mail({"manifest": older.uri}, on_correction="send")

    assert len(server.mails) == 2


def test_a_correction_that_an_older_version_mailed_is_not_mailed_again(mail, server, archive):
    mail()
    manifest = archive.publish(draft(text="Corrected\n")).manifest
    occasion = f"correction:{manifest.digest}"
    facts = {
        **{name: getattr(manifest, name) for name in ("report", "revision", "digest")},
        "report_date": "2026-03-29",
        "recipient": "jane@example.org",
        "occasion": occasion,
    }
    mailed_before(archive, manifest.period_key, "jane@example.org", occasion, facts)

    mail(on_correction="send")

    assert len(server.mails) == 1


def test_quotes_that_need_not_be_make_no_other_recipient(mail, server):
    mail(to=["joe@example.org", '"joe"@example.org'])
    mail(to=['"Joe"@example.org'])

    assert server.recipients() == ["joe@example.org"]


@pytest.mark.parametrize(
    ("zone", "known_as", "named"),
    [
        ("Europe/Berlin", '"joe"@example.org', "joe@example.org"),
        ("Europe/Berlin", '"j\\oe"@example.org', '"j\\oe"@example.org'),
        ("Etc/UTC", "joe@example.org", "joe@example.org"),
        ("Etc/Zulu", '"joe"@example.org', '"joe"@example.org'),
    ],
)
def test_a_mail_that_an_older_version_sent_under_another_spelling_is_not_sent_again(
    mail, server, archive, zone, known_as, named
):
    manifest = archive.publish(draft(timezone=zone)).manifest
    mailed_before(archive, f"day:2026-03-29:{zone}", known_as, "", {"report_date": "2026-03-29", "revision": 1})

    result = mail(to=[named])

    assert (server.mails, result["already_sent"]) == ([], [named])
    assert manifest.period_key == f"day:2026-03-29:{zone}"


def test_a_period_is_the_same_whatever_utc_is_called(mail, server, archive):
    day = {"start": "2026-03-29T00:00:00+00:00", "end": "2026-03-30T00:00:00+00:00"}
    first = archive.publish(draft(timezone="UTC", **day))
    mail()
    again = archive.publish(draft(timezone="Etc/UTC", **day))
    mail(on_correction="send")

    assert (again.uri, again.existing) == (first.uri, True)
    assert archive.latest("daily_report", draft().report_date, "day:2026-03-29:Zulu") == first
    archive.publish(draft(timezone="Etc/UTC", text="Corrected\n", **day))
    mail()
    assert len(server.mails) == 1


def mailed_before(archive, period_key, address, occasion, facts):
    """Write down that a mail was sent, as a version did that knew no other key for it."""
    ledger = Ledger(archive.deliveries("daily_report", draft().report_date))
    key = key_of("daily_report", period_key, address, occasion)
    facts = {"message_id": "<1@example.org>", "digest": "other", **facts}
    ledger.commit(key, 0, facts)
    ledger.settle(key, 0, "sent", "250 taken", facts)
    ledger.synchronise()


def test_a_second_report_date_in_a_mailed_week_sends_nothing(mail, server, archive):
    week = {"start": "2026-03-23T00:00:00+01:00", "end": "2026-03-30T00:00:00+02:00", "period": "week"}
    for day in (23, 24):
        revision = archive.publish(draft(report_date=draft().report_date.replace(day=day), **week))
        mail({"manifest": revision.uri})

    assert len(server.mails) == 1


def test_a_late_run_is_archived_and_says_that_it_is_not_mailed(mail, server, caplog):
    result = mail(max_lateness=timedelta(days=7))

    assert server.mails == []
    assert "too late: its period ended" in result["held"]["jane@example.org"]
    assert "archived, not mailed to 1: too late" in caplog.text


def test_a_run_within_its_lateness_is_mailed(mail, server, archive, today):
    yesterday = today - timedelta(days=1)
    period = {"start": yesterday.isoformat(), "end": today.isoformat()}
    revision = archive.publish(draft(report_date=yesterday.date(), **period))

    mail({"manifest": revision.uri}, max_lateness=timedelta(days=7))

    assert len(server.mails) == 1


def test_a_report_whose_checks_failed_is_not_mailed(mail, server, archive):
    revision = archive.publish(draft(failed_checks=True))

    assert "its checks failed" in mail({"manifest": revision.uri})["held"]["jane@example.org"]
    assert server.mails == []


def test_the_connection_names_who_gets_what_names_nobody(mail, server, connect_to):
    connect_to(server, default_recipients=["Doe <joe@example.org>"])
    mail(to="")

    assert server.recipients() == ["joe@example.org"]


def test_nobody_to_mail_is_an_error_that_is_not_tried_again(mail):
    with pytest.raises(AirflowFailException, match="No recipients"):
        mail(to="")


def test_an_empty_list_of_recipients_is_no_success(mail):
    assert "the list of recipients that was given is empty" in mail(to=[])["skipped"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"max_lateness": timedelta(days=7)}, "too late: its period ended"),
        ({"mode": "dry_run"}, "dry run, written to file://"),
        ({"redirect_all_to": "me@example.org"}, "redirected: 1 went to me@example.org"),
        ({"to": ["jane@example.com"], "on_refused": "warn"}, "550 no such user"),
    ],
)
def test_a_task_that_mailed_nobody_ends_as_skipped_with_the_reason(mail, server, arguments, reason):
    server.replies["jane@example.com"] = "550 no such user"

    assert mail(**arguments)["skipped"].startswith(f"Nobody was mailed 'daily_report' of 2026-03-29: {reason}")


def test_a_task_that_mailed_some_is_a_success(mail, server):
    server.replies["jane@example.com"] = "550 no such user"

    assert "skipped" not in mail(to=["jane@example.com", "joe@example.org"], on_refused="warn")


def test_a_report_that_everybody_has_is_a_success_however_late(mail):
    mail()

    again = mail(max_lateness=timedelta(days=7))
    assert (again["already_sent"], again.get("skipped")) == (["jane@example.org"], None)


def test_a_run_that_is_to_mail_even_if_late_does(mail, make_context):
    late = {"max_lateness": timedelta(days=7)}
    context = make_context(task_id="mail_report", params={"mail_even_if_late": True})

    assert "skipped" in mail(**late)
    assert mail(context=context, **late)["sent"] == ["jane@example.org"]


def test_a_param_to_mail_even_if_late_that_is_no_truth_value_is_refused(mail, make_context):
    context = make_context(task_id="mail_report", params={"mail_even_if_late": "yes"})

    with pytest.raises(AirflowFailException, match="Invalid param mail_even_if_late 'yes'"):
        mail(context=context)


def test_of_five_the_three_that_are_refused_are_named_and_the_others_mailed_once(mail, server):
    people = [f"p{number}@example.org" for number in range(5)]
    server.replies |= dict.fromkeys(people[:3], "550 5.1.1 no such user")

    for _ in range(3):
        with pytest.raises(AirflowFailException, match="mailed to 2") as caught:
            mail(to=people)

    assert all(f"{person} (550 5.1.1 no such user)" in str(caught.value) for person in people[:3])
    assert server.recipients() == people[3:]


def test_a_refusal_is_in_the_result_when_it_is_only_to_warn(mail, server):
    server.replies["jane@example.org"] = "550 no such user"

    assert mail(on_refused="warn")["refused"] == {"jane@example.org": "550 no such user"}


def test_a_recipient_who_is_put_off_alone_is_tried_again(mail, server):
    server.replies["joe@example.org"] = "451 greylisted"
    with pytest.raises(DeliveryPendingError, match=r"not yet to joe@example.org \(451 greylisted\)"):
        mail(to=["jane@example.org", "joe@example.org"])
    server.replies.clear()

    result = mail(to=["jane@example.org", "joe@example.org"])

    assert (result["sent"], result["already_sent"]) == (["joe@example.org"], ["jane@example.org"])
    assert server.recipients() == ["jane@example.org", "joe@example.org"]


def test_a_mail_that_is_put_off_after_its_end_is_sent_by_the_next_try(mail, server):
    server.data_replies["jane@example.org"] = "452 full"
    with pytest.raises(DeliveryPendingError):
        mail()
    server.data_replies.clear()

    assert mail()["sent"] == ["jane@example.org"]


def test_recipients_in_bcc_get_it_and_are_in_no_header(mail, server):
    mail(cc=['"Doe, Joe" <joe@example.org>'], bcc=["boss@example.org"])

    assert server.recipients() == ["jane@example.org", "joe@example.org", "boss@example.org"]
    for received in server.mails:
        assert received.message["Cc"] == '"Doe, Joe" <joe@example.org>'
        assert b"boss@" not in received.content


def test_what_is_kept_for_the_next_report_is_not_attached(archive, mail, server):
    kept = DraftFile("data/pay.snapshot.jsonl", "application/jsonl", b'[["Ann", 9000]]', snapshot=True)
    archive.publish(draft(title="Pay", files=[kept]))

    with pytest.raises(AirflowFailException, match=r"No file 'data/pay\.snapshot\.jsonl'"):
        mail(attachments=["data/pay.snapshot.jsonl"])

    assert server.mails == []


def test_a_changed_archive_file_stops_the_mail(mail, server, revision):
    revision.path("report.html").write_text("tampered")

    with pytest.raises(AirflowFailException, match="report.html"):
        mail()
    assert server.mails == []


@pytest.mark.parametrize("name", ["report.html", "report.txt", "charts/daylight.png", "manifest.json"])
def test_a_missing_archive_file_stops_the_mail(name, mail, server, revision):
    (revision.path("report.html").parent / name).unlink()

    with pytest.raises(AirflowException, match=name):
        mail({"manifest": revision.uri})
    assert server.mails == []


def test_a_missing_attachment_stops_the_mail(mail, server, tmp_path):
    info = {"uri": (tmp_path / "gone.pdf").as_uri(), "sha256": "0" * 64, "bytes": 1}

    with pytest.raises(AirflowFailException, match=r"Cannot attach 'gone.pdf': there is no such file"):
        mail(attachments=[info])
    assert server.mails == []


def test_of_ten_thousand_that_may_not_be_mailed_twenty_are_named(mail, server):
    people = [f"p{number}@example.com" for number in range(10_000)]

    said = mail(to=people, allowed_domains=["example.org"])["skipped"]

    assert "p19@example.com and 9980 more: allowed_domains" in said
    assert server.connections == 0


def test_a_container_tasks_output_is_attached(mail, server, archive, tmp_path):
    path = tmp_path / "out"
    path.write_bytes(b"%PDF-1.7 \x00\xff" * 1000)
    with path.open("rb") as file:
        artifact = archive.store_artifact("almanac.pdf", file)
    mail(attachments=[{"outputs": {"report.pdf": artifact.info()}}, None])

    (attached,) = server.mails[0].message.iter_attachments()
    assert (attached.get_content_type(), attached.get_filename()) == ("application/pdf", "almanac.pdf")
    assert attached.get_content() == path.read_bytes()


def test_a_changed_attachment_stops_the_mail(mail, server, tmp_path):
    path = tmp_path / "out.pdf"
    path.write_bytes(b"1")
    info = {"uri": path.as_uri(), "sha256": "0" * 64, "bytes": 1}

    with pytest.raises(AirflowFailException, match="the file has changed"):
        mail(attachments=[info])
    assert server.mails == []


def test_attachments_without_room_are_left_out_with_a_line_that_says_where_they_are(
    mail, server, archive, tmp_path
):
    path = tmp_path / "out"
    path.write_bytes(b"x" * 300_000)
    with path.open("rb") as file:
        info = archive.store_artifact("large.bin", file).info()
    mail(attachments=[info, "data/rows.csv"], max_bytes=100_000)

    message = server.mails[0].message
    assert [part.get_filename() for part in message.iter_attachments()] == ["rows.csv"]
    for kind in ("plain", "html"):
        line = f"Left out for its size: large.bin (300.0 kB), at {info['uri']}"
        assert line in message.get_body((kind,)).get_content()


@pytest.fixture
def forty_megabytes(archive, tmp_path):
    """Return an artifact of that size."""
    path = tmp_path / "out"
    path.write_bytes(os.urandom(1_000_000) * 40)
    with path.open("rb") as file:
        return archive.store_artifact("measured.bin", file).info()


def test_forty_megabytes_are_left_out_where_nothing_else_was_said(mail, server, forty_megabytes):
    mail(attachments=[forty_megabytes])

    assert "measured.bin (40.0 MB)" in server.mails[0].message.get_body(("plain",)).get_content()
    assert len(server.mails[0].content) < 10_000


def test_forty_megabytes_arrive_where_they_may(mail, server, forty_megabytes):
    server.size_limit = 60_000_000
    mail(attachments=[forty_megabytes], max_bytes=60_000_000)

    (attached,) = server.mails[0].message.iter_attachments()
    assert sha256(attached.get_content()).hexdigest() == forty_megabytes["sha256"]


def test_the_servers_own_limit_counts_too(mail, archive, tmp_path, server):
    server.size_limit = 60_000
    path = tmp_path / "out"
    path.write_bytes(b"x" * 300_000)
    with path.open("rb") as file:
        info = archive.store_artifact("large.bin", file).info()
    mail(attachments=[info])

    assert "large.bin" in server.mails[0].message.get_body(("plain",)).get_content()


def test_many_recipients_share_a_connection(mail, server):
    mail(to=[f"p{number}@example.org" for number in range(150)])

    assert len(set(server.recipients())) == 150
    assert server.connections == 1
    assert server.mails[7].message["To"] == "p7@example.org"


def test_a_report_that_was_never_made_is_an_error(mail):
    with pytest.raises(AirflowException, match="No revision at"):
        mail("weekly_report")


def test_two_hosts_with_archives_of_their_own_mail_nobody(mail, server, monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")

    for mode in ("send", "hold", "dry_run"):
        with pytest.raises(AirflowFailException, match="each host would keep a ledger of its own"):
            mail(mode=mode)
    assert server.connections == 0


def test_hosts_that_share_the_mount_of_the_archive_mail_once(mail, server, monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW__DAYBREAK__ARCHIVE_IS_SHARED", "True")
    mail()
    mail()

    assert server.recipients() == ["jane@example.org"]


INTERNATIONAL = ["jane@example.org", "Jörg <jörg@faß.de>"]


def test_a_mail_to_an_international_domain_goes_there(mail, server):
    result = mail(to=["info@faß.de"], bcc="ann@straße.example", allowed_domains=["faß.de", "straße.example"])

    assert server.recipients() == ["info@xn--fa-hia.de", "ann@xn--strae-oqa.example"]
    assert result["sent"] == server.recipients()


def test_an_address_beyond_ascii_is_mailed_where_the_server_takes_it(mail, server):
    server.utf8 = True
    mail(to=INTERNATIONAL)

    assert server.recipients() == ["jane@example.org", "jörg@xn--fa-hia.de"]
    jane, joerg = (received.content for received in server.mails)
    assert "To: jane@example.org, =?utf-8?b?SsO2cmc=?= <jörg@xn--fa-hia.de>\r\n".encode() in joerg
    assert jane.isascii()
    assert server.mails[0].message["To"].groups[1].display_name == "Jörg jörg@xn--fa-hia.de"


def test_an_address_beyond_ascii_alone_is_refused_where_the_server_takes_none(mail, server):
    with pytest.raises(
        AirflowFailException, match=r"jörg@xn--fa-hia.de \(the server takes only ASCII before the @"
    ):
        mail(to=INTERNATIONAL)

    assert server.recipients() == ["jane@example.org"]


def test_without_a_connection_the_mail_fails_at_once_and_says_what_to_add(mail, revision, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_SMTP_DEFAULT")

    with pytest.raises(
        AirflowFailException, match="no connection 'smtp_default' to mail over. Add one of type smtp"
    ):
        mail({"manifest": revision.uri})


def test_an_international_domain_is_the_one_that_is_written_wherever_an_address_stands(mail, server):
    mail(
        to=["Ann <ann@faß.de>"],
        cc="Bo <bo@βόλος.com>; كريم <k@مثال.إختبار>",
        bcc="secret@ශ්‍රී.com",
        from_email="Wetter <wetter@straße.example>",
        reply_to="太郎 <taro@例え.jp>",
        allowed_domains=["faß.de", "xn--nxasmm1c.com", "مثال.إختبار", "ශ්‍රී.com"],
    )

    ascii_ones = [
        "ann@xn--fa-hia.de",
        "bo@xn--nxasmm1c.com",
        "k@xn--mgbh0fb.xn--kgbechtv",
        "secret@xn--10cl1a0b660p.com",
    ]
    assert sorted(server.recipients()) == sorted(ascii_ones)
    assert set(server.senders) == {"wetter@xn--strae-oqa.example"}
    message = server.mails[0].message
    assert message["From"] == "Wetter <wetter@xn--strae-oqa.example>"
    assert message["Reply-To"].addresses[0].addr_spec == "taro@xn--r8jz45g.jp"
    assert [each.addr_spec for each in message["Cc"].addresses] == ascii_ones[1:3]


@pytest.mark.parametrize("where", ["default_recipients", "redirect_all_to", "from_email"])
def test_an_international_domain_in_the_connection_is_the_one_that_is_written(where, mail, server, connect_to):
    value = ["info@faß.de"] if where == "default_recipients" else "info@faß.de"
    connect_to(server, **{"default_recipients": ["jane@example.org"], where: value})

    mail(to=())

    found = server.senders if where == "from_email" else server.recipients()
    assert found == ["info@xn--fa-hia.de"]
