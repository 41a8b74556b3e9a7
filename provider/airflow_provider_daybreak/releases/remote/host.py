"""Answers who is connected to a host: begins what is asked for, shows how it goes on, and hands out what it left."""

from __future__ import annotations

import json
import secrets
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow_provider_daybreak.exceptions import DaybreakError
from airflow_provider_daybreak.redact import Redactor, secrets_among
from airflow_provider_daybreak.releases.layout import Layout
from airflow_provider_daybreak.releases.release import get_release
from airflow_provider_daybreak.releases.remote.attempts import KEY, Attempt, Attempts, sweep
from airflow_provider_daybreak.releases.remote.messages import said_of_error
from airflow_provider_daybreak.releases.running.privileges import find_user
from airflow_provider_daybreak.releases.running.run import dotenv_of
from airflow_provider_daybreak.releases.source import copy_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_BEAT_SECONDS = 2.0
_LOOK_SECONDS = 0.05
_CHUNK = 1 << 18


def serve(folder: str, program: str, uv: str | None, stdin: BinaryIO, stdout: BinaryIO) -> None:
    """Answer until whoever is connected goes, or is gone."""
    answers = _Answers(Path(folder), program, uv, stdin, stdout)
    try:
        while line := stdin.readline():
            answers.answer(json.loads(line))
    except (BrokenPipeError, EOFError):
        sys.stderr.close()  # nobody reads either any more, and what goes on here goes on


class _Answers:
    def __init__(self, folder: Path, program: str, uv: str | None, stdin: BinaryIO, stdout: BinaryIO) -> None:
        self._folder = folder
        self._program = program
        self._uv = uv
        self._stdin = stdin
        self._stdout = stdout

    def answer(self, asked: Mapping[str, Any]) -> None:
        try:
            {
                "begin": self._begin,
                "follow": self._follow,
                "fetch": self._fetch,
                "take": self._take,
                "stop": self._stop,
                "release": self._release,
            }[asked["do"]](asked)
        except DaybreakError as error:
            self._say(error=said_of_error(error))
        except (BrokenPipeError, EOFError):
            raise
        except OSError as error:
            self._say(
                unwritable={
                    "path": str(error.filename or self._folder),
                    "problem": error.strerror or str(error),
                }
            )

    def _begin(self, asked: Mapping[str, Any]) -> None:
        attempts, source = self._attempts(asked), None
        request = {
            **asked["request"],
            "releases": str(self._folder / "releases"),
            "uv": [self._uv, asked["uv_version"]],
        }
        with attempts.locked():
            found = attempts.current(asked["attempt"], asked["round"])
        if found is None and "files" in request:
            source = self._received(request.pop("files"))
        with attempts.locked():
            found, new = attempts.current(asked["attempt"], asked["round"]), False
            if found is None:
                sweep(self._folder / "runs", self._folder / "incoming")
                found, new = attempts.new(asked["attempt"]), True
                found.reserve()
                if source:
                    source.rename(found.folder / "source")
                found.start(self._program, request)
        self._say(begun=found.folder.name, new=new, mask=self._to_mask(request))

    def _received(self, files: Any) -> Path:
        self._say(need="source")
        folder = self._folder / "incoming" / secrets.token_hex(8)
        sizes = {file["path"]: file["bytes"] for file in files}
        copy_files(files, folder, lambda path: self._chunks(sizes[path]))
        return folder

    def _chunks(self, size: int) -> Iterator[bytes]:
        while size:
            chunk = self._stdin.read(min(size, _CHUNK))
            if not chunk:
                raise EOFError
            size -= len(chunk)
            yield chunk

    def _to_mask(self, request: Mapping[str, Any]) -> list[str]:
        """Return the values that no log may show: they are the worker's to mask too, and are on no disk but in the ``.env``."""
        if request["what"] != "run":
            return []
        try:
            release = get_release(Layout(Path(request["releases"]), request["name"]), request["release"])
            user = find_user(request["run_as"]) if request["run_as"] else None
            values = dotenv_of(release, user, request["env"])
        except DaybreakError:
            return []  # which the run says itself
        return sorted(Redactor({**secrets_among(request["env"]), **values}).hidden)

    def _follow(self, asked: Mapping[str, Any]) -> None:
        attempt, at, said = self._attempt(asked), int(asked["from"]), time.monotonic()
        while True:
            over = not attempt.is_alive  # before the rest is read: what is over writes no more
            at, any_new = self._pass_on(attempt, at)
            if over or attempt.outcome:
                at, _ = self._pass_on(attempt, at)
                break
            if any_new or time.monotonic() - said > _BEAT_SECONDS:
                said = time.monotonic()
                self._say(at=at)
            if not any_new:
                time.sleep(_LOOK_SECONDS)
        outcome = attempt.outcome
        if outcome is None:
            stderr = attempt.folder / "stderr"
            said_last = stderr.read_text("utf-8", "replace")[-2000:].strip() if stderr.exists() else ""
            outcome = {"lost": said_last or "it said nothing"}
        self._say(outcome=outcome)

    def _pass_on(self, attempt: Attempt, at: int) -> tuple[int, bool]:
        if not attempt.events.exists():
            return at, False
        with attempt.events.open("rb") as file:
            file.seek(at)
            new = False
            for line in file:
                if not line.endswith(b"\n"):
                    break
                at += len(line)
                new = True
                self._stdout.write(json.dumps({"at": at}).encode()[:-1] + b", " + line[1:])
            self._stdout.flush()
        return at, new

    def _fetch(self, asked: Mapping[str, Any]) -> None:
        with (self._attempt(asked).files / str(int(asked["number"]))).open("rb") as file:
            file.seek(0, 2)
            self._say(bytes=file.tell())
            file.seek(0)
            while chunk := file.read(_CHUNK):
                self._stdout.write(chunk)
        self._stdout.flush()

    def _take(self, asked: Mapping[str, Any]) -> None:
        self._attempt(asked).take(asked["round"])
        self._say(taken=True)

    def _stop(self, asked: Mapping[str, Any]) -> None:
        attempts = self._attempts(asked)
        with attempts.locked():
            found = attempts.current(asked["attempt"], asked["round"])
        self._say(stopped=found is None or found.stop(float(asked["seconds"])))

    def _release(self, asked: Mapping[str, Any]) -> None:
        """Say which release a name's current one is, and which connections its indexes are of."""
        found = get_release(Layout(self._folder / "releases", asked["name"]), asked["release"])
        manifest = found.manifest
        indexes = [manifest["index_conn_id"], *(one["index_conn_id"] for one in manifest.get("indexes", []))]
        self._say(id=found.id, index_conn_ids=sorted(filter(None, indexes)))

    def _attempts(self, asked: Mapping[str, Any]) -> Attempts:
        if not KEY.fullmatch(asked["key"]):
            raise EOFError
        return Attempts(self._folder / "runs" / asked["key"])

    def _attempt(self, asked: Mapping[str, Any]) -> Attempt:
        return Attempt(self._attempts(asked).folder / Path(asked["begun"]).name)

    def _say(self, **facts: Any) -> None:
        self._stdout.write(json.dumps(facts).encode() + b"\n")
        self._stdout.flush()
