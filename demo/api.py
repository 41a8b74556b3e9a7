"""What is asked of an Airflow over its REST API."""

from __future__ import annotations

import re
import time
import uuid
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


BUSY_SECONDS = 60
"""How long Airflow may say that it can't just now: SQLite lets one write at a time, and refuses who comes in between."""

_ERROR = re.compile(r"([a-z_]\w*\.)*[A-Z]\w+: ")
_SERVER_ERROR = 500


class AirflowFailedError(Exception):
    """Airflow could not start, or does not do what it is asked."""


class AirflowBusyError(AirflowFailedError):
    """Airflow could not write to its database, since something else did."""


def gist(text: str) -> str:
    """Return the line of what a program printed that says what went wrong: of tracebacks, the last error's own."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()] or ["it printed nothing"]
    at = max((at for at, line in enumerate(lines) if _ERROR.match(line)), default=len(lines) - 1)
    last = at + 1 if not lines[at].endswith(":") else len(lines)  # what another program said goes with it
    return " ".join(line.strip() for line in lines[at:last])[:300]


class Api:
    """
    The REST API of an Airflow.

    :param url: its base address.
    :ivar client: what asks, logged in after :meth:`log_in`.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = httpx.Client(base_url=url, timeout=30, trust_env=False)  # no proxy reaches this machine

    def log_in(self, password: str) -> None:
        """Be the user ``admin`` from here on."""
        answer = self.client.post("/auth/token", json={"username": "admin", "password": password})
        answer.raise_for_status()
        self.client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def api(self, method: str, path: str, *, repeatable: bool = False, **kwargs: Any) -> Any:
        """
        Return the JSON that the REST API answers.

        What a busy Airflow could not answer is asked again, for a minute.

        :param path: below ``/api/v2``.
        :param repeatable: a ``POST`` whose answer was lost is sent again, since it does nothing a second time.
        :raises AirflowFailedError: it answered with an error, whose text is in the message, or not at all.
        """
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                answer = self.client.request(method, f"/api/v2{path}", **kwargs)
            except httpx.TransportError as error:
                problem = f"no answer ({error})"
                again = repeatable or method != "POST"  # it may have been heard
            else:
                if not answer.is_error:
                    return answer.json() if answer.content else None
                problem = f"{answer.status_code} {gist(answer.text)}"
                again = answer.status_code >= _SERVER_ERROR
            if not again or time.monotonic() > deadline:
                raise AirflowFailedError(f"{method} {path}: {problem}")
            time.sleep(1)

    def wait_for_dag(
        self, dag_id: str, *, seconds: float = 120, tick: Callable[[], None] = lambda: None
    ) -> None:
        """
        Wait until the Dag is there, then unpause it.

        :raises AirflowFailedError: it can't be imported, or is not there in time.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            errors = self.api("GET", "/importErrors")["import_errors"]
            if errors:
                raise AirflowFailedError(
                    "\n".join(f"Cannot import {e['filename']}: {gist(e['stack_trace'])}" for e in errors)
                )
            named = self.api("GET", f"/dags?dag_id_pattern={dag_id}&limit=1000")["dags"]  # a page has fifty
            if any(dag["dag_id"] == dag_id for dag in named):
                self.api("PATCH", f"/dags/{dag_id}", json={"is_paused": False})
                return
            tick()
            time.sleep(1)
        raise AirflowFailedError(
            f"Airflow has found no Dag {dag_id} after {seconds:.0f} s. See the log of its Dag processor"
        )

    def trigger(
        self, dag_id: str, *, conf: Mapping[str, Any] | None = None, logical_date: str | None = None
    ) -> str:
        """
        Trigger a run, and return its id.

        The id is given with it: Airflow refuses a second run of it, so what got no answer is asked for again.
        """
        run_id = f"manual__{uuid.uuid4()}"
        body = {"dag_run_id": run_id, "logical_date": logical_date, "conf": dict(conf or {})}
        try:
            self.api("POST", f"/dags/{dag_id}/dagRuns", repeatable=True, json=body)
        except AirflowFailedError:
            if run_id not in self.runs(dag_id, order_by="-run_after"):
                raise
        return run_id

    def runs(self, dag_id: str, **filters: str) -> dict[str, str]:
        """Return the state of each run of the Dag by its id; filters are the REST API's."""
        params = {"limit": "100", "order_by": "run_after"} | filters
        runs = self.api("GET", f"/dags/{dag_id}/dagRuns", params=params)["dag_runs"]
        return {run["dag_run_id"]: run["state"] for run in runs}

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return the state of one run."""
        state: str = self.api("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"]
        return state

    def wait_for_run(self, dag_id: str, run_id: str, *, seconds: float = 600) -> str:
        """Wait until the run has ended; return its state, with the log of each failed task when it failed."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            state = self.run_state(dag_id, run_id)
            if state == "failed":
                tasks = self._instances(dag_id, run_id)
                logs = (
                    self.task_log(dag_id, run_id, task["task_id"], task["try_number"])
                    for task in tasks
                    if task["state"] == "failed"  # and the last try has a log: one before may never have begun
                )
                return f"failed: { {task['task_id']: task['state'] for task in tasks} }\n" + "\n".join(logs)
            if state == "success":
                return state
            time.sleep(0.5)
        return f"still {state} after {seconds} s: {self.tasks(dag_id, run_id)}"

    def tasks(self, dag_id: str, run_id: str) -> dict[str, str | None]:
        """Return the state of each task of the run by its id."""
        return {task["task_id"]: task["state"] for task in self._instances(dag_id, run_id)}

    def _instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")[
            "task_instances"
        ]
        return found

    def task_log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1) -> str:
        """Return the log of a task's try as text."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        lines = self.api("GET", path, params={"full_content": True})["content"]
        return "\n".join(_text(line) for line in lines)


def _text(line: Any) -> str:
    """Return a line of a task's log, with the errors that it tells of."""
    if not isinstance(line, dict):
        return str(line)
    errors = line.get("error_detail") or ()
    return "\n".join([str(line["event"]), *(f"{error['exc_type']}: {error['exc_value']}" for error in errors)])
