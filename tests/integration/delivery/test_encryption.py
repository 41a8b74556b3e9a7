"""Attachments that open with a password: as readers of others open them, and never in clear."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import date
from email import message_from_bytes, policy
from io import BytesIO

import openpyxl
import pytest

from airflow_provider_daybreak.archive import DraftFile
from airflow_provider_daybreak.delivery.audit import deliveries
from airflow_provider_daybreak.delivery.resending import Resending
from airflow_provider_daybreak.exceptions import MissingConnectionError
from airflow_provider_daybreak.hooks.delivery import DeliveryHook
from airflow_provider_daybreak.version_compat import AirflowFailException
from tests.mail import draft

msoffcrypto = pytest.importorskip("msoffcrypto")
olefile = pytest.importorskip("olefile")
pypdf = pytest.importorskip("pypdf")

pytestmark = pytest.mark.usefixtures("secret")

SECRET = "Kite-9-orchard!tin"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def workbook(cell="Sunrise 06:59"):
    book, file = openpyxl.Workbook(), BytesIO()
    book.active.append([cell, 12.7])
    book.save(file)
    return file.getvalue()


@pytest.fixture(scope="module")
def pdf():
    weasyprint = pytest.importorskip("weasyprint")
    page = (
        '<html lang="en"><title>Almanac</title><h1>Sunrise 06:59</h1><p style="break-before: page">Sunset</p>'
    )
    return weasyprint.HTML(string=page).write_pdf(pdf_tags=True)


@pytest.fixture
def publish(archive):
    """Return a function that publishes the day's report with these files, by name."""

    def run(**files):
        types = {"pdf": "application/pdf", "xlsx": XLSX, "html": "text/html"}
        return archive.publish(
            draft(
                files=[
                    DraftFile(f"data/{name.replace('_', '.')}", types[name.rpartition("_")[2]], content)
                    for name, content in files.items()
                ]
            )
        )

    return run


@pytest.fixture
def secret(monkeypatch):
    """Return a function that makes a connection with that password."""

    def run(password=SECRET, name="readers"):
        connection = json.dumps({"conn_type": "generic", "password": password})
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", connection)

    run()
    return run


def attached(received):
    return {part.get_filename(): part.get_content() for part in received.message.iter_attachments()}


def opened(data, password):
    """Return the first cell of an encrypted workbook, whose bytes were checked to be whole."""
    file, clear = msoffcrypto.OfficeFile(BytesIO(data)), BytesIO()
    file.load_key(password=password, verify_password=True)
    file.decrypt(clear, verify_integrity=True)
    return openpyxl.load_workbook(clear).active["A1"].value


def test_a_workbook_and_a_pdf_open_with_the_password_alone(mail, server, publish, pdf):
    publish(rows_xlsx=workbook(), page_pdf=pdf)
    mail(attachments=["data/rows.xlsx", "data/page.pdf"], encrypt="readers")

    [received] = server.mails
    files = attached(received)
    assert opened(files["rows.xlsx"], SECRET) == "Sunrise 06:59"
    with pytest.raises(msoffcrypto.exceptions.InvalidKeyError):
        opened(files["rows.xlsx"], SECRET.lower())
    with olefile.OleFileIO(files["rows.xlsx"]) as container:
        described = container.openstream("EncryptionInfo").read()
    assert b'cipherAlgorithm="AES"' in described
    assert b'keyBits="256"' in described
    reader = pypdf.PdfReader(BytesIO(files["page.pdf"]))
    assert reader.is_encrypted
    assert reader.decrypt(SECRET.lower()) == 0
    assert reader.decrypt(SECRET) != 0
    assert (len(reader.pages), reader.trailer["/Encrypt"]["/R"]) == (2, 6)
    assert reader.root_object["/StructTreeRoot"], "what reads it aloud has lost its tags"
    assert b"Sunrise" not in files["page.pdf"]


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="needs Debian's poppler-utils")
def test_another_program_opens_the_pdf_with_the_password_alone(mail, server, publish, pdf, tmp_path):
    publish(page_pdf=pdf)
    mail(attachments=["data/page.pdf"], encrypt="readers")
    path = tmp_path / "page.pdf"
    path.write_bytes(attached(server.mails[0])["page.pdf"])

    def read(*password):
        return subprocess.run(["pdftotext", *password, path, "-"], capture_output=True, text=True, check=False)

    assert "Sunrise 06:59" in read("-upw", SECRET).stdout
    assert read().returncode != 0


def test_all_recipients_get_the_same_encrypted_bytes_and_the_archive_keeps_the_clear(
    mail, server, publish, archive
):
    clear = workbook()
    revision = publish(rows_xlsx=clear)
    mail(to=["jane@example.org", "joe@example.org"], attachments=["data/rows.xlsx"], encrypt="readers")

    first, second = (attached(received)["rows.xlsx"] for received in server.mails)
    assert first == second != clear
    assert revision.read("data/rows.xlsx") == clear
    [info] = {json.dumps(each.facts["attachments"]) for each in deliveries(archive)}
    assert json.loads(info)[0]["sha256"] == revision.file("data/rows.xlsx").sha256


def test_what_is_sent_again_is_encrypted_as_the_first_was(mail, server, publish, secret, archive):
    publish(rows_xlsx=workbook())
    server.replies["jane@example.org"] = "550 no such user"
    mail(attachments=["data/rows.xlsx"], encrypt="readers", on_refused="warn")
    server.replies.clear()
    secret("Another-7-word.long")

    wanted = Resending("daily_report", date(2026, 3, 29), (), reason="mended", by="ann", id="1")
    DeliveryHook(archive=archive.uri).resend(wanted)

    assert opened(attached(server.mails[-1])["rows.xlsx"], "Another-7-word.long") == "Sunrise 06:59"


def test_a_mail_that_was_held_in_clear_and_is_to_be_encrypted_now_goes_out_encrypted_by_hand(
    mail, server, publish, archive
):
    publish(rows_xlsx=workbook())
    server.replies["jane@example.org"] = "450 later"
    for encrypt in (None, "readers"):
        with pytest.raises(Exception, match="not yet to"):
            mail(attachments=["data/rows.xlsx"], encrypt=encrypt)
    server.replies.clear()

    wanted = Resending("daily_report", date(2026, 3, 29), (), reason="mended", by="ann", id="1")
    DeliveryHook(archive=archive.uri).resend(wanted)

    assert opened(attached(server.mails[-1])["rows.xlsx"], SECRET) == "Sunrise 06:59"


def test_the_mails_of_a_dry_run_are_encrypted_too(mail, publish, tmp_path):
    publish(rows_xlsx=workbook("Only for readers"))
    mail(attachments=["data/rows.xlsx"], encrypt="readers", mode="dry_run")

    [path] = tmp_path.rglob("*.eml")
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    [part] = message.iter_attachments()
    assert opened(part.get_content(), SECRET) == "Only for readers"


def signed(data):
    generic = pypdf.generic
    writer, file = pypdf.PdfWriter(clone_from=BytesIO(data)), BytesIO()
    form = generic.DictionaryObject({generic.NameObject("/SigFlags"): generic.NumberObject(3)})
    writer.root_object[generic.NameObject("/AcroForm")] = form
    writer.write(file)
    return file.getvalue()


def encrypted(data):
    writer, file = pypdf.PdfWriter(clone_from=BytesIO(data)), BytesIO()
    writer.encrypt("other", algorithm="AES-256")
    writer.write(file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("make", "name", "problem"),
    [
        (lambda _: b"a,b\n", "data/rows.csv", "it is neither a PDF nor a workbook"),
        (lambda _: b"<p>Sunrise", "data/page.html", "it is neither a PDF nor a workbook"),
        (lambda _: b"<p>Sunrise", "data/page.pdf", "it is called a PDF, and isn't one"),
        (lambda _: b"a,b\n1,2\n", "data/rows.xlsx", "it is called a workbook, and isn't one"),
        (lambda _: b"%PDF-1.7\nrubbish", "data/page.pdf", "it can't be read"),
        (encrypted, "data/page.pdf", "it is encrypted already"),
        (signed, "data/page.pdf", "it is signed"),
    ],
)
def test_what_can_not_be_encrypted_is_refused_by_name_and_nothing_is_sent(
    mail, server, publish, pdf, make, name, problem
):
    file = name.rpartition("/")[2]
    publish(**({} if file == "rows.csv" else {file.replace(".", "_"): make(pdf)}))

    with pytest.raises(AirflowFailException) as refused:
        mail(to=["jane@example.org", "joe@example.org"], attachments=[name], encrypt="readers")

    assert f"Cannot encrypt the attachment '{file}': {problem}" in str(refused.value)
    assert server.mails == []


def test_without_its_extra_nothing_is_sent_in_clear(mail, server, publish, monkeypatch):
    publish(rows_xlsx=workbook())
    monkeypatch.setitem(sys.modules, "msoffcrypto", None)

    with pytest.raises(AirflowFailException, match=r"airflow-provider-daybreak\[encrypt\]"):
        mail(attachments=["data/rows.xlsx"], encrypt="readers")

    assert server.mails == []


def test_of_two_reports_neither_is_sent_where_the_second_can_not_be_encrypted(mail, server, archive):
    results = []
    for report, content in (("north", workbook()), ("south", b"a,b\n1,2\n")):
        file = DraftFile("data/rows.xlsx", XLSX, content)
        results.append({"manifest": archive.publish(replace(draft(files=[file]), report=report)).uri})
    people = [{"address": "ann@example.org", "report": report} for report in ("north", "south")]

    with pytest.raises(AirflowFailException, match="it is called a workbook, and isn't one"):
        mail(report=results, to=people, attachments=["data/rows.xlsx"], encrypt="readers")

    assert server.mails == []


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("", "it has none"),
        ("short-1a", "doesn't have 12 to 127 characters"),
        ("abababababababab", "fewer than 5 different"),
        ("Kite-9-orchärd!tin", "other than printable ASCII"),
        ("Kite-9-orchard!" * 9, "doesn't have 12 to 127 characters"),
    ],
)
def test_a_password_that_protects_nothing_is_refused_without_being_told(
    mail, server, publish, secret, caplog, password, problem
):
    caplog.set_level(logging.DEBUG)
    publish(rows_xlsx=workbook())
    secret(password)

    with pytest.raises(AirflowFailException) as refused:
        mail(attachments=["data/rows.xlsx"], encrypt="readers")

    assert problem in str(refused.value)
    assert "'readers'" in str(refused.value)
    assert not password or password not in str(refused.value) + repr(refused.value.__cause__) + caplog.text
    assert server.mails == []


@pytest.mark.parametrize("given", ["", True, 7])
def test_an_id_that_is_none_sends_nothing_in_clear(mail, server, publish, given):
    publish(rows_xlsx=workbook())

    with pytest.raises(AirflowFailException, match="the id of the connection whose password"):
        mail(attachments=["data/rows.xlsx"], encrypt=given)

    assert server.mails == []


def test_a_connection_that_is_not_there_sends_nothing_in_clear(mail, server, publish):
    publish(rows_xlsx=workbook())

    with pytest.raises(AirflowFailException, match="There is no connection 'nobody'") as missing:
        mail(attachments=["data/rows.xlsx"], encrypt="nobody")

    assert isinstance(missing.value.__cause__, MissingConnectionError)
    assert server.mails == []


def test_to_encrypt_a_mail_without_attachments_is_refused_since_its_text_stays_clear(mail, server, publish):
    publish()

    with pytest.raises(AirflowFailException, match="leaves the mail's own text in clear"):
        mail(encrypt="readers")

    assert server.mails == []


def test_the_password_is_in_no_file_no_log_and_no_result(mail, publish, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    publish(rows_xlsx=workbook())
    result = mail(attachments=["data/rows.xlsx"], encrypt="readers")

    assert SECRET not in json.dumps(result) + caplog.text
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]
