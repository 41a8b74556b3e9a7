"""The filters of templates: Jinja's that suit a report, and ours, which write values in its language."""

from __future__ import annotations

import json
from functools import wraps
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.reports.templates.code import text_of_module
from airflow_provider_daybreak.reports.templates.written import Written, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jinja2 import Environment

    from airflow_provider_daybreak.reports.language import Language

WRITERS = ("number", "percent", "currency", "date", "time", "datetime", "duration", "size")
"""Filters that write a value in the report's language: methods of it."""
_OF_VALUES = (
    *(
        "abs",
        "capitalize",
        "count",
        "filesizeformat",
        "float",
        "format",
        "int",
        "length",
        "lower",
        "pprint",
        "reverse",
    ),
    *("round", "string", "striptags", "title", "truncate", "upper", "urlencode", "wordcount", "wordwrap"),
)
"""Filters of Jinja that make another value of one."""


def change_filters(environment: Environment, language: Language, *, markdown: bool) -> None:
    """
    Put the filters of a report's template into its environment.

    :param markdown: whether it is a template of Markdown, and not of HTML.
    """
    environment.filters |= {name: _of_something(getattr(language, name)) for name in WRITERS}
    del environment.filters["random"]  # a report made again says the same
    for name in ("format", "string"):  # others that make a text of an instant have it by its name
        environment.filters[name] = _by_the_clock(environment.filters[name], language)
    _keep_markup(environment, language)
    if markdown:
        _keep_markdown(environment)


def check_defined(*values: object) -> None:
    """Raise what Jinja does for a name that isn't there."""
    from jinja2 import Undefined

    for value in values:
        if isinstance(value, Undefined):
            str(value)  # raises, naming it


def _keep_markup(environment: Environment, language: Language) -> None:
    """Let a text that is joined of what a template wrote and of data be such a text, with the data as data."""
    from jinja2 import pass_environment
    from jinja2.filters import make_attrgetter

    def joined(parts: Iterable[Any]) -> Any:
        parts = [language.local(text_of_module(part)) for part in parts]
        if not any(hasattr(part, "__html__") or isinstance(part, Written) for part in parts):
            return "".join(map(str, parts))
        return environment.wrote("").join(parts)  # type: ignore[attr-defined]

    @pass_environment
    def join(environment: Environment, value: Iterable[Any], d: str = "", attribute: Any = None) -> Any:
        if attribute is not None:
            value = map(make_attrgetter(environment, attribute), value)
        between = [part for each in value for part in (d, each)]
        return joined(between[1:])

    environment.joined = joined  # type: ignore[attr-defined]
    environment.filters["join"] = join


def _keep_markdown(environment: Environment) -> None:
    """Let filters that Jinja knows HTML for know Markdown instead, as :class:`Written` does."""

    def replaced(s: Any, old: Any, new: Any, count: int | None = None) -> str:
        if isinstance(new, Written) and not isinstance(s, Written):
            s = Written(s)
        text = s if isinstance(s, str) else str(s)
        return text.replace(
            str(old), new if isinstance(text, Written) else str(new), -1 if count is None else count
        )

    indent = environment.filters["indent"]

    def indented(s: str, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
        return (
            s.indented(width, first=first, blank=blank)
            if isinstance(s, Written)
            else indent(s, width, first, blank)
        )

    environment.filters |= dict.fromkeys(("e", "escape", "forceescape"), lambda value: value)
    environment.filters |= {"replace": replaced, "indent": indented, "tojson": _json}
    for name in ("urlize", "xmlattr"):  # they write HTML
        del environment.filters[name]
    for name in (*_OF_VALUES, *WRITERS):
        environment.filters[name] = _of_plain(environment.filters[name])


def _by_the_clock(filter_: Callable[..., Any], language: Language) -> Callable[..., Any]:
    def filtered(*args: Any, **kwargs: Any) -> Any:
        return filter_(
            *map(language.local, args), **{name: language.local(value) for name, value in kwargs.items()}
        )

    return filtered


def _of_plain(filter_: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(filter_)  # with what Jinja wants to pass to it
    def filtered(*args: Any, **kwargs: Any) -> Any:
        return filter_(*map(plain, args), **{name: plain(value) for name, value in kwargs.items()})

    return filtered


def _json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, indent=indent, ensure_ascii=False, sort_keys=True)


def _of_something(write: Callable[..., str]) -> Callable[..., str]:
    """Return the filter so that a name which isn't there is what it complains of, and not what stands for it."""

    def written(value: Any, *args: Any, **kwargs: Any) -> str:
        check_defined(value)
        return write(value, *args, **kwargs)

    return written
