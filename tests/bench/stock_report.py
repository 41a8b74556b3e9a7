"""The daily report by stock operators alone: the peer that ``chain.daily_run`` is measured against."""

from __future__ import annotations

import os
from pathlib import Path

from airflow.providers.docker.operators.docker import DockerOperator
from airflow.providers.smtp.operators.smtp import EmailOperator
from airflow.providers.standard.operators.python import PythonVirtualenvOperator
from airflow.sdk import DAG, Param, task
from docker.types import Mount  # noqa: TID253 - a Dag of the benchmark alone

FILES = Path(os.environ["BENCH_FILES"])  # dags/daily_report
WORK = Path(os.environ["BENCH_WORK"])  # a folder that worker and engine see under the same path

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
    schedule=None,
    params={"report_date": Param("2026-01-01", type="string", format="date")},
):
    facts = PythonVirtualenvOperator(
        task_id="compute_almanac",
        python_callable=compute,
        op_args=[str(FILES / "script"), "Berlin", "{{ params.report_date }}"],
        requirements=PINS,
        venv_cache_path=str(WORK / "venvs"),
        system_site_packages=False,
    )

    @task
    def render_report(almanac: dict, params: dict) -> str:
        """Write the report's HTML and its chart, as somebody would by hand."""
        import css_inline
        import jinja2
        import vl_convert
        from markdown_it import MarkdownIt

        folder = WORK / params["report_date"]
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

    page = render_report(facts.output)
    pdf = DockerOperator(
        task_id="make_pdf",
        image=os.environ["BENCH_IMAGE"],
        command=["/in/report.html", "/out/report.pdf"],
        mounts=[
            Mount("/in", str(WORK) + "/{{ params.report_date }}", type="bind", read_only=True),
            Mount("/out", str(WORK) + "/{{ params.report_date }}/out", type="bind"),
        ],
        mount_tmp_dir=False,
        network_mode="none",
        auto_remove="success",
    )
    mail = EmailOperator(
        task_id="mail_report",
        to="you@example.org",
        subject="Daily almanac {{ params.report_date }}",
        html_content="{{ ti.xcom_pull(task_ids='render_report') }}",
        files=[str(WORK / "{{ params.report_date }}" / "out" / "report.pdf")],
        conn_id="smtp_default",
    )
    page >> pdf >> mail
