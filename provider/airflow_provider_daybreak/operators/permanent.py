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


@contextmanager
def fail_at_once() -> Iterator[None]:
    """
    Turn a permanent error into one that Airflow doesn't retry, with the error as its cause.

    A deliberate error says all in its sentence, so that Airflow's log shows that, and not first twenty places in other
    libraries: those are logged at the level DEBUG.

    :raises AirflowFailException: the block raised a permanent :class:`DaybreakError`.
    :raises AirflowSkipException: a script asked to be skipped.
    :raises FileFailedError: the system would not read or write a file.
    """
    from airflow_provider_daybreak.version_compat import AirflowFailException, AirflowSkipException

    try:
        yield
    except ScriptSkippedError as error:
        raise AirflowSkipException(str(error)) from error
    except DaybreakError as error:
        log.debug("Where it failed", exc_info=True)
        error.__cause__, error.__suppress_context__ = None, True
        if not error.permanent:
            raise error.with_traceback(None)  # noqa: B904 - see above
        raise AirflowFailException(str(error)) from error.with_traceback(None)
    except OSError as error:
        if type(error) not in _OF_FILES or error.errno is None:  # a connection's, or a library's own
            raise
        log.debug("Where it failed", exc_info=True)
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
