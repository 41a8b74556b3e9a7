"""What an operator does with an error that trying again can't mend, or that is none."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import (
    DaybreakError,
    DeliveryInFlightError,
    EmptyRecipientsError,
    FileFailedError,
    NobodyAllowedError,
    ScriptSkippedError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


log = logging.getLogger(__name__)

_OF_FILES = (
    OSError,
    PermissionError,
    FileExistsError,
    FileNotFoundError,
    IsADirectoryError,
    NotADirectoryError,
)
_MARGIN = timedelta(seconds=5)  # after which nobody's clock holds a mail for one in flight


class fail_at_once:  # noqa: N801 - it is called as what it does, as contextlib.suppress is
    """
    Turn a permanent error into one that Airflow doesn't retry, with the error as its cause.

    A deliberate error says all in its sentence, so that Airflow's log shows that, and not first twenty places in ours and in
    other libraries: those are logged at the level DEBUG. (A generator can't do it: contextlib gives an error that passes
    through one the places back.)

    :raises AirflowFailException: the block raised a permanent :class:`DaybreakError`.
    :raises AirflowSkipException: a script asked to be skipped.
    :raises FileFailedError: the system would not read or write a file.
    """

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        """Raise what Airflow is to see of the error."""
        from airflow_provider_daybreak.version_compat import AirflowFailException, AirflowSkipException

        if isinstance(error, ScriptSkippedError):
            raise AirflowSkipException(str(error)) from error
        if isinstance(error, DaybreakError):
            log.debug("Where it failed", exc_info=error)
            error.__cause__, error.__suppress_context__ = None, True
            if not error.permanent:
                raise error.with_traceback(None)
            raise AirflowFailException(str(error)) from error.with_traceback(None)
        # a connection's errors, and a library's own, are none of a file
        if isinstance(error, OSError) and type(error) in _OF_FILES and error.errno is not None:
            log.debug("Where it failed", exc_info=error)
            problem = error.strerror or str(error)
            raise FileFailedError(str(error.filename or ""), problem) from error.with_traceback(None)


@contextmanager
def look_again_later() -> Iterator[None]:
    """
    Turn what says that another task is sending the mails into a later start of this task, which uses up no retry.

    Airflow before 3.1.8 starts a task that is no sensor again at once: there its retries look again.

    :raises AirflowRescheduleException: another task is sending, or was when it ended.
    """
    from airflow_provider_daybreak.version_compat import RESCHEDULES_ANY_TASK, AirflowRescheduleException

    try:
        yield
    except DeliveryInFlightError as error:
        if not RESCHEDULES_ANY_TASK:
            raise
        log.warning("%s", error)
        raise AirflowRescheduleException(datetime.fromisoformat(error.until) + _MARGIN) from None


@contextmanager
def skip_where_nobody_is_meant() -> Iterator[None]:
    """
    Turn what says that a mail is for nobody into a skipped task: that is no failure, and no success either.

    :raises AirflowSkipException: the list of recipients is empty, or none of them may be mailed.
    """
    from airflow_provider_daybreak.version_compat import AirflowSkipException

    try:
        yield
    except (EmptyRecipientsError, NobodyAllowedError) as error:
        raise AirflowSkipException(str(error)) from error
