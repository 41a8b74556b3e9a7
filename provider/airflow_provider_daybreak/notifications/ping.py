"""Tell a dead man's switch that all is well."""

from __future__ import annotations

import logging
from http.client import HTTPException
from time import sleep
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from airflow.sdk import BaseNotifier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

__all__ = ["PingNotifier"]

log = logging.getLogger(__name__)

PAUSES = (1.0, 5.0)
"""Seconds before each further try."""

_TIMEOUT = 10


class PingNotifier(BaseNotifier):
    """
    Call a URL when a task or Dag succeeded, so that its silence raises the alarm (as healthchecks.io does).

    For ``on_success_callback``. It calls nothing while its Dag is in shadow, since the job that still runs calls it, or its
    silence is to be heard. It never fails the task: what goes wrong is in the log, without the URL's path,
    which is a secret.

    :param url: https or http URL to call. (templated)
    """

    template_fields: Sequence[str] = ("url",)

    def __init__(self, *, url: str) -> None:
        super().__init__()
        self.url = url

    def notify(self, context: Context) -> None:
        """Call the URL."""
        from airflow_provider_daybreak.context.shadow import why_in_shadow

        if why := why_in_shadow(context):
            log.info("Not pinged: %s", why)
            return
        parts = urlsplit(self.url if isinstance(self.url, str) else "")
        if parts.scheme not in ("https", "http") or not parts.hostname:
            log.warning("Not pinged: expected an https or http URL, and there is none of these")
            return
        for pause in (*PAUSES, None):
            try:
                with urlopen(Request(self.url, method="POST", data=b""), timeout=_TIMEOUT):  # noqa: S310 - checked above
                    log.info("Pinged %s", parts.hostname)
                    return
            except (OSError, HTTPException, ValueError) as error:
                log.warning(
                    "Cannot ping %s: %s", parts.hostname, getattr(error, "reason", None) or type(error).__name__
                )
            if pause is not None:
                sleep(pause)
