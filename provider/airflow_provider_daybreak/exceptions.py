"""Every deliberate error of Daybreak. Each gives the value, what was expected, and the next step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import dataclass_transform
else:
    dataclass_transform = lambda **_: lambda cls: cls  # noqa: E731 - type checkers alone look at it

_Error = TypeVar("_Error", bound="DaybreakError")


def _restore(cls: type[_Error], facts: dict[str, Any]) -> _Error:
    error = cls.__new__(cls)
    error.__dict__.update(facts)
    return error


def _fields(cls: type[DaybreakError]) -> tuple[str, ...]:
    """Return the names of an error's facts, in the order in which it takes them."""
    import inspect

    annotations = (inspect.get_annotations(each) for each in reversed(cls.__mro__))
    return tuple(name for each in annotations for name, kind in each.items() if not kind.startswith("ClassVar"))


@dataclass_transform(eq_default=False)
class DaybreakError(Exception):
    """
    Base of every deliberate error.

    Its facts are fields and its sentence is ``str(error)``. It is made as a dataclass is, without what making
    one of each class would cost whoever imports them: a quarter of all that our operators need. It survives
    pickling, so it reaches the scheduler from any executor.
    """

    permanent: ClassVar[bool] = False
    """Whether trying again, with nothing changed, must fail again: operators then skip Airflow's retries."""

    def __init__(self, *values: object, **named: object) -> None:
        fields = _fields(type(self))
        facts = dict(zip(fields, values, strict=False)) | named
        wrong = [name for name in fields if name not in facts and not hasattr(type(self), name)]
        wrong += facts.keys() - set(fields)
        if wrong or len(facts) != len(values) + len(named):
            raise TypeError(f"{type(self).__name__} takes {fields}; got {len(values)} values and {list(named)}")
        super().__init__(*values)
        self.__dict__.update(facts)

    def __repr__(self) -> str:
        facts = ", ".join(f"{name}={_shown(getattr(self, name))}" for name in _fields(type(self)))
        return f"{type(self).__name__}({facts})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.__dict__)


class MissingExtraError(DaybreakError):
    """A feature whose packages are not installed."""

    feature: str
    extra: str
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return (
            f"{self.feature} needs packages that are not installed. "
            f"Install them with: pip install 'airflow-provider-daybreak[{self.extra}]'"
        )


class MissingConnectionError(DaybreakError):
    """An Airflow connection that isn't there."""

    conn_id: str
    purpose: str
    next_step: str
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return f"There is no connection {self.conn_id!r} {self.purpose}. {self.next_step}."


class InvalidValueError(DaybreakError):
    """An argument, parameter or setting that can't be used as it is."""

    name: str
    value: object
    expected: str
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return f"Invalid {self.name} {_shown(self.value)}: expected {self.expected}."


class OwnedByAnotherDagError(DaybreakError):
    """
    A report or release that a Dag would publish under a name that is another's.

    :param what: ``report`` or ``release``.
    """

    what: str
    name: str
    owner: str
    dag_id: str
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return (
            f"The {self.what} {self.name!r} belongs to the Dag {self.owner!r}, and {self.dag_id!r} would publish into it. "
            f"Give the {self.what} a name of its own; or, where {self.dag_id!r} is to go on with it, as after a Dag "
            f"was renamed, say take_over={self.owner!r} in the task."
        )


def _shown(value: object, most: int = 200) -> str:
    """Return a value as a sentence can hold it."""
    try:
        text = repr(value)
    except ValueError:  # a whole number of more digits than Python writes
        text = f"<{type(value).__name__} too long to be written>"
    return text if len(text) <= most else f"{text[:most]}…"


# Reports


class TemplateUnreadableError(DaybreakError):
    """A report's template that is missing or no text."""

    path: str
    problem: str
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return f"Cannot read template {self.path!r}: {self.problem}."


class TemplateError(DaybreakError):
    """A template, or a value in it, that can't be rendered. Line and column begin at 1; 0 where unknown."""

    path: str
    line: int
    column: int
    text: str
    problem: str
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        place = f" line {self.line}, column {self.column}" if self.line else ""
        sentence = f"Cannot render {self.path!r}{place}: {self.problem.rstrip('.')}."
        return f"{sentence}\n    {self.text}\n    {' ' * (self.column - 1)}^" if self.text else sentence


class ExpressionError(TemplateError):
    """An expression of a check that the data can't answer. Its path is the check's name."""

    def __str__(self) -> str:
        return f"Cannot tell whether {self.path!r} holds: {self.problem.rstrip('.')}. Its expression is: {self.text}"


class TemplateLimitError(DaybreakError):
    """A template that ran too long or grew too big."""

    path: str
    problem: str
    line: int = 0
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        place = f" line {self.line}" if self.line else ""
        return (
            f"Stopped {self.path!r}{place}: it {self.problem}. "
            "Look for a loop that never ends, and leave sums over many rows to the query."
        )


class InvalidThemeError(DaybreakError):
    """A theme file that can't be used."""

    path: str
    problem: str
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return f"Cannot use theme {self.path!r}: {self.problem}."


class InvalidRowsError(DaybreakError):
    """Data of a report that is no table."""

    name: str
    problem: str
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return f"Cannot use data {self.name or 'given'!r} as rows: {self.problem}."


class MissingColumnError(DaybreakError):
    """A column that the data doesn't have."""

    column: str
    data: str
    columns: tuple[str, ...]
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        there = ", ".join(self.columns) or "none"
        return (
            f"No column {self.column!r} in data {self.data or 'given'!r}: expected one of its columns: {there}."
        )


class UnboundParameterError(DaybreakError):
    """A name in a query that has no value."""

    name: str
    known: tuple[str, ...]
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return (
            f"The query names :{self.name}, which has no value: expected one of {', '.join(self.known)}. "
            "Give it in the source's parameters."
        )


class QueryError(DaybreakError):
    """A query that the database refused. Holds the database's own words, and no value."""

    data: str
    conn_id: str
    problem: str

    def __str__(self) -> str:
        return f"The query of data {self.data!r} failed on connection {self.conn_id!r}: {self.problem}"


class DataUnreadableError(DaybreakError):
    """A file of a report's data that is missing or can't be read."""

    data: str
    path: str
    problem: str

    def __str__(self) -> str:
        return f"Cannot read {self.path!r} for data {self.data!r}: {self.problem}."


class EmptyReportError(DaybreakError):
    """A report without any row, where that was said to be a failure."""

    report: str
    report_date: str
    sources: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"Report {self.report!r} for {self.report_date} has no rows in {', '.join(self.sources)}: expected some, "
            "since when_empty is 'fail'. Look at its sources, or say when_empty='send' or 'skip'."
        )


class ChecksFailedError(DaybreakError):
    """
    Data that isn't as it should be.

    :param manifest: of the draft that the rendering is kept as; empty when the data couldn't be rendered either.
    """

    report: str
    report_date: str
    failed: tuple[str, ...]
    manifest: str

    def __str__(self) -> str:
        kept = f"What it would have been is kept as a draft: {self.manifest}"
        return (
            f"Report {self.report!r} for {self.report_date} failed {len(self.failed)} of its checks, so nothing is "
            f"sent: {'; '.join(self.failed)}. {kept if self.manifest else 'Nor could the data be rendered.'}"
        )


class DagFileError(DaybreakError):
    """A Dag file that can't be previewed."""

    path: str
    problem: str
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return f"Cannot preview {self.path!r}: {self.problem}."


class TooManyRowsError(DaybreakError):
    """A table that a sheet of a workbook can't hold."""

    table: str
    rows: int
    limit: int
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return (
            f"Table {self.table!r} has {self.rows:,} rows: expected at most {self.limit:,}, which is what a sheet "
            "of a workbook can hold. Aggregate them in the query, or take 'csv' instead of 'xlsx'."
        )


class ResourceRefusedError(DaybreakError):
    """Something that a report's PDF would have to fetch."""

    url: str
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return f"Refused to fetch {self.url!r} for a PDF: expected a report that holds all it shows. Use a data: URI."


class ReportTooLargeError(DaybreakError):
    """A report whose HTML is too large for a mail even without rows of tables."""

    report: str
    size: int
    limit: int
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return (
            f"The HTML of report {self.report!r} has {self.size:,} bytes without any row of a table: expected at most "
            f"{self.limit:,}, since mail programs clip it there. Shorten its prose, or leave 'html' out of formats."
        )


# Containers


class ContainerError(DaybreakError):
    """A container, its image or its engine that can't do what was asked."""


class EngineUnavailableError(ContainerError):
    """A container engine that doesn't answer."""

    addresses: tuple[str, ...]
    problem: str

    def __str__(self) -> str:
        tried = ", ".join(self.addresses)
        return (
            f"No container engine answers. Tried {tried}. The last attempt said: {self.problem}. "
            "Then see what answers with: airflow daybreak check"
        )


class EngineError(ContainerError):
    """An engine that answers, and refuses."""

    action: str
    problem: str

    def __str__(self) -> str:
        return f"The container engine refused to {self.action}: {self.problem}"


class ImageBuildError(ContainerError):
    """A folder that no image can be built from."""

    folder: str
    step: str
    problem: str
    output: str

    def __str__(self) -> str:
        at = f" at '{self.step}'" if self.step else ""
        output = f"\nThe last it said:\n{self.output}" if self.output else ""
        return f"Cannot build an image from {self.folder!r}{at}: {self.problem}{output}"


class ImagePullError(ContainerError):
    """An image that is not there and can't be pulled."""

    image: str
    problem: str
    connection: str | None

    def __str__(self) -> str:
        login = (
            f"the connection {self.connection!r} logs in to its registry"
            if self.connection
            else "a private registry needs a connection of type docker, named by docker_conn_id"
        )
        return f"Cannot pull image {self.image!r}: {self.problem}. Check its name and tag; {login}."


class ContainerNameTakenError(ContainerError):
    """A container's name that belongs to a container of somebody else."""

    name: str
    owner: str

    def __str__(self) -> str:
        return (
            f"Container {self.name!r} ({self.owner}) exists and is not this task's. "
            "Leave container_name out, or remove that container."
        )


class ContainerInputError(ContainerError):
    """A file that can't go into a container."""

    name: str
    problem: str
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return f"Cannot put {self.name!r} into the container: {self.problem}."


class ContainerOutputError(ContainerError):
    """A file that can't come out of a container."""

    name: str
    path: str
    problem: str

    def __str__(self) -> str:
        return f"Cannot take output {self.name!r} from {self.path!r}: {self.problem}."


class ContainerCommandError(ContainerError):
    """A command that the image can't execute."""

    image: str
    command: str | list[str] | None
    problem: str
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return (
            f"Image {self.image!r} cannot execute {self.command!r}: {self.problem}. "
            "Name a program that the image holds, by its path when it is not on PATH."
        )


class ContainerFailedError(ContainerError):
    """A container that ended, and not well."""

    name: str
    image: str
    exit_code: int
    outcome: str
    last_lines: str

    def __str__(self) -> str:
        last = f"\nThe last it wrote:\n{self.last_lines}" if self.last_lines else " It wrote nothing."
        return f"Container {self.name} of image {self.image!r} failed: {self.outcome}.{last}"


class ContainerStoppedError(ContainerError):
    """A container that ended because its task was told to, or that somebody removed."""

    name: str
    last_line: str | None

    def __str__(self) -> str:
        last = f" Its last line: {self.last_line}" if self.last_line else ""
        return f"Container {self.name} was stopped before its work was done.{last}"


class ContainerLogTooLargeError(ContainerError):
    """A container that writes without end."""

    name: str
    limit: int
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return (
            f"Container {self.name} wrote more than {self.limit} bytes to its log, and was stopped. "
            "Let it write less, or raise log_limit."
        )


# .env files


class SecretsBackendError(DaybreakError):
    """A secrets backend that failed when it was asked for a connection."""

    conn_id: str
    backend: str
    problem: str

    def __str__(self) -> str:
        return (
            f"Cannot read the connection {self.conn_id!r}: the secrets backend {self.backend} failed with "
            f"{self.problem}. Mend the value that it holds, or what [secrets] says of the backend."
        )


class DotenvError(DaybreakError):
    """A ``.env`` file that can't be used."""

    permanent: ClassVar[bool] = True


class DotenvUnreadableError(DotenvError):
    """A ``.env`` file that is missing or can't be read."""

    path: str
    problem: str

    def __str__(self) -> str:
        return f"Cannot read {self.path!r}: {self.problem}."


class DotenvSyntaxError(DotenvError):
    """A line of a ``.env`` file that can't be understood. Holds no value of the file."""

    path: str
    line: int
    problem: str

    def __str__(self) -> str:
        return f"Cannot read {self.path!r} line {self.line}: {self.problem}"


class DotenvMissingKeyError(DotenvError):
    """A key that the others of a ``.env`` file need."""

    path: str
    key: str

    def __str__(self) -> str:
        return f"{self.path!r} sets no {self.key}. Add a line {self.key}=…"


class DotenvValueError(DotenvError):
    """A key whose value can't be used. Holds no value. Without a line, the environment sets the key."""

    path: str
    line: int | None
    key: str
    problem: str

    def __str__(self) -> str:
        where = "the environment" if self.line is None else f"{self.path!r} line {self.line}"
        return f"Cannot use {self.key} of {where}: {self.problem}"


# The archive


class ArchiveError(DaybreakError):
    """Something in the archive that is not as it should be."""

    permanent: ClassVar[bool] = True


class StorageUnsupportedError(ArchiveError):
    """A place that can't hold an archive, since it has no way to create a file unless it is there."""

    uri: str

    def __str__(self) -> str:
        return (
            f"Cannot keep reports at {self.uri!r}: expected a local folder (file:///…) or storage that speaks "
            "S3 (s3://connection@bucket/prefix). Set [daybreak] archive to one of these."
        )


class StorageNotAtomicError(ArchiveError):
    """Storage that creates a file a second time although it is there."""

    uri: str

    def __str__(self) -> str:
        return (
            f"The store at {self.uri!r} ignores 'If-None-Match: *': two tasks could publish one revision, or "
            "mail one report twice, without noticing. Use a store with conditional writes, or a local folder."
        )


class RevisionNotFoundError(ArchiveError):
    """A revision that the archive does not hold."""

    uri: str

    def __str__(self) -> str:
        return (
            f"No revision at {self.uri!r}. `airflow daybreak reports list` shows those that are there; "
            "run the report's task again to make it."
        )


class OutsideArchiveError(ArchiveError):
    """The URI of a manifest that lies in no place where this archive keeps one."""

    uri: str
    archive: str

    def __str__(self) -> str:
        return (
            f"{self.uri!r} is no manifest in the archive {self.archive!r}: expected "
            f"{self.archive}/<report>/<YYYY>/<MM>/<DD>/r<number>/manifest.json. "
            "Is [daybreak] archive the same on every machine?"
        )


class ManifestUnreadableError(ArchiveError):
    """A manifest that is damaged, or of a later version."""

    uri: str
    problem: str

    def __str__(self) -> str:
        return f"Cannot read the manifest {self.uri!r}: {self.problem}."


class ArchivedFileNotFoundError(ArchiveError):
    """A file that a revision does not have."""

    uri: str
    name: str
    names: list[str]

    def __str__(self) -> str:
        return f"No file {self.name!r} in the revision {self.uri!r}: it has {', '.join(self.names)}."


class ArchivedFileChangedError(ArchiveError):
    """An archived file that is no longer what was published."""

    uri: str
    name: str
    problem: str

    def __str__(self) -> str:
        return (
            f"The file {self.name!r} of the revision {self.uri!r} was changed: {self.problem}. "
            "Restore it from a backup, or run the report's task again for a new revision."
        )


# Releases


class ReleaseError(DaybreakError):
    """A script that could not be deployed, run or rolled back. The release that was current still is."""


class SourceUnreadableError(ReleaseError):
    """A source, or a file in it, that is missing or can't be read."""

    path: str
    problem: str
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return (
            f"Cannot read the source {self.path!r}: {self.problem}. "
            "Expected a folder or a .py file that the worker's user can read."
        )


class NoScriptError(ReleaseError):
    """A source without anything to run."""

    path: str
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return f"Nothing to run in {self.path!r}: expected a .py file in it. Check source."


class SourceLinkError(ReleaseError):
    """A symbolic link that leaves the source."""

    path: str
    link: str
    target: str
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return (
            f"The link {self.link!r} in {self.path!r} leads to {self.target!r}, outside of the source. "
            "Copy what it leads to into the source, or remove the link."
        )


class SourceTooLargeError(ReleaseError):
    """A source of more than a script's size."""

    path: str
    found: str
    limit: str
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return (
            f"The source {self.path!r} holds {self.found}: at most {self.limit} are deployed. "
            "Keep data and environments outside of it."
        )


class SourceChangedError(ReleaseError):
    """A file of the source that changed while it was deployed."""

    path: str

    def __str__(self) -> str:
        return f"{self.path!r} changed while it was deployed. Deploy again when nobody writes to the source."


class RequirementsError(ReleaseError):
    """Requirements that are missing or can't be read."""

    path: str
    problem: str
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return f"Cannot use the requirements {self.path!r}: {self.problem}"


class RequirementRefusedError(ReleaseError):
    """A line of the requirements that can't be deployed. Its text is "" where it may be anything, a secret too."""

    path: str
    line: int
    text: str
    problem: str
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        place = f"{self.path!r} line {self.line}"
        return f"Cannot deploy {f'{self.text!r} ({place})' if self.text else place}: {self.problem}"


class LockingError(ReleaseError):
    """Requirements that uv could not lock: they conflict, or nothing fits them."""

    path: str
    explanation: str

    def __str__(self) -> str:
        return f"Cannot lock the requirements {self.path!r}. uv says:\n{self.explanation}"


class InstallError(ReleaseError):
    """An environment that uv could not build."""

    environment: str
    explanation: str

    def __str__(self) -> str:
        return f"Cannot build the environment {self.environment!r}. uv says:\n{self.explanation}"


class InterpreterError(ReleaseError):
    """A Python that is missing or can't be used."""

    python: str
    problem: str
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return (
            f"Cannot use the Python {self.python!r}: {self.problem}. Give python as the absolute path of an "
            "interpreter that every user may run, such as /usr/bin/python3.12, or as a version, such as 3.12."
        )


class VerificationError(ReleaseError):
    """An environment or release that did not pass a check before it was to become current."""

    what: str
    check: str
    explanation: str

    def __str__(self) -> str:
        return f"{self.what} did not pass {self.check}:\n{self.explanation}"


class DeployLockTimeoutError(ReleaseError):
    """Another deploy of the same name that went on for too long."""

    name: str
    holder: str
    waited: float

    def __str__(self) -> str:
        return (
            f"Another deploy of {self.name!r} ({self.holder}) was still going on after {self.waited:g} seconds. "
            "Wait for it, or give a longer lock_timeout."
        )


class DiskFullError(ReleaseError):
    """A disk with too little room for a release."""

    path: str
    problem: str

    def __str__(self) -> str:
        return (
            f"Too little room for a release in {self.path!r}: {self.problem}. Make room, for example with "
            "'airflow daybreak releases prune', or set [daybreak] releases to a folder on another disk."
        )


class StorageError(ReleaseError):
    """A folder for releases that can't be read or written."""

    path: str
    problem: str

    def __str__(self) -> str:
        return (
            f"Cannot use {self.path!r} for releases: {self.problem}. Expected a local folder that the worker's "
            "user may write to; [daybreak] releases names it."
        )


class LocksUnsupportedError(ReleaseError):
    """A file system on which two deploys can't keep out of each other's way."""

    path: str
    problem: str
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return (
            f"The file system of {self.path!r} has no locks (flock: {self.problem}). Set [daybreak] releases to a "
            "folder on a local disk; several workers share releases by [daybreak] release_store."
        )


class RunAsError(ReleaseError):
    """A user that a script can't be run as."""

    user: str
    problem: str
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return f"Cannot run a script as {self.user!r}: {self.problem}"


class ClockError(ReleaseError):
    """A Python whose clock can't be started at a run's instant."""

    python: str
    problem: str
    explanation: str = ""

    def __str__(self) -> str:
        return (
            f"Cannot start the clock of {self.python} at the run's instant: {self.problem} Or leave out clock=: the "
            f"script then has the true time, on backfilled days too.\n{self.explanation}"
        ).rstrip()


class ReleaseNotFoundError(ReleaseError):
    """A release that is not there."""

    name: str
    release: str
    there: tuple[str, ...]
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        there = ", ".join(self.there) or "none"
        which = (
            f"release {self.release!r} of {self.name!r}"
            if self.release
            else f"current release of {self.name!r}"
        )
        return f"There is no {which} here. There are: {there}. Deploy it with VenvDeployOperator first."


class ReleaseDamagedError(ReleaseError):
    """What a release or an environment says of itself, and that can't be used."""

    path: str
    problem: str
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return (
            f"Cannot use {self.path!r}: {self.problem}. Deploy again, with the same source: it is made anew. For an "
            "environment, 'airflow daybreak releases rebuild' does so too."
        )


class StillInUseError(ReleaseError):
    """Something damaged that can't be made anew while a job runs from it."""

    path: str
    release: str

    def __str__(self) -> str:
        return (
            f"Cannot make {self.path!r} anew: a job still runs from release {self.release!r}. "
            "Try again when it has ended."
        )


class StoredReleaseError(ReleaseError):
    """Something in the store of releases that is not what it should be."""

    path: str
    problem: str

    def __str__(self) -> str:
        return (
            f"Cannot use {self.path!r} of the release store: {self.problem}. Remove it from the store, and if it is a "
            "release's, the release's whole folder; then deploy again: it is put there anew."
        )


class NoPreviousReleaseError(ReleaseError):
    """A roll back with nothing to go back to."""

    name: str
    there: tuple[str, ...]
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        there = ", ".join(self.there) or "none"
        return f"{self.name!r} has no earlier release to return to. There are: {there}. Name one of them in to."


class ScriptFailedError(ReleaseError):
    """A script that ended with an exit code other than 0, or by a signal."""

    command: str
    ending: str
    stderr: str
    by_hand: str

    def __str__(self) -> str:
        said = f"Its last lines on stderr:\n{self.stderr}\n" if self.stderr else "It wrote nothing to stderr.\n"
        return f"{self.command!r} ended with {self.ending}. {said}To run it by hand: {self.by_hand}"


class ScriptNotStartedError(ReleaseError):
    """A command that could not be started."""

    command: str
    problem: str
    by_hand: str
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return f"Cannot start {self.command!r}: {self.problem}. To run it by hand: {self.by_hand}"


class ScriptOutputError(ReleaseError):
    """A script whose output is not what was asked of it."""

    command: str
    problem: str
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return f"{self.command!r} did its work, but {self.problem}"


class ArtifactUnreadableError(ReleaseError):
    """A file or folder that a script left, and that can't be read."""

    path: str
    problem: str
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return (
            f"Cannot read {self.path!r}, which the script left: {self.problem}. Expected files that it wrote, and that "
            "nothing it leaves running removes or replaces."
        )


# Delivery


class DeliveryError(DaybreakError):
    """A mail that was not, or not surely, sent."""


class NoRecipientsError(DeliveryError):
    """A mail to nobody."""

    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return (
            "No recipients: 'to', 'cc' and 'bcc' are empty, and the connection has no default_recipients in its "
            "extra. Name at least one address in either (EMAIL_RECEIVER of a .env file sets the default)."
        )


class RecipientNotAllowedError(DeliveryError):
    """Recipients outside of the allowed domains. Nothing was sent to anybody."""

    addresses: tuple[str, ...]
    allowed: tuple[str, ...]
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return (
            f"Not allowed to mail {_some(self.addresses)}: allowed_domains are {', '.join(self.allowed)}. "
            f"Nothing was sent. Remove the recipients, or allow their domains."
        )


class AttachmentChangedError(DeliveryError):
    """An attachment that is gone, or has other bytes than those that were recorded. Nothing was sent."""

    name: str
    uri: str
    problem: str
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return (
            f"Cannot attach {self.name!r}: {self.problem} at {self.uri}. Nothing was sent. "
            f"Make the file again by clearing the task that made it."
        )


class MailTooLargeError(DeliveryError):
    """A mail that is too large even without its attachments."""

    size: int
    limit: int
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return (
            f"The mail has {self.size:,} bytes without its attachments, and at most {self.limit:,} may be sent. "
            f"Shorten the report, or raise max_bytes as far as the server allows."
        )


class ApprovalError(DeliveryError):
    """A mail that waited for a person in vain."""

    problem: str
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return f"The mail waited for an approval in vain: {self.problem}. Nothing was sent. Clear the task to ask again."


class ContentChangedError(DeliveryError):
    """A mail that would not be what somebody approved. It was not sent."""

    report: str
    what: str
    approved: object
    found: object
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return (
            f"The mail of {self.report!r} would not be what was approved: {self.what}: {_shown(self.approved)} then, "
            f"and {_shown(self.found)} now. It was not sent. Clear the task to ask again."
        )


class NothingToResendError(DeliveryError):
    """A report that nobody waits for."""

    report: str
    report_date: str
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return (
            f"Nobody to send {self.report!r} of {self.report_date} to again: everybody that the ledger names got it. "
            f"Name who should get it with --to."
        )


class LedgerUnsafeError(DeliveryError):
    """A place for the ledger that lets two processes both create the same file. Nothing was sent."""

    folder: str
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return (
            f"The archive's storage can't keep a ledger: a file in {self.folder} was created twice, so two tasks "
            f"could both send. Nothing was sent. Use a local file system or S3 with conditional writes."
        )


class ArchiveNotSharedError(DeliveryError):
    """An archive on a disk of one host, where tasks run on several. Nothing was sent."""

    archive: str
    executors: tuple[str, ...]
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return (
            f"The archive {self.archive} is a folder of this host, and tasks run on several ({', '.join(self.executors)}): "
            f"each host would keep a ledger of its own, and mail everybody again. Nothing was sent. Put [daybreak] "
            f"archive on object storage, or, if the folder is one mount that all workers share, say so: "
            f"[daybreak] archive_is_shared = True."
        )


class RelayUnavailableError(DeliveryError):
    """A relay for a script's own mail that can't listen on this machine."""

    host: str
    problem: str

    def __str__(self) -> str:
        return (
            f"Cannot listen on {self.host} for the script's mail: {self.problem}. Free ports are taken as they come; "
            "look at net.ipv4.ip_local_port_range and at what holds so many of them."
        )


class SmtpError(DeliveryError):
    """A mail server that can't be used."""

    host: str
    port: int
    problem: str


class SmtpUnavailableError(SmtpError):
    """A mail server that can't be used now. Later it may."""

    def __str__(self) -> str:
        return (
            f"The mail server {self.host}:{self.port} is not available: {self.problem}. "
            f"It is tried again with the task's next try; check host, port and network if that stays so."
        )


class SmtpTlsError(SmtpError):
    """A connection that can't be secured as it must be. No credential was sent."""

    next_step: str = "Correct the connection"
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return (
            f"No secure connection to the mail server {self.host}:{self.port}: {self.problem}. "
            f"No credential was sent. {self.next_step}."
        )


class SmtpLoginError(DeliveryError):
    """Credentials that the server refuses. Holds no password."""

    host: str
    port: int
    login: str
    problem: str
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return (
            f"Cannot log in to the mail server {self.host}:{self.port} as {self.login!r}: {self.problem}. "
            f"Correct login and password of the connection."
        )


class SenderRefusedError(SmtpError):
    """A sender, or a mail, that the server refuses whoever it is for."""

    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return (
            f"The mail server {self.host}:{self.port} refuses the mail: {self.problem}. "
            f"Correct from_email in the connection's extra, or ask the server's owner."
        )


class DeliveryIncompleteError(DeliveryError):
    """Recipients who did not get a mail for good, or maybe did not, by address with the reason."""

    report: str
    sent: int
    refused: dict[str, str]
    unknown: dict[str, str]
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        parts = [f"{self.report!r} was mailed to {self.sent}, and not to everybody."]
        if self.refused:
            parts.append(f"Refused: {_some(_reasons(self.refused))}. Correct these addresses.")
        if self.unknown:
            parts.append(
                f"Maybe sent: {_some(_reasons(self.unknown))}. Ask one of them, then run "
                f"'airflow daybreak resend' for those who got nothing, or set on_unknown."
            )
        return " ".join(parts)


class DeliveryPendingError(DeliveryError):
    """Recipients who did not get a mail yet, by address with the reason. The task's next try goes on."""

    report: str
    sent: int
    deferred: dict[str, str]
    refused: dict[str, str]
    unknown: dict[str, str]

    def __str__(self) -> str:
        rest = {**self.refused, **self.unknown}
        also = f" Refused or in doubt: {_some(_reasons(rest))}." if rest else ""
        return (
            f"{self.report!r} was mailed to {self.sent}, and not yet to {_some(_reasons(self.deferred))}."
            f"{also} The task's next try sends to these alone; give it retries."
        )


def _reasons(reasons: dict[str, str]) -> list[str]:
    return [f"{address} ({reason})" for address, reason in reasons.items()]


def _some(values: Sequence[str], most: int = 20) -> str:
    more = f" and {len(values) - most} more" if len(values) > most else ""
    return ", ".join(values[:most]) + more
