"""What every deliberate error is, and those of no one part."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import dataclass_transform
else:
    dataclass_transform = lambda **_: lambda cls: cls  # noqa: E731 - type checkers alone look at it

_Error = TypeVar("_Error", bound="DaybreakError")
_NO_MODULE = re.compile(r"^ModuleNotFoundError: No module named '([^']+)'", re.MULTILINE)


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

    def __init_subclass__(cls, *, permanent: bool | None = None) -> None:
        super().__init_subclass__()
        if permanent is not None:
            cls.permanent = permanent

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
        facts = ", ".join(f"{name}={shown(getattr(self, name))}" for name in _fields(type(self)))
        return f"{type(self).__name__}({facts})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.__dict__)


class MissingExtraError(DaybreakError, permanent=True):
    """A feature whose packages are not installed."""

    feature: str
    extra: str

    def __str__(self) -> str:
        return (
            f"{self.feature} needs packages that are not installed. "
            f"Install them with: pip install 'airflow-provider-daybreak[{self.extra}]'"
        )


class MissingLibraryError(DaybreakError, permanent=True):
    """
    A feature whose packages are installed, and whose library of the system isn't.

    :param packages: those of Debian that bring it.
    """

    feature: str
    library: str
    packages: str

    def __str__(self) -> str:
        return (
            f"{self.feature} needs the library {self.library}, which this machine lacks. "
            f"On Debian or Ubuntu: apt install {self.packages}"
        )


class MissingConnectionError(DaybreakError, permanent=True):
    """An Airflow connection that isn't there."""

    conn_id: str
    purpose: str
    next_step: str

    def __str__(self) -> str:
        return f"There is no connection {self.conn_id!r} {self.purpose}. {self.next_step}."


class AirflowDatabaseError(DaybreakError):
    """Airflow's database, which a command asks, and which doesn't answer it."""

    url: str
    problem: str
    next_step: str

    def __str__(self) -> str:
        return f"Airflow's database {self.url} can't be asked: {self.problem}. {self.next_step}."


class InvalidValueError(DaybreakError, permanent=True):
    """An argument, parameter or setting that can't be used as it is."""

    name: str
    value: object
    expected: str

    def __str__(self) -> str:
        return f"Invalid {self.name} {shown(self.value)}: expected {self.expected}."


class FileFailedError(DaybreakError):
    """
    A file or folder that the system would not read or write just now: a full disk, a mount that is away, no permission.

    :param path: as far as the system says it.
    """

    path: str
    problem: str

    def __str__(self) -> str:
        what = repr(self.path) if self.path else "a file"
        return (
            f"Cannot read or write {what}: {self.problem}. Mend that; the next try goes on from what is there."
        )


class NameTakenError(DaybreakError, permanent=True):
    """A name for something new that something else has. Nothing was written."""

    name: str
    by: str

    def __str__(self) -> str:
        return f"The name {self.name!r} is taken: {self.by}. Nothing was written. Choose another name."


class OwnedByAnotherDagError(DaybreakError, permanent=True):
    """
    A report or release that a Dag would publish under a name that is another's.

    :param what: ``report`` or ``release``.
    """

    what: str
    name: str
    owner: str
    dag_id: str

    def __str__(self) -> str:
        return (
            f"The {self.what} {self.name!r} belongs to the Dag {self.owner!r}, and {self.dag_id!r} would publish into it. "
            f"Give the {self.what} a name of its own; or, where {self.dag_id!r} is to go on with it, as after a Dag "
            f"was renamed, say take_over={self.owner!r} in the task."
        )


class DagInTwoFilesError(DaybreakError, permanent=True):
    """A Dag whose id two files give theirs, of which the second would publish as the first."""

    dag_id: str
    file: str
    other: str

    def __str__(self) -> str:
        return (
            f"The Dag {self.dag_id!r} stands in two files, and Airflow runs the one that it read last: {self.file!r}, and "
            f"{self.other!r}, which ran first. Nothing of this one is deployed or published. Give its Dag a name of its own in "
            "that file (NAME, or dag_id), or remove one of the two."
        )


def one_of(names: Iterable[str], *, having: str) -> str:
    """
    Return what a sentence says was expected, where a name that is none was given.

    :param names: those that there are.
    :param having: what has them, such as ``the Dag``: where there are none, it says so.
    """
    there = ", ".join(names)
    return f"one of {there}" if there else f"none, since {having} has none"


def missing_module(said: str) -> str:
    """Return the module that Python did not find, by the last lines of what it said, or "" where it missed none."""
    found = _NO_MODULE.findall(said)
    return str(found[-1]) if found else ""


def shown(value: object, most: int = 200) -> str:
    """Return a value as a sentence can hold it."""
    try:
        text = repr(value)
    except ValueError:  # a whole number of more digits than Python writes
        text = f"<{type(value).__name__} too long to be written>"
    return text if len(text) <= most else f"{text[:most]}…"
