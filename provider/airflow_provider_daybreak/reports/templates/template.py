"""
Templates: Jinja in an immutable sandbox, then Markdown (``.md.j2``) or HTML (``.html.j2``), to a document.

In a Markdown template a value never becomes Markdown: ``{{ … }}`` writes a mark, and the value takes its
place after Markdown has been parsed. So ``*``, ``|`` or ``<script>`` in data stay text wherever they stand.
An HTML template escapes as Jinja does. One module, since only with all of it in sight one sees that nothing slips through.
"""

from __future__ import annotations

import hashlib
import json
import re
import traceback
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import wraps
from html import unescape
from pathlib import Path
from textwrap import dedent
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_daybreak.exceptions import (
    DaybreakError,
    InvalidValueError,
    TemplateError,
    TemplateLimitError,
    TemplateUnreadableError,
)
from airflow_provider_daybreak.reports.document import Document
from airflow_provider_daybreak.reports.placeholders import Placeholders, printable, without_placeholders
from airflow_provider_daybreak.reports.rows import as_data
from airflow_provider_daybreak.reports.templates.components import Components
from airflow_provider_daybreak.reports.templates.limits import Limits, Meter
from airflow_provider_daybreak.reports.templates.sandbox import compiled, failures, missing, sandbox, sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import date

    from jinja2 import Environment
    from markdown_it.token import Token

    from airflow_provider_daybreak.reports.document import Block, Prose
    from airflow_provider_daybreak.reports.language import Language
    from airflow_provider_daybreak.reports.period import Period

SUFFIX = ".j2"
SUFFIXES = (".md.j2", ".html.j2")
COMPONENTS = ("table", "metric", "chart", "notice")
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


@dataclass(frozen=True)
class Subject:
    """
    What a rendering is of.

    :param report: slug of the report.
    :param language: by the clock of the period's zone, unless it has one of its own.
    :param title: its title; the template's first heading, or the slug, when empty.
    """

    report: str
    report_date: date
    period: Period
    language: Language
    title: str = ""


def render(
    path: Path,
    subject: Subject,
    data: Mapping[str, Any],
    *,
    limits: Limits | None = None,
    **functions: Callable[..., Any],
) -> Document:
    """
    Render a template to a document.

    :param path: the template; what it includes, imports or extends lies below its folder, or in the one above.
    :param data: what the template sees by name beside ``report`` and ``period``.
    :param functions: what else it may call, such as ``previous``.
    :raises TemplateUnreadableError: the file is missing or no UTF-8 text.
    :raises TemplateError: the template is wrong, or a value in it is; gives file, line and column.
    :raises TemplateLimitError: it ran too long or grew too big.
    """
    if not path.name.endswith(SUFFIXES):
        raise InvalidValueError("template", str(path), "a file whose name ends with " + " or ".join(SUFFIXES))
    if subject.language.zone is None and (zone := subject.period.start.tzinfo) is not None:
        subject = replace(subject, language=subject.language.at(zone))
    rendering = _Rendering(path, subject, limits or Limits())
    text = rendering.text({**functions, **_context(subject, data, reserved=functions)})
    body = rendering.prose(text)
    title = subject.title
    if not isinstance(body, str) and (heading := _first_heading(body)) is not None:
        body = body[3:] if not title or title == heading else body
        title = title or heading
    return Document(
        report=subject.report,
        title=title or subject.report.replace("_", " ").replace("-", " ").capitalize(),
        report_date=subject.report_date,
        period=subject.period,
        language=subject.language,
        body=body,
        blocks=tuple(rendering.placeholders.blocks),
        template_sha256=rendering.digest(),
    )


def _context(subject: Subject, data: Mapping[str, Any], *, reserved: Iterable[str]) -> dict[str, Any]:
    taken_names = {"report", "period", *COMPONENTS, *reserved} & data.keys()
    if taken_names:
        raise InvalidValueError("name of data", min(taken_names), "a name that no part of a template has")
    period = subject.period
    report = {
        "name": subject.report,
        "title": subject.title,
        "date": subject.report_date,
        "locale": subject.language.code,
        "period": subject.language.period(period),
    }
    return {
        **{name: as_data(name, value) for name, value in data.items()},
        "report": MappingProxyType(report),
        "period": period,
    }


class _Rendering:
    """One use of a template: its environment, the values it wrote and the blocks it made."""

    def __init__(self, path: Path, subject: Subject, limits: Limits) -> None:
        self.path, self.subject = path, subject
        self.meter = Meter(limits, str(path))
        self.placeholders = Placeholders(str(path))
        self.markdown = path.name.endswith(".md.j2")
        self._sources: dict[str, str] = {}
        self._names: list[str] = []
        self._filters: list[str] = []
        self._components = Components(subject.language, subject.period)

    def text(self, context: Mapping[str, Any]) -> str:
        """Return what the template writes: Markdown or HTML with marks in it."""
        environment = self._environment()
        self._names, self._filters = [*context, *environment.globals], list(environment.filters)
        with self.meter.memory():
            try:
                template = environment.get_template(self.path.name)
                return "".join(self.meter.write(part) for part in template.generate(dict(context)))
            except DaybreakError as error:
                if isinstance(error, TemplateUnreadableError):
                    raise
                raise self._located(error) from error
            except failures() as error:
                raise self._located(error) from error

    def prose(self, text: str) -> Prose:
        """Return what was written with its marks resolved: parsed where it is Markdown."""
        return self.placeholders.parsed(text) if self.markdown else text

    def digest(self) -> str:
        """Return the SHA-256 of all sources that were read, in the order of their names."""
        digest = hashlib.sha256()
        for name in sorted(self._sources):
            for part in (name, self._sources[name]):
                encoded = part.encode()
                digest.update(len(encoded).to_bytes(8, "big") + encoded)
        return digest.hexdigest()

    def _environment(self) -> Environment:
        from jinja2 import FunctionLoader, pass_context
        from markupsafe import Markup

        def written(value: Any) -> str:
            _check_defined(value)
            return printable(self.subject.language.value(value))

        def marked(value: Any) -> Markup:
            return Markup(self.placeholders.value(self.meter.write(written(value))))  # noqa: S704 - a mark, made here

        @pass_context  # also keeps Jinja from working constants out before there is a rendering
        def finalize(_: Any, value: Any) -> Any:
            if hasattr(value, "__html__"):
                return value
            return marked(value) if self.markdown else written(value)

        environment = sandbox()(
            loader=FunctionLoader(self._load),
            autoescape=True,
            finalize=finalize,
            undefined=missing(),
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            cache_size=0,
            bytecode_cache=compiled(),
            optimized=False,
        )
        environment.meter = self.meter
        environment.filters |= _filters(self.subject.language)
        environment.filters["safe"] = _safe
        del environment.filters["random"]  # a report made again says the same
        if self.markdown:
            _escape_for_markdown(environment, marked, self._plain)
        environment.globals = {
            name: value
            for name, value in environment.globals.items()
            if name in ("range", "dict", "namespace", "cycler", "joiner")
        }
        for name in COMPONENTS:
            environment.globals[name] = self._component(getattr(self._components, name))
        environment.globals["notice"] = self._component(self._notice)
        return cast("Environment", environment)

    def _component(self, make: Callable[..., Block]) -> Callable[..., Any]:
        """Return what templates call: a plain function, of which they can see nothing but what it gives."""
        from markupsafe import Markup

        def component(*args: Any, **kwargs: Any) -> Any:
            _check_defined(*args, *kwargs.values())
            if any("macro" in source or "endset" in source for source in self._sources.values()):
                args, kwargs = self._plain(args), self._plain(kwargs)
            # Jinja takes the line's end after {% endcall %} away, and Markdown needs it.
            end = "\n\n" if "caller" in kwargs else ""
            return Markup(self.placeholders.block(make(*args, **kwargs)) + end)  # noqa: S704 - a mark, made here

        return component

    def _plain(self, value: Any) -> Any:
        """Return arguments with what macros and ``{% set %}`` blocks wrote as text."""
        if hasattr(value, "__html__"):
            text = self.placeholders.text(str(value))
            return text if self.markdown else unescape(text)
        if type(value) is dict:
            return {self._plain(key): self._plain(each) for key, each in value.items()}
        if type(value) in (list, tuple):
            return type(value)(map(self._plain, value))
        return value

    def _notice(self, *args: Any, caller: Callable[[], str] | None = None, **kwargs: Any) -> Block:
        """Return a notice of a text, or of what stands between ``{% call notice(tone) %}`` and ``{% endcall %}``."""
        if caller is None:
            return self._components.notice(*args, **kwargs)
        notice = self._components.notice("", *args, **kwargs)
        return replace(notice, body=self.prose(self.meter.write(dedent(caller()))))

    def _load(self, name: str) -> tuple[str, str, Callable[[], bool]] | None:
        """Return the source of a template below the report's folder, or right in the one above."""
        if not name.endswith(SUFFIX) or any(part.startswith(".") for part in name.split("/")):
            expected = f"a file whose name ends with {SUFFIX}, in no hidden folder"
            raise InvalidValueError("included template", name[:500], expected)
        beside, above = self.path.parent, self.path.parent.parent
        for folder in (beside,) if name == self.path.name or "/" in name else (beside, above):
            path = folder / name
            try:
                real = path.resolve()
                found = real.is_relative_to(folder.resolve()) and real.is_file()
            except OSError as error:  # a name that no file can have, or a folder that nobody may read
                raise TemplateUnreadableError(str(path)[:500], error.strerror or str(error)) from error
            if found and real.name.endswith(SUFFIX):  # a link may be called so, and lead to what is no template
                return self._read(name, path), str(path), lambda: True
        if name == self.path.name:
            problem = "No such file; expected a template, by an absolute path or one from the Dag file's folder"
            raise TemplateUnreadableError(str(self.path), problem)
        return None

    def _read(self, name: str, path: Path) -> str:
        try:
            source = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise TemplateUnreadableError(
                str(path), f"byte {error.start} is no UTF-8 text; save it as UTF-8"
            ) from error
        except OSError as error:
            raise TemplateUnreadableError(str(path), error.strerror or str(error)) from error
        self._sources[name] = source
        return without_placeholders(source)

    def _located(self, error: Exception) -> DaybreakError:
        """Return the error with the place in the template that it comes from."""
        line, path = None, None
        if not isinstance(error, SyntaxError):  # whose line is one of the code that Jinja made
            line, path = getattr(error, "lineno", None), getattr(error, "filename", None)
        if line is None:
            files = {
                str(folder / name)
                for name in self._sources
                for folder in (self.path.parent, self.path.parent.parent)
            }
            frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in files]
            line, path = (frames[-1].lineno, frames[-1].filename) if frames else (None, str(self.path))
        if isinstance(error, TemplateLimitError):
            return TemplateLimitError(**vars(error) | {"line": line or 0, "path": str(path)})
        text, column = _line(Path(path or self.path), line, str(error))
        return TemplateError(
            str(path or self.path), line or 0, column, text, sentence(error) + self._meant(error)
        )

    def _meant(self, error: Exception) -> str:
        """Return which known name or filter is like the one that an error calls unknown."""
        for pattern, known in (
            (r"'(\w+)' is undefined", self._names),
            (r"No filter named '(\w+)'", self._filters),
        ):
            if (match := re.match(pattern, str(error))) and (like := get_close_matches(match[1], known, n=1)):
                return f"; perhaps {like[0]!r} is meant"
        return ""


def _filters(language: Language) -> dict[str, Callable[..., str]]:
    return {name: _of_something(getattr(language, name)) for name in WRITERS}


def _safe(value: Any) -> Any:
    from markupsafe import Markup

    return value if hasattr(value, "__html__") else Markup(printable(str(value)))  # noqa: S704 - what the author asks for


def _escape_for_markdown(
    environment: Environment, marked: Callable[[Any], str], plain: Callable[[Any], Any]
) -> None:
    """
    Let every value that Jinja would escape as HTML, or join with what a macro wrote, become a mark instead.

    :param marked: returns the mark of a value.
    :param plain: returns what a macro wrote without marks, for filters that make another value of it.
    """
    from jinja2 import pass_environment
    from jinja2.filters import make_attrgetter

    def joined(parts: Iterable[Any]) -> Any:
        parts = list(parts)
        if not any(hasattr(part, "__html__") for part in parts):
            return "".join(map(str, parts))
        return _safe("").join(part if hasattr(part, "__html__") else marked(part) for part in parts)

    @pass_environment
    def join(environment: Environment, value: Iterable[Any], d: str = "", attribute: Any = None) -> Any:
        if attribute is not None:
            value = map(make_attrgetter(environment, attribute), value)
        between = [part for each in value for part in (d, each)]
        return joined(between[1:])

    environment.joined = joined  # type: ignore[attr-defined]
    environment.filters |= dict.fromkeys(("e", "escape", "forceescape"), lambda value: value)
    environment.filters |= {"join": join, "tojson": _json}
    for name in ("urlize", "xmlattr"):  # they write HTML
        del environment.filters[name]
    for name in (*_OF_VALUES, *WRITERS):
        environment.filters[name] = _of_plain(environment.filters[name], plain)


def _of_plain(filter_: Callable[..., Any], plain: Callable[[Any], Any]) -> Callable[..., Any]:
    @wraps(filter_)  # with what Jinja wants to pass to it
    def filtered(*args: Any, **kwargs: Any) -> Any:
        return filter_(*map(plain, args), **{name: plain(value) for name, value in kwargs.items()})

    return filtered


def _json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, indent=indent, ensure_ascii=False, sort_keys=True)


def _of_something(write: Callable[..., str]) -> Callable[..., str]:
    """Return the filter so that a name which isn't there is what it complains of, and not what stands for it."""

    def written(value: Any, *args: Any, **kwargs: Any) -> str:
        _check_defined(value)
        return write(value, *args, **kwargs)

    return written


def _check_defined(*values: object) -> None:
    """Raise what Jinja does for a name that isn't there."""
    from jinja2 import Undefined

    for value in values:
        if isinstance(value, Undefined):
            str(value)  # raises, naming it


def _first_heading(tokens: tuple[Token, ...]) -> str | None:
    if tokens and tokens[0].type == "heading_open" and tokens[0].tag == "h1":
        return "".join(child.content for child in tokens[1].children or ())
    return None


def _line(path: Path, number: int | None, message: str) -> tuple[str, int]:
    """Return the template's line, and the column (from 1) of what the error names; of its expression if that isn't said."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError:
        return "", 0
    if not number or number > len(lines):
        return "", 0
    text = lines[number - 1]
    for name in re.findall(r"'([^']+)'", message):
        if (match := re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)) is not None:
            return text, match.start() + 1
    begins = [text.find(mark) for mark in ("{{", "{%") if mark in text]
    return text, (min(begins) if begins else len(text) - len(text.lstrip())) + 1
