"""
Templates: Jinja in an immutable sandbox, then Markdown (``.md.j2``) or HTML (``.html.j2``), to a document.

In a Markdown template a value never becomes Markdown: what is printed is hidden from it (see ``placeholders``), and
only what a template wrote (see ``written``) isn't. So ``*``, ``|`` or ``<script>`` in data stay text wherever they stand.
An HTML template escapes as Jinja does.

One module, since what a rendering reads, writes and complains of belongs together.
"""

from __future__ import annotations

import hashlib
import re
import traceback
from dataclasses import dataclass, replace
from difflib import get_close_matches
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
from airflow_provider_daybreak.reports.placeholders import (
    Placeholders,
    hidden,
    printable,
    shown,
    without_placeholders,
)
from airflow_provider_daybreak.reports.rows import as_data
from airflow_provider_daybreak.reports.templates.code import (
    compile_all,
    compiled,
    names,
    needed,
    text_of_module,
)
from airflow_provider_daybreak.reports.templates.components import Components
from airflow_provider_daybreak.reports.templates.filters import change_filters, check_defined
from airflow_provider_daybreak.reports.templates.html import html, plain_html
from airflow_provider_daybreak.reports.templates.limits import Limits, Meter
from airflow_provider_daybreak.reports.templates.sandbox import (
    WRITTEN,
    failures,
    missing,
    sandbox,
    sentence,
)
from airflow_provider_daybreak.reports.templates.written import (
    Written,
    markdown_of,
    plain,
    written,
    written_or_data,
)

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
COMPONENTS = ("table", "metric", "chart", "vega", "notice")


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
    previous: Callable[[str, frozenset[str]], Any] | None = None,
) -> Document:
    """
    Render a template to a document.

    :param path: the template; what it includes, imports or extends lies below its folder, or in the one above.
    :param data: what the template sees by name beside ``report`` and ``period``.
    :param previous: what it may call by that name with one of data; gets that, and what its expressions name.
    :raises TemplateUnreadableError: the file is missing or no UTF-8 text.
    :raises TemplateError: the template is wrong, or a value in it is; gives file, line and column.
    :raises TemplateLimitError: it ran too long or grew too big.
    """
    if not path.name.endswith(SUFFIXES):
        raise InvalidValueError("template", str(path), "a file whose name ends with " + " or ".join(SUFFIXES))
    if subject.language.zone is None and (zone := subject.period.start.tzinfo) is not None:
        subject = replace(subject, language=subject.language.at(zone))
    rendering = _Rendering(path, subject, limits or Limits())
    functions = {} if previous is None else {"previous": lambda name: previous(name, rendering.names())}
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
        names=rendering.names() if functions else frozenset(),
    )


def compile_template(path: Path) -> dict[str, int]:
    """
    Compile a template and those that it includes, imports or extends by name, and run none of them.

    :return: the names that the template itself takes of data, where nothing says what stands for one that is missing, each
        with the line that takes it first; none for one that extends another.
    :raises TemplateUnreadableError: a file is missing or no UTF-8 text.
    :raises TemplateError: one of them is wrong; gives file, line and column.
    """
    from datetime import date
    from zoneinfo import ZoneInfo

    from airflow_provider_daybreak.reports.language import Language
    from airflow_provider_daybreak.reports.period import period_of

    if not path.name.endswith(SUFFIXES):
        raise InvalidValueError("template", str(path), "a file whose name ends with " + " or ".join(SUFFIXES))
    day = date(2000, 1, 1)  # of no report
    subject = Subject("report", day, period_of(day, timezone=ZoneInfo("UTC")), Language("en"))
    return _Rendering(path, subject, Limits()).taken()


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
        **{name: subject.language.local(as_data(name, value)) for name, value in data.items()},
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
        self._wrote = written if self.markdown else html()
        self._sources: dict[str, str] = {}
        self._names: list[str] = []
        self._filters: list[str] = []
        self._components = Components(subject.language, subject.period)

    def text(self, context: Mapping[str, Any]) -> str:
        """Return what the template writes: Markdown or HTML with marks in it."""
        environment = self._environment()
        self._names, self._filters = [*context, *environment.globals], list(environment.filters)
        try:
            with self.meter.memory():
                template = environment.get_template(self.path.name)
                return "".join(map(self._counted, template.generate(dict(context))))
        except TemplateUnreadableError:
            raise
        except DaybreakError as error:
            raise self._located(error) from error
        except failures() as error:
            raise self._located(error) from error

    def _counted(self, text: str) -> str:
        self.meter.write(shown(text) if self.markdown else text)
        return text

    def prose(self, text: str) -> Prose:
        """Return what was written with its marks resolved: parsed where it is Markdown."""
        return self.placeholders.parsed(text) if self.markdown else self.placeholders.html(text)

    def digest(self) -> str:
        """Return the SHA-256 of all sources that were read, in the order of their names."""
        digest = hashlib.sha256()
        for name in sorted(self._sources):
            for part in (name, self._sources[name]):
                encoded = part.encode()
                digest.update(len(encoded).to_bytes(8, "big") + encoded)
        return digest.hexdigest()

    def names(self) -> frozenset[str]:
        """Return what expressions in all sources name that were read."""
        return frozenset().union(*map(names, self._sources.values()))

    def taken(self) -> dict[str, int]:
        """Return the names that the template takes of data, each with its first line; compile it and what it refers to."""
        environment = self._environment()
        known, self._filters = {"report", "period", "previous", *environment.globals}, list(environment.filters)
        try:
            return needed(compile_all(environment, self.path.name), known)
        except failures() as error:
            raise self._located(error) from error

    def _environment(self) -> Environment:
        from jinja2 import FunctionLoader, pass_context
        from markupsafe import Markup, escape

        def said(value: Any) -> str:
            check_defined(value)
            return printable(self.subject.language.value(value))

        def finalized(value: Any) -> Any:
            self.meter.tick()
            value = text_of_module(value)
            if isinstance(value, Written):
                return markdown_of(value)
            if self.markdown:
                return hidden(said(value))
            if hasattr(value, "__html__"):
                return value if isinstance(value, html()) else Markup(printable(str(value)))  # noqa: S704 - of a filter
            return said(value)

        @pass_context  # also keeps Jinja from working constants out before there is a rendering
        def finalize(_: Any, value: Any) -> Any:
            return finalized(value)

        environment = sandbox()(
            loader=FunctionLoader(self._load),
            autoescape=True,
            finalize=finalize,
            undefined=missing(),
            **WRITTEN,
            cache_size=0,
            bytecode_cache=compiled(),
            optimized=False,
        )
        environment.meter = self.meter
        environment.wrote = self._wrote
        environment.filtered = written_or_data if self.markdown else escape
        environment.printed = finalized if self.markdown else lambda value: escape(finalized(value))
        environment.local = self.subject.language.local
        environment.filters["safe"] = self._safe
        change_filters(environment, self.subject.language, markdown=self.markdown)
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

        def component(*args: Any, **kwargs: Any) -> Any:
            check_defined(*args, *kwargs.values())
            if any("macro" in source or "endset" in source for source in self._sources.values()):
                args, kwargs = self._plain(args), self._plain(kwargs)
            # Jinja takes the line's end after {% endcall %} away, and Markdown needs it.
            end = "\n\n" if "caller" in kwargs else ""
            return self._wrote(self.placeholders.block(make(*args, **kwargs)) + end)

        return component

    def _plain(self, value: Any) -> Any:
        return plain(value) if self.markdown else plain_html(value)

    def _safe(self, value: Any) -> Any:
        """Return a text as what the author says it is: Markdown, or HTML."""
        if hasattr(value, "__html__") or isinstance(value, Written):
            return value
        return self._wrote(without_placeholders(printable(str(value))))

    def _notice(self, *args: Any, caller: Callable[[], str] | None = None, **kwargs: Any) -> Block:
        """Return a notice of a text, or of what stands between ``{% call notice(tone) %}`` and ``{% endcall %}``."""
        if caller is None:
            return self._components.notice(*args, **kwargs)
        notice = self._components.notice("", *args, **kwargs)
        return replace(notice, body=self.prose(self._counted(dedent(caller()))))

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
            place = error.__cause__ if isinstance(error.__cause__, MemoryError) else error
            frames = [frame for frame in traceback.extract_tb(place.__traceback__) if frame.filename in files]
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
