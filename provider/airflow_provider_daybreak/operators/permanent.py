"""What an operator does with an error that trying again can't mend."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import DaybreakError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def fail_at_once() -> Iterator[None]:
    """
    Turn a permanent error into one that Airflow doesn't retry, with the error as its cause.

    :raises AirflowFailException: the block raised a permanent :class:`DaybreakError`.
    """
    from airflow_provider_daybreak.version_compat import AirflowFailException

    try:
        yield
    except DaybreakError as error:
        if not error.permanent:
            raise
        raise AirflowFailException(str(error)) from error
