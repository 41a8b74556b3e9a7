"""A rendered report as the archive takes it, with the run that made it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_daybreak import __version__
from airflow_provider_daybreak.archive import Draft, DraftFile
from airflow_provider_daybreak.context.run import made_with

if TYPE_CHECKING:
    from airflow_provider_daybreak.context.run import Run
    from airflow_provider_daybreak.reports.report import Rendered


def draft_of(rendered: Rendered, run: Run) -> Draft:
    """Return what the archive gets of a rendering."""
    document, period, data = rendered.document, rendered.document.period, rendered.data
    return Draft(
        report=document.report,
        report_date=document.report_date,
        period={
            "name": period.name,
            "start": period.start.isoformat(),
            "end": period.end.isoformat(),
            "timezone": period.timezone,
        },
        title=document.title,
        files=[
            *(DraftFile(file.name, file.media_type, file.content) for file in rendered.files),
            *(
                DraftFile(file.name, file.media_type, file.content, snapshot=True)
                for file in rendered.snapshots
            ),
        ],
        rows=data.rows,
        run=made_with(run.ref, data.releases),
        template_sha256=document.template_sha256,
        queries=data.queries,
        checks=[one.info() for one in data.checks],
        outcome=data.outcome,
        provider_version=__version__,
        draft=bool(data.failed),
    )
