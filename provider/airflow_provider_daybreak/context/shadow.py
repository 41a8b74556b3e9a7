"""Whether the Dag of a run is in shadow: it runs beside the job that it is to replace, and nobody hears of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.context.archive import archive_of
from airflow_provider_daybreak.context.run import run_of
from airflow_provider_daybreak.delivery.shadow import Shadows
from airflow_provider_daybreak.exceptions import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Mapping


def shadows_of() -> Shadows:
    """Return the shadows of all Dags. They lie in the archive of the settings, whichever a task has for its reports."""
    return Shadows(archive_of().root)


def why_in_shadow(context: Mapping[str, Any]) -> str:
    """
    Return why a run must not be heard of; nothing where it may.

    :param context: the context that Airflow gives to ``execute`` and to notifiers.
    """
    shadows, dag_id = shadows_of(), str(context["dag"].dag_id)
    shadow = shadows.of(dag_id)
    if shadow is None:
        return ""
    try:
        day = run_of(context).report_date
    except (InvalidValueError, KeyError, AttributeError):  # a Dag's callback, or a run whose date can't be read
        return shadow.why_held(shadow.live_from) if shadow.live_from else _ON.format(dag_id=dag_id)
    return shadow.why_held(day)


_ON = "shadow: the Dag {dag_id} mails nobody until 'airflow daybreak cutover {dag_id}'"
