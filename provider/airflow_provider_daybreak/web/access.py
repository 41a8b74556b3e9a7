"""Who may read what, by Airflow's auth manager: each record by its own Dag."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity


def may_read(user: BaseUser, dag_id: object) -> bool:
    """Return whether a user may read what the Dag's tasks returned."""
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity

    return _may(user, dag_id, "GET", DagAccessEntity.XCOM)  # as any other result of a task


def may_change(user: BaseUser, dag_id: object) -> bool:
    """Return whether a user may have the Dag run, and mail again what it mailed: edit it, and start it."""
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity

    return _may(user, dag_id, "PUT", None) and _may(user, dag_id, "POST", DagAccessEntity.RUN)


def may_answer(user: BaseUser, dag_id: object) -> bool:
    """Return whether a user may say that what a Dag's task holds is mailed: edit the Dag, and answer what it asks."""
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity

    return _may(user, dag_id, "PUT", None) and _may(user, dag_id, "PUT", DagAccessEntity.HITL_DETAIL)


def may_run_again(user: BaseUser, dag_id: object) -> bool:
    """Return whether a user may have what failed of a Dag's run done again: edit the Dag, and clear its runs."""
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity

    return _may(user, dag_id, "PUT", None) and _may(user, dag_id, "PUT", DagAccessEntity.RUN)


def may_administer(user: BaseUser) -> bool:
    """Return whether a user looks after Airflow: may see its configuration, and change its connections."""
    from airflow.api_fastapi.app import get_auth_manager

    manager = get_auth_manager()
    return manager.is_authorized_configuration(method="GET", user=user) and manager.is_authorized_connection(
        method="PUT", user=user
    )


def reader(user: BaseUser) -> Callable[[str], bool]:
    """Return what says which Dags a user may read; it asks for each once, since a page asks for hundreds, and often."""
    known: dict[str, bool] = {}

    def readable(dag_id: str) -> bool:
        if dag_id not in known:
            known[dag_id] = may_read(user, dag_id)
        return known[dag_id]

    return readable


def _may(user: BaseUser, dag_id: object, method: ResourceMethod, entity: DagAccessEntity | None) -> bool:
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails
    from airflow.configuration import conf
    from airflow.models.dag import DagModel

    # Auth managers take "~", and no id, for any Dag.
    if not isinstance(dag_id, str) or dag_id in ("", "~"):
        return False
    # A page asks it of hundreds of Dags, and without teams none has one: that is a query each.
    team = DagModel.get_team_name(dag_id) if conf.getboolean("core", "multi_team", fallback=False) else None
    details = DagDetails(id=dag_id, team_name=team)
    return get_auth_manager().is_authorized_dag(method=method, access_entity=entity, details=details, user=user)
