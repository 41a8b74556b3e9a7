"""Tables by name: read once from whatever holds them, iterated as often as formats need, small in memory."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import chain, islice
from typing import IO, Any, cast

from airflow_provider_daybreak.exceptions import InvalidRowsError, InvalidValueError, MissingColumnError
from airflow_provider_daybreak.reports.values import plain

_BATCH = 5_000
_IN_MEMORY = 50_000
"""Rows that are kept in memory. What comes after them goes to an unlinked temporary file."""
_SIMPLE = {str, int, float, bool, type(None), Decimal, date, datetime, time, timedelta, bytes}
_OWN = _SIMPLE | {list, dict}


class Watched(dict[str, Any]):
    """A mapping that says which key of it is read, or None when it is read without one: all of it may be meant then."""

    __slots__ = ("_seen",)

    def __init__(self, values: Any, seen: Callable[[str | None], None]) -> None:
        super().__init__(values)
        self._seen = seen

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (self.unseen(),)

    def unseen(self) -> dict[str, Any]:
        """Return it as it is, for one who takes it whole and reads it later."""
        return dict(dict.items(self))

    def __iter__(self) -> Iterator[str]:
        self._seen(None)
        return super().__iter__()

    def keys(self) -> Any:
        """All of them."""
        self._seen(None)
        return super().keys()

    def values(self) -> Any:
        """All of them."""
        self._seen(None)
        return super().values()

    def items(self) -> Any:
        """All of them."""
        self._seen(None)
        return super().items()

    def __getitem__(self, key: str) -> Any:
        self._seen(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or the default."""
        self._seen(key)
        return super().get(key, default)

    def __eq__(self, other: object) -> bool:
        self._seen(None)
        return super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        self._seen(None)
        return super().__ne__(other)

    __hash__ = None

    def __repr__(self) -> str:
        self._seen(None)
        return super().__repr__()


class Rows:
    """
    Rows under the names of their columns.

    Iterating gives mappings from column to value. Sliced by ``[start:stop]`` it gives Rows again.

    :param columns: names of the columns, each once.
    :param tuples: the rows' values in the columns' order; read once.
    :param name: what the data is called in the report.
    """

    def __init__(self, columns: Sequence[str], tuples: Iterable[Sequence[Any]], *, name: str = "") -> None:
        self.columns = tuple(columns)
        if len(set(self.columns)) < len(self.columns):
            double = next(column for column in self.columns if self.columns.count(column) > 1)
            raise InvalidRowsError(name, f"two columns are called {double!r}; give one another name")
        self.name = name
        self._index = {column: position for position, column in enumerate(self.columns)}
        self._memory: list[Sequence[Any]] = []
        self._file: IO[bytes] | None = None
        self._batches: list[tuple[int, int]] = []  # where each begins in the file, and its length in bytes
        self._count = 0
        self._seen: Callable[[str | None], None] | None = None
        iterator = iter(tuples)
        while batch := list(islice(iterator, _BATCH)):
            own = _OWN.issuperset(map(type, chain.from_iterable(batch)))
            self._append(batch if own else [tuple(map(plain, row)) for row in batch])

    @classmethod
    def of(cls, value: object, *, name: str = "") -> Rows:
        """
        Return the value as rows.

        :param value: mappings, Rows, or a table of pandas, polars or Arrow.
        :raises InvalidRowsError: the value is none of these.
        """
        if isinstance(value, Rows):
            return value
        if isinstance(value, Mapping):
            return cls.of([value], name=name)
        if (
            isinstance(value, (str, bytes))
            or not isinstance(value, Iterable)
            or hasattr(value, "__dataframe__")
        ):
            return cls._of_frame(value, name)
        if any(hasattr(value, sign) for sign in ("to_pydict", "__arrow_c_stream__", "to_frame")):
            return cls._of_frame(value, name)
        return cls._of_mappings(value, name)

    @classmethod
    def _of_mappings(cls, value: Iterable[object], name: str) -> Rows:
        iterator = iter(value)
        head = list(islice(iterator, _BATCH))
        columns: dict[str, None] = {}
        for row in head:
            columns.update(dict.fromkeys(_mapping(row, name)))

        def tuples() -> Iterator[Sequence[Any]]:
            for row in chain(head, iterator):
                mapping = _mapping(row, name)
                if not mapping.keys() <= columns.keys():
                    late = next(key for key in mapping if key not in columns)
                    problem = f"column {late!r} first appears after {_BATCH} rows; give it in the first row too"
                    raise InvalidRowsError(name, problem)
                yield tuple(mapping.get(column) for column in columns)

        return cls([str(column) for column in columns], tuples(), name=name)

    @classmethod
    def _of_frame(cls, value: object, name: str) -> Rows:
        import narwhals as nw
        from narwhals.exceptions import NarwhalsError

        try:
            frame = nw.from_native(cast("Any", _flat(value)))
            if isinstance(frame, nw.LazyFrame):
                frame = frame.collect()
            return cls([str(column) for column in frame.columns], frame.iter_rows(named=False), name=name)
        except TypeError as error:
            kind = type(value).__name__
            problem = f"expected a list of rows (mappings) or a table of pandas, polars or Arrow, not {kind}"
            raise InvalidRowsError(name, problem) from error
        except (NarwhalsError, ValueError, OverflowError) as error:  # two columns of one name, the year 20000
            raise InvalidRowsError(name, " ".join(str(error).split()).rstrip(".")) from error

    def _append(self, batch: list[Sequence[Any]]) -> None:
        self._count += len(batch)
        if self._count <= _IN_MEMORY:
            self._memory.extend(batch)
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="daybreak-rows-")  # noqa: SIM115 - lives as long as the rows
        packed = pickle.dumps(batch, protocol=pickle.HIGHEST_PROTOCOL)
        self._batches.append((self._file.tell(), len(packed)))
        self._file.write(packed)

    def tuples(self) -> Iterator[Sequence[Any]]:
        """Yield the rows as values in the columns' order."""
        yield from self._memory
        for start, length in self._batches:
            yield from self._batch(start, length)

    def _batch(self, start: int, length: int) -> list[Sequence[Any]]:
        import os

        file = cast("IO[bytes]", self._file)
        file.flush()
        # Positional: two iterators may read the same file at the same time.
        return cast("list[Sequence[Any]]", pickle.loads(os.pread(file.fileno(), length, start)))  # noqa: S301 - written above, unlinked

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(self._mapping, self.tuples())

    def __contains__(self, row: object) -> bool:
        if self._seen is not None:
            self._seen(None)  # where there are no rows too: the next report compares with what is kept now
        return any(row == each for each in self)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            start, stop, step = index.indices(self._count)
            if step < 1:
                reverse = list(self.tuples())[index]
                part = Rows(self.columns, reverse, name=self.name)
            else:
                part = Rows(self.columns, islice(self.tuples(), start, stop, step), name=self.name)
            part._seen = self._seen
            return part
        position = index + self._count if index < 0 else index
        if not 0 <= position < self._count:
            raise IndexError(index)
        row = (
            self._memory[position]
            if position < len(self._memory)
            else next(islice(self.tuples(), position, None))
        )
        return self._mapping(row)

    def _mapping(self, row: Sequence[Any]) -> dict[str, Any]:
        values = zip(self.columns, row, strict=True)
        return dict(values) if self._seen is None else Watched(values, self._seen)

    def __repr__(self) -> str:
        return f"<Rows {self.name or 'unnamed'}: {self._count} of {', '.join(self.columns)}>"

    def watched(self, seen: Callable[[str | None], None]) -> Rows:
        """
        Return the same rows, which say which column of them is read.

        :param seen: is called with its name, or with None where they are read without a column being named.
        """
        rows = copy(self)
        rows._seen = seen  # noqa: SLF001 - one of its own kind
        return rows

    def same_as(self, other: Rows) -> bool:
        """Return whether both are the same rows, watched or not."""
        return self._memory is other._memory and self.columns == other.columns

    def all_columns(self) -> tuple[str, ...]:
        """Return the columns for one who names none of them."""
        if self._seen is not None:
            self._seen(None)
        return self.columns

    def position(self, column: str) -> int:
        """
        Return where the column stands in a row.

        :raises MissingColumnError: there is no such column.
        """
        if self._seen is not None:
            self._seen(column)
        try:
            return self._index[column]
        except KeyError:
            raise MissingColumnError(column, self.name, self.columns) from None

    def values(self, column: str) -> Iterator[Any]:
        """Yield one column's values."""
        position = self.position(column)
        return (row[position] for row in self.tuples())


def as_data(name: str, value: Any) -> Any:
    """
    Return data as templates get it: tables as Rows under their name, anything else as Python's own values.

    :raises InvalidValueError: templates can't use that name.
    :raises InvalidRowsError: a table can't be read.
    """
    if not name.isidentifier():
        raise InvalidValueError("name of data", name, "a name that templates can use, such as daily_sales")
    if isinstance(value, Rows):
        value.name = value.name or name
        return value
    if isinstance(value, Iterator):
        first = list(islice(value, 1))
        whole = chain(first, value)
        return Rows.of(whole, name=name) if first and isinstance(first[0], Mapping) else _within(list(whole))
    if isinstance(value, (list, tuple)):
        mappings = bool(value) and all(isinstance(row, Mapping) for row in value)
        return Rows.of(value, name=name) if mappings else _within(value)
    frame = (
        hasattr(value, "__dataframe__")
        or hasattr(value, "__arrow_c_stream__")
        or hasattr(value, "__narwhals_dataframe__")
        or (hasattr(value, "to_frame") and hasattr(value, "index"))  # a series of pandas 2
    )
    return Rows.of(value, name=name) if frame else _within(value)


def _mapping(row: object, name: str) -> Mapping[str, Any]:
    if not isinstance(row, Mapping):
        problem = (
            f"expected each row to be a mapping from column to value, not {type(row).__name__}: {row!r:.80}"
        )
        raise InvalidRowsError(name, problem)
    return row.unseen() if isinstance(row, Watched) else row


def _flat(value: Any) -> Any:
    """Return a table of pandas, or a series of it or of polars, with all of its data in columns of one name each."""
    pandas = hasattr(value, "reset_index")
    numbered = True
    if not hasattr(value, "columns") and hasattr(value, "to_frame"):
        # Filters and sorts of a frame leave odd numbers of rows; those of a series are what a dict had for keys.
        numbered = not pandas or (type(value.index).__name__ == "RangeIndex" and value.index.start == 0)
        name = getattr(value, "name", None)
        value = value.to_frame("value" if name is None or name == "" else name)
    if not pandas:
        return value
    value = _with_index(value, numbered=numbered)
    labels = [_label(column) for column in value.columns]
    return value if labels == list(value.columns) else value.set_axis(labels, axis=1)


def _with_index(frame: Any, *, numbered: bool) -> Any:
    """Return a table of pandas with its index as columns: ``groupby`` leaves keys there. Numbers of rows are left out."""
    index, columns = frame.index, set(frame.columns)
    if index.nlevels == 1 and index.name is None:
        if numbered and getattr(index.dtype, "kind", "") in "iu":
            return frame
        wanted = "date" if type(index).__name__ in ("DatetimeIndex", "PeriodIndex") else "index"
        names = [wanted]
    else:
        names = [f"level_{at}" if name is None else name for at, name in enumerate(index.names)]
    kept = []
    for at, name in enumerate(names):
        if name in columns:
            if list(index.get_level_values(at)) == list(frame[name]):  # set_index(drop=False)
                continue
            names[at] = f"{name}_index"  # groupby(cut(n)) and the sums of n
        kept.append(at)
    return frame.set_axis(index.set_names(names)).reset_index(level=kept) if kept else frame


def _label(column: Any) -> str:
    """Return a column's name; of one on several floors, all of them: ``amount sum``."""
    if isinstance(column, tuple):
        return " ".join(text for text in map(_label, column) if text)
    midnight = isinstance(column, datetime) and column.time() == time()
    return column.date().isoformat() if midnight else str(column)


def _within(value: Any) -> Any:
    """Return the value, and all that dicts and lists in it hold, as Python's own."""
    if type(value) is dict:
        own = _SIMPLE.issuperset(map(type, value.values()))
        return value if own else {key: _within(each) for key, each in value.items()}
    if type(value) in (list, tuple):
        return value if _SIMPLE.issuperset(map(type, value)) else type(value)(map(_within, value))
    return plain(value)
