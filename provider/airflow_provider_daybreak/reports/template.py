"""
Templates: Jinja in an immutable sandbox, then Markdown (``.md.j2``) or HTML (``.html.j2``), to a document.

In a Markdown template a value never becomes Markdown: what ``{{ … }}`` writes is a mark of two private
characters around a number, and the value takes the mark's place after Markdown has been parsed. So ``*``,
``|`` or ``<script>`` in data stay text wherever they stand. An HTML template escapes as Jinja does.
"""

from __future__ import annotations

import hashlib
import re
import traceback
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, unquote

from airflow_provider_daybreak.exceptions import (
    DaybreakError,
    InvalidValueError,
    TemplateError,
    TemplateLimitError,
    TemplateUnreadableError,
)
from airflow_provider_daybreak.reports.components import Components
from airflow_provider_daybreak.reports.document import BLOCK, BLOCK_CLOSE, BLOCK_OPEN, Block, Document
from airflow_provider_daybreak.reports.limits import Limits, Meter
from airflow_provider_daybreak.reports.rows import taken

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from jinja2 import Environment
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

    from airflow_provider_daybreak.reports.language import Language
    from airflow_provider_daybreak.reports.period import Period

SUFFIXES = (".md.j2", ".html.j2")
COMPONENTS = ("table", "metric", "chart", "notice")
_OPEN = "\ue000"
_VALUE = re.compile(f"{_OPEN}([0-9]+){BLOCK_CLOSE}")
_BLOCKS = re.compile(f"{BLOCK_OPEN}([0-9]+){BLOCK_CLOSE}")
_ENCODED_VALUE = re.compile(re.escape(quote(_OPEN)) + "([0-9]+)" + re.escape(quote(BLOCK_CLOSE)))
# Marks, and control characters that neither HTML nor XML can hold.
_UNPRINTABLE = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 127, 0xE000, 0xE001, 0xE002, 0xFFFE, 0xFFFF])
_SAFE_LINK = re.compile(r"(https?://|mailto:|tel:|#)", re.IGNORECASE)
_MAX_POWER = 4096  # bits


@dataclass(frozen=True)
class Subject:
    """
    What a rendering is of.

    :param report: slug of the report.
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

    :param path: the template; what it includes or imports lies in its folder or in the one above.
    :param data: what the template sees by name beside ``report`` and ``period``.
    :param functions: what else it may call, such as ``previous``.
    :raises TemplateUnreadableError: the file is missing or no UTF-8 text.
    :raises TemplateError: the template is wrong, or a value in it is; gives file, line and column.
    :raises TemplateLimitError: it ran too long or grew too big.
    """
    if not path.name.endswith(SUFFIXES):
        raise InvalidValueError("template", str(path), "a file whose name ends with " + " or ".join(SUFFIXES))
    rendering = _Rendering(path, subject, limits or Limits())
    text = rendering.text({**functions, **_context(subject, data)})
    if path.name.endswith(".html.j2"):
        body: tuple[Token, ...] | str = text
    else:
        body = rendering.parsed(text)
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
        blocks=tuple(rendering.blocks),
        template_sha256=rendering.digest(),
    )


def evaluate(text: str, data: Mapping[str, Any], *, limits: Limits | None = None) -> Any:
    """
    Return the value of an expression of Jinja over the data, in the same sandbox as templates.

    :raises TemplateError: it can't be evaluated.
    :raises TemplateLimitError: it ran too long or grew too big.
    """
    from jinja2 import StrictUndefined, Undefined

    meter = Meter(limits or Limits(), text)
    environment = _sandbox()(undefined=StrictUndefined)
    environment.meter = meter
    with meter.memory():
        try:
            value = environment.compile_expression(text, undefined_to_none=False)(**data)
            if isinstance(value, Undefined):
                str(value)  # raises, naming what is missing
        except _failures() as error:
            raise TemplateError("expression", 0, 0, text, _sentence(error)) from error
    return value


def _context(subject: Subject, data: Mapping[str, Any]) -> dict[str, Any]:
    reserved = {"report", "period", *COMPONENTS} & data.keys()
    if reserved:
        raise InvalidValueError("name of data", min(reserved), "a name that no part of a template has")
    period = subject.period
    report = {
        "name": subject.report,
        "title": subject.title,
        "date": subject.report_date,
        "locale": subject.language.code,
        "period": subject.language.period(period),
    }
    return {
        **{name: taken(name, value) for name, value in data.items()},
        "report": MappingProxyType(report),
        "period": period,
    }


class _Rendering:
    """One use of a template: its environment, the values it wrote and the blocks it made."""

    def __init__(self, path: Path, subject: Subject, limits: Limits) -> None:
        self.path, self.subject = path, subject
        self.meter = Meter(limits, str(path))
        self.blocks: list[Block] = []
        self.markdown = path.name.endswith(".md.j2")
        self._values: list[str] = []
        self._sources: dict[str, str] = {}
        self._components = Components(subject.language, subject.period)

    def text(self, context: Mapping[str, Any]) -> str:
        """Return what the template writes: Markdown or HTML with marks in it."""
        environment = self._environment()
        with self.meter.memory():
            try:
                template = environment.get_template(self.path.name)
                return "".join(self.meter.write(part) for part in template.generate(dict(context)))
            except DaybreakError as error:
                if isinstance(error, TemplateUnreadableError):
                    raise
                raise self._located(error) from error
            except _failures() as error:
                raise self._located(error) from error

    def parsed(self, text: str) -> tuple[Token, ...]:
        """Return the Markdown's tokens, with values and blocks in the places of their marks."""
        return tuple(self._placed(_markdown(self._link).parse(text)))

    def digest(self) -> str:
        """Return the SHA-256 of all sources that were read, in the order of their names."""
        digest = hashlib.sha256()
        for name in sorted(self._sources):
            for part in (name, self._sources[name]):
                encoded = part.encode()
                digest.update(len(encoded).to_bytes(8, "big") + encoded)
        return digest.hexdigest()

    def _environment(self) -> Environment:
        from jinja2 import FunctionLoader, StrictUndefined, pass_context
        from markupsafe import Markup

        @pass_context  # also keeps Jinja from working constants out before there is a rendering
        def finalize(_: Any, value: Any) -> Any:
            if hasattr(value, "__html__"):
                return value
            written = self.subject.language.value(value).translate(_UNPRINTABLE)
            if not self.markdown:
                return written
            self._values.append(self.meter.write(written))
            return Markup(f"{_OPEN}{len(self._values) - 1}{BLOCK_CLOSE}")  # noqa: S704 - a mark, made here

        environment = _sandbox()(
            loader=FunctionLoader(self._load),
            autoescape=True,
            finalize=finalize,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            cache_size=0,
        )
        environment.meter = self.meter
        environment.filters |= _filters(self.subject.language)
        environment.globals = {
            name: value
            for name, value in environment.globals.items()
            if name in ("range", "dict", "namespace", "cycler", "joiner")
        }
        for name in COMPONENTS:
            environment.globals[name] = self._component(getattr(self._components, name))
        return cast("Environment", environment)

    def _component(self, make: Callable[..., Block]) -> Callable[..., Any]:
        """Return what templates call: a plain function, of which they can see nothing but what it gives."""
        from jinja2 import Undefined
        from markupsafe import Markup

        def component(*args: Any, **kwargs: Any) -> Any:
            for value in (*args, *kwargs.values()):
                if isinstance(value, Undefined):
                    str(value)  # raises, naming it
            self.blocks.append(make(*args, **kwargs))
            return Markup(f"{BLOCK_OPEN}{len(self.blocks) - 1}{BLOCK_CLOSE}")  # noqa: S704 - a mark, made here

        return component

    def _load(self, name: str) -> tuple[str, str, Callable[[], bool]] | None:
        """Return the source of a template in the report's folder or in the one above."""
        for folder in (self.path.parent, self.path.parent.parent):
            path = folder / name
            inside = path.resolve().is_relative_to(folder.resolve())
            if inside and path.is_file():
                return self._read(name, path), str(path), lambda: True
        if name == self.path.name:
            problem = "No such file; expected a template, by an absolute path or one from the Dag file's folder"
            raise TemplateUnreadableError(str(self.path), problem)
        return None

    def _read(self, name: str, path: Path) -> str:
        try:
            source = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise TemplateUnreadableError(
                str(path), f"byte {error.start} is no UTF-8 text; save it as UTF-8"
            ) from error
        except OSError as error:
            raise TemplateUnreadableError(str(path), error.strerror or str(error)) from error
        self._sources[name] = source
        return source.translate(dict.fromkeys([0xE000, 0xE001, 0xE002]))

    def _located(self, error: Exception) -> DaybreakError:
        """Return the error with the place in the template that it comes from."""
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
            return replace(error, line=line or 0, path=str(path))
        text, column = _line(Path(path or self.path), line, str(error))
        return TemplateError(str(path or self.path), line or 0, column, text, _sentence(error))

    # Marks

    def _value(self, match: re.Match[str]) -> str:
        return self._values[int(match[1])]

    def _filled(self, text: str) -> str:
        return _VALUE.sub(self._value, text)

    def _link(self, link: str) -> str:
        """Return a link's address: a value is a whole address where it begins one, else a part of one."""
        plain = _ENCODED_VALUE.sub(lambda match: f"{_OPEN}{match[1]}{BLOCK_CLOSE}", link)
        first = _VALUE.match(plain)
        head = self._values[int(first[1])] if first else ""
        rest = plain[first.end() :] if first else plain
        return quote(unquote(head), safe=":/?#[]@!$&'()*+,;=%~") + _VALUE.sub(
            lambda match: quote(self._value(match), safe=""), rest
        )

    def _placed(self, tokens: list[Token]) -> Any:
        index = 0
        while index < len(tokens):
            token = tokens[index]
            content = token.content if token.type == "inline" else ""
            if token.type == "paragraph_open" and _BLOCKS.search(tokens[index + 1].content):
                yield from self._split(tokens[index : index + 3])
                index += 3
                continue
            if _BLOCKS.search(content) or (token.type == "fence" and _BLOCKS.search(token.content)):
                line = (token.map or [0])[0] + 1
                raise TemplateError(
                    str(self.path),
                    0,
                    0,
                    "",
                    f"a component stands inside of other text (line {line} of the Markdown that the template wrote); "
                    "put it on a line of its own",
                )
            yield self._with_values(token)
            index += 1

    def _split(self, paragraph: list[Token]) -> Any:
        """Yield the blocks of a paragraph, and what stands between them as paragraphs of their own."""
        from markdown_it.token import Token

        opening, inline, closing = paragraph
        rest = _BLOCKS.split(inline.content)
        for position, part in enumerate(rest):
            if position % 2:
                yield Token(BLOCK, "", 0, block=True, meta={"block": self.blocks[int(part)]})
            elif part.strip():
                inner = _markdown(self._link).parseInline(part.strip())[0]
                yield from (opening, self._with_values(inner), closing)

    def _with_values(self, token: Token) -> Token:
        """Return the token with its marks replaced."""
        token.content = self._filled(token.content)
        if "title" in token.attrs:
            token.attrs["title"] = self._filled(str(token.attrs["title"]))
        for child in token.children or ():
            self._with_values(child)
        return token


@lru_cache(maxsize=1)
def _sandbox() -> type[Any]:
    """Return the environment's class; made once, and only when something is rendered."""
    from jinja2 import nodes
    from jinja2.compiler import CodeGenerator, Frame
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Metered(CodeGenerator):
        """Lets the meter see every turn of a loop."""

        def visit_For(self, node: nodes.For, frame: Frame) -> None:  # noqa: N802 - Jinja's name
            each = nodes.EnvironmentAttribute("each", lineno=node.lineno)
            node.iter = nodes.Call(each, [node.iter], [], None, None, lineno=node.lineno)
            super().visit_For(node, frame)

    class Sandbox(ImmutableSandboxedEnvironment):
        code_generator_class = Metered
        intercepted_binops = frozenset({"**", "%"})
        meter: Meter

        @property
        def each(self) -> Callable[[Any], Any]:
            return self.meter.each

        def call(self, *args: Any, **kwargs: Any) -> Any:
            self.meter.tick()
            return super().call(*args, **kwargs)

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            if operator == "**" and _bits(left) * max(right, 1) > _MAX_POWER:
                raise InvalidValueError("power", f"{left} ** {right}", f"a result of at most {_MAX_POWER} bits")
            if operator == "%" and isinstance(left, str):
                raise InvalidValueError(
                    "operator % on text", left, "the filter |format, or a filter of ours such as |number"
                )
            return super().call_binop(context, operator, left, right)

        def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
            # Modules and classes lead out of the data; nothing of ours hands one out, nor need it.
            return not isinstance(obj, type) and super().is_safe_attribute(obj, attr, value)

    return Sandbox


def _failures() -> tuple[type[Exception], ...]:
    """Return what a template that is wrong, or that meets a value that is, may raise."""
    from jinja2 import TemplateError as JinjaError

    return JinjaError, TypeError, ValueError, LookupError, ArithmeticError, AttributeError, RecursionError


def _bits(number: Any) -> int:
    return number.bit_length() if isinstance(number, int) else 1


def _filters(language: Language) -> dict[str, Callable[..., str]]:
    return {
        "number": language.number,
        "percent": language.percent,
        "currency": language.currency,
        "date": language.date,
        "time": language.time,
        "datetime": language.datetime,
        "duration": language.duration,
        "size": language.size,
    }


def _markdown(link: Callable[[str], str]) -> MarkdownIt:
    """Return a parser of CommonMark with tables and strikethrough, without HTML and indented code."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    # Indented by an {% if %}, prose would turn into code. Fences are there for code.
    parser.disable(["code", "html_block", "html_inline", "image"])
    normalize = parser.normalizeLink
    parser.normalizeLink = lambda url: link(normalize(url))  # type: ignore[method-assign]
    parser.validateLink = lambda url: _SAFE_LINK.match(url) is not None  # type: ignore[method-assign]
    return parser


def _first_heading(tokens: tuple[Token, ...]) -> str | None:
    if tokens and tokens[0].type == "heading_open" and tokens[0].tag == "h1":
        return "".join(child.content for child in tokens[1].children or ())
    return None


def _sentence(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "a macro or an include calls itself without end"
    text = str(error) or type(error).__name__
    return text if isinstance(error, DaybreakError) or text.endswith(".") else text.rstrip(".")


def _line(path: Path, number: int | None, message: str) -> tuple[str, int]:
    """Return the template's line, and the column (from 1) of what the error names; of its expression if that isn't said."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
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


BLOCK_MARK = _BLOCKS
"""Where a block stands in the body of an HTML template; its group is the block's index."""
