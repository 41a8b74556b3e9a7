"""Which connection a Dag's reports are mailed over, as Airflow's database has the Dag."""

from __future__ import annotations

DEFAULT = "smtp_default"


def mail_connection(dag_id: str) -> str:
    """Return the id of the connection that the first mail task of a Dag names, or Airflow's usual one."""
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.utils.session import create_session

    with create_session() as session:
        models = list(SerializedDagModel.get_latest_serialized_dags(dag_ids=[dag_id], session=session))
        data = models[0].data if models else {}
    for task in (data or {}).get("dag", {}).get("tasks", ()):
        said = task.get("__var", task)
        named = said.get("smtp_conn_id")
        if said.get("task_type") == "ReportEmailOperator" and isinstance(named, str) and "{" not in named:
            return named
    return DEFAULT
