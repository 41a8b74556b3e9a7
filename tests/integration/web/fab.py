"""
Make the database of an Airflow whose people have their Dags by its FAB auth manager, in one process since each imports Airflow anew.

``ada`` and ``bob`` may do with their Dag what FAB's role *User* may with all, ``eve`` may read what is ada's, and ``root`` is an admin. All
of them may read the list of plugins, without which Airflow's UI shows no page of any.
"""

from __future__ import annotations

import sys
from datetime import datetime

from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
from airflow.models.dagbag import DBDagBag
from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
from airflow.utils.db import initdb
from airflow.utils.session import create_session
from airflow.utils.types import DagRunTriggeredByType, DagRunType

OWNERS = ("ada", "bob")
PEOPLE = (*OWNERS, "eve", "root")
DAGS = """
from airflow.sdk import DAG

from airflow_provider_daybreak.operators.report import ReportOperator

for owner, readers in {{"ada": ["eve"], "bob": []}}.items():
    allowed = {{owner: {{"DAGs": {{"can_read", "can_edit"}}}}}} | {{each: {{"DAGs": {{"can_read"}}}} for each in readers}}
    with DAG(f"{{owner}}_daily", schedule={cron!r}, access_control=allowed, is_paused_upon_creation=False) as dag:
        ReportOperator(task_id="render_report", report=f"{{owner}}s_report", template="Almanac")
    globals()[owner] = dag
"""


def main() -> None:
    initdb()
    with get_application_builder() as builder:
        security = builder.sm
        for name in PEOPLE:
            role = security.find_role("Admin") if name == "root" else security.add_role(name)
            if name != "root":
                for permission in security.find_role("User").permissions:
                    if permission.resource.name != "DAGs":
                        security.add_permission_to_role(role, permission)
                security.add_permission_to_role(role, security.create_permission("can_read", "Plugins"))
            assert security.add_user(name, name, name, f"{name}@example.org", role, password=name)
    bundles = DagBundlesManager()
    bundles.sync_bundles_to_db()
    for bundle in bundles.get_all_dag_bundles():
        bundle.initialize()
        found = BundleDagBag(bundle.path, bundle_path=bundle.path, bundle_name=bundle.name)
        assert not found.import_errors, found.import_errors
        sync_bag_to_db(found, bundle.name, bundle_version=None)
    for owner in OWNERS:
        fail(owner, sys.argv[1])


def fail(owner: str, report_date: str) -> None:
    """Make a run of somebody's for a date that failed."""
    with create_session() as session:
        dag = DBDagBag().get_latest_version_of_dag(f"{owner}_daily", session=session)
        due = datetime.fromisoformat(f"{report_date}T00:00+00:00")
        run = dag.create_dagrun(
            run_id=f"failed__{owner}",
            run_after=due,
            run_type=DagRunType.MANUAL,
            triggered_by=DagRunTriggeredByType.TEST,
            state="failed",
            conf={"report_date": report_date},
            session=session,
        )
        for task in run.get_task_instances(session=session):
            task.state = "failed"


if __name__ == "__main__":
    main()
