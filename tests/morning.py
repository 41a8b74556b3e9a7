"""
A morning of 30 reports, for tests and pictures: one is late, one failed, one is held, one in doubt, one was refused, and three days are missing.

Each is due once a day, three hours before the moment that the morning is made for, by a Dag of its own, which renders it and mails it for true.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta, timezone
from pathlib import Path

from airflow_provider_daybreak.delivery.ledger import key_of
from airflow_provider_daybreak.delivery.mailing import ledger_of
from tests.mail import draft

TAG = "morning"
DAYS = 14
NAMES = (
    *(
        "sales_daily",
        "sales_by_region",
        "sales_returns",
        "orders_open",
        "orders_late",
        "stock_levels",
        "stock_ageing",
    ),
    *(
        "warehouse_north",
        "warehouse_south",
        "deliveries_missed",
        "cash_position",
        "bank_matches",
        "invoices_due",
    ),
    *(
        "invoices_overdue",
        "margin_by_product",
        "price_changes",
        "web_traffic",
        "web_funnel",
        "newsletter",
        "support_queue",
    ),
    *(
        "support_escalations",
        "machine_downtime",
        "energy_use",
        "quality_rejects",
        "shift_plan",
        "absences",
        "new_hires",
    ),
    *("supplier_scores", "exchange_rates", "security_logins"),
)
LATE, FAILED, HELD, DOUBT, REFUSED, GAPS = (
    *("stock_levels", "cash_position", "invoices_overdue", "newsletter", "support_queue"),
    "machine_downtime",
)
MISSING = (3, 4, 9)
"""How many days back ``GAPS`` has none."""
OWNERS = ("ann", "bo", "cy")

_DAGS = """
from datetime import timedelta

from airflow.sdk import DAG

from airflow_provider_daybreak.operators.delivery import ReportEmailOperator
from airflow_provider_daybreak.operators.report import ReportOperator

for number, (name, readers) in enumerate({readers!r}.items()):
    with DAG(
        name,
        schedule={cron!r},
        is_paused_upon_creation=False,
        default_args={{"owner": {owners!r}[number % 3], "retries": 0}},
        tags=[{tag!r}, name.partition("_")[0]],
    ) as dag:
        report = ReportOperator(task_id="render_report", report=name, template=f"templates/{{name}}.md.j2")
        ReportEmailOperator(
            task_id="mail_report", report=report.output, to=readers, mode="hold" if name == {held!r} else "send"
        )
    globals()[name] = dag
"""


def readers_of(name):
    """Return who gets a report: three to twelve people."""
    return [f"reader{number}@example.org" for number in range(3 + NAMES.index(name) % 10)]


def write_template(folder, name, text):
    """Write the template of a report, in the folder of the Dags."""
    title = name.replace("_", " ").capitalize()
    (folder / "templates" / f"{name}.md.j2").write_text(f"# {title}, {{{{ report.date }}}}\n\n{text}\n")


@dataclass(frozen=True)
class Morning:
    """
    What the reports of a morning are due at.

    :param now: the moment that it is made for.
    """

    now: datetime

    @property
    def due(self):
        """When they were due last."""
        return (self.now.astimezone(timezone.utc) - timedelta(hours=3)).replace(second=0, microsecond=0)

    @property
    def today(self):
        """The last report date."""
        return self.due.date()

    def write_dags(self, folder):
        """Write the Dags into a folder, with their templates: that of the failing one fails until it is mended."""
        (folder / "templates").mkdir(parents=True, exist_ok=True)
        readers = {name: readers_of(name) for name in NAMES}
        cron = f"{self.due.minute} {self.due.hour} * * *"
        made = _DAGS.format(readers=readers, cron=cron, owners=OWNERS, tag=TAG, held=HELD)
        (folder / "morning.py").write_text(made)
        for name in NAMES:
            write_template(folder, name, "{{ 1 / 0 }}" if name == FAILED else "All is well.")

    def seed(self, archive):
        """Archive and mail what was, but for what went wrong, and what waits for an approval: that takes a run."""
        for name in NAMES:
            for back in range(DAYS):
                lacks = name in (LATE, FAILED, HELD) and not back
                if lacks or (name == GAPS and back in MISSING):
                    continue
                self.publish(archive, name, back, readers=readers_of(name)[: 1 if back else None])

    def publish(self, archive, name, back, *, readers):
        """Archive a report of some days back, and mail it as the morning has it."""
        day = self.today - timedelta(days=back)
        start = datetime.combine(day, time(), timezone.utc)
        made = replace(
            draft(
                name,
                day,
                title=f"{name.replace('_', ' ').capitalize()}, {day:%-d %B %Y}",
                start=start.isoformat(),
                end=(start + timedelta(days=1)).isoformat(),
                timezone="UTC",
            ),
            run={
                "dag_id": name,
                "run_id": f"scheduled__{day}",
                "task_id": "render_report",
                "map_index": -1,
                "try_number": 1,
            },
        )
        revision = archive.publish(made)
        at = self.due - timedelta(days=back) + timedelta(minutes=2 + len(name) % 7)
        self._stamp(revision, at)
        self._mail(archive, revision, at, readers, today=not back)
        return revision

    def _stamp(self, revision, at):
        path = revision.folder / "manifest.json"
        said = path.read_text().replace(revision.manifest.created, at.isoformat(timespec="seconds"))
        path.write_text(said)

    def _mail(self, archive, revision, at, readers, *, today):
        manifest = revision.manifest
        ledger = ledger_of(archive, manifest)
        for address in readers:
            facts = {
                "report": manifest.report,
                "report_date": manifest.report_date.isoformat(),
                "period": manifest.period_key,
                "revision": manifest.revision,
                "recipient": address,
                "occasion": "",
            }
            key = key_of(manifest.report, manifest.period_key, address)
            last = today and address == readers[-1]
            status, reason = "sent", "250 2.0.0 taken"
            if last and manifest.report == DOUBT:
                status, reason = "unknown", "the connection ended after the last byte"
            if last and manifest.report == REFUSED:
                status, reason = "refused", "550 5.1.1 no such user here"
            with ledger.held(key, 0):
                ledger.commit(key, 0, facts)
                ledger.settle(key, 0, status, reason, facts)
            ledger.synchronise()
            path = Path(ledger.folder) / key / "outcome.0.json"
            text = path.read_text()
            path.write_text(
                text.replace(
                    text.partition('"time": "')[2].partition('"')[0], at.isoformat(timespec="milliseconds")
                )
            )
