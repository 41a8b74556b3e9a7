"""The daily report by stock operators alone: the peer of ``chain.daily_run``, and, without its PDF, of ``backfill``."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from airflow.providers.docker.operators.docker import DockerOperator
from airflow.providers.smtp.operators.smtp import EmailOperator
from airflow.providers.standard.operators.python import PythonVirtualenvOperator
from airflow.sdk import DAG, Param, task
from docker.types import Mount  # noqa: TID253 - a Dag of the benchmark alone

FILES = Path(os.environ["BENCH_FILES"])  # dags/daily_report
WORK = Path(os.environ["BENCH_WORK"])  # a folder that worker and engine see under the same path

DAY = "{{ params.report_date or ds }}"

# The stock operator reads a line a requirement, and so takes no hashes.
PINS = [
    line.removesuffix("\\").strip()
    for line in (FILES / "script" / "requirements.txt").read_text().splitlines()
    if "==" in line and not line.startswith((" ", "#"))
]


def compute(script: str, place: str, day: str) -> dict:
    """Compute the almanac. Runs in the virtual environment."""
    import sys
    from datetime import date

    sys.path.insert(0, script)
    import almanac

    return almanac.almanac(almanac.find_place(place), date.fromisoformat(day))


with DAG(
    dag_id="stock_report",
    schedule="0 9 * * *",
    start_date=datetime(2099, 1, 1),  # noqa: DTZ001 - nothing starts by itself
    max_active_runs=4,
    params={"report_date": Param(None, type=["null", "string"], format="date")},
):
    facts = PythonVirtualenvOperator(
        task_id="compute_almanac",
        python_callable=compute,
        op_args=[str(FILES / "script"), "Berlin", DAY],
        requirements=PINS,
        venv_cache_path=str(WORK / "venvs"),
        system_site_packages=False,
    )

    @task
    def render_report(almanac: dict, day: str) -> str:
        """Write the report's HTML and its chart, as somebody would by hand."""
        import css_inline
        import jinja2
        import vl_convert
        from markdown_it import MarkdownIt

        folder = WORK / day
        (folder / "charts").mkdir(parents=True, exist_ok=True)
        spec = {
            "data": {"values": almanac["year"]},
            "mark": "area",
            "width": 560,
            "height": 220,
            "encoding": {
                "x": {"field": "date", "type": "temporal"},
                "y": {"field": "seconds", "type": "quantitative"},
            },
        }
        (folder / "charts" / "year.png").write_bytes(vl_convert.vegalite_to_png(spec, scale=2))
        source = (
            "# Daily almanac for {{ place.name }}\n\n{{ date }}\n\n| | |\n| --- | --- |\n| Sunrise | {{ sunrise }} |\n"
            "| Sunset | {{ sunset }} |\n| Moon | {{ moon.name }} |\n\n![daylight](charts/year.png)\n\n"
            "{% for day in holidays.next %}- {{ day.date }} {{ day.name }}\n{% endfor %}"
        )
        text = jinja2.Template(source).render(**almanac)
        body = MarkdownIt().enable("table").render(text)
        html = f"<html><head><style>td {{ padding: 4px }}</style></head><body>{body}</body></html>"
        page = css_inline.inline(html)
        (folder / "report.html").write_text(page)
        (folder / "out").mkdir(exist_ok=True)
        (folder / "out").chmod(0o777)
        return page

    page = render_report(facts.output, DAY)
    image = os.environ.get("BENCH_IMAGE")
    mail = EmailOperator(
        task_id="mail_report",
        to="you@example.org",
        subject=f"Daily almanac {DAY}",
        html_content="{{ ti.xcom_pull(task_ids='render_report') }}",
        files=[str(WORK / DAY / "out" / "report.pdf")] if image else [],
        conn_id="smtp_default",
    )
    if image:
        pdf = DockerOperator(
            task_id="make_pdf",
            image=image,
            command=["/in/report.html", "/out/report.pdf"],
            mounts=[
                Mount("/in", f"{WORK}/{DAY}", type="bind", read_only=True),
                Mount("/out", f"{WORK}/{DAY}/out", type="bind"),
            ],
            mount_tmp_dir=False,
            network_mode="none",
            auto_remove="success",
        )
        page >> pdf >> mail
    else:
        page >> mail
