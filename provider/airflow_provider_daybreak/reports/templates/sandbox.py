"""Jinja's immutable sandbox, watched by a meter: what templates and expressions of checks run in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, time, timedelta, tzinfo
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import DaybreakError, InvalidValueError, TemplateError
from airflow_provider_daybreak.exceptions.base import one_of
from airflow_provider_daybreak.reports.placeholders import without_placeholders
from airflow_provider_daybreak.reports.templates.code import generator, template
from airflow_provider_daybreak.reports.templates.limits import Limits, Meter
from airflow_provider_daybreak.reports.templates.written import Written

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jinja2 import TemplateRuntimeError

_MAX_POWER = 4096  # bits
_DATA = (
    str,
    bytes,
    int,
    float,
    tuple,
    list,
    set,
    frozenset,
    range,
    Mapping,
    date,
    time,
    timedelta,
    tzinfo,
    Decimal,
)
_OURS = ("jinja2", "markupsafe", "airflow_provider_daybreak")
WRITTEN = {"trim_blocks": True, "lstrip_blocks": True, "keep_trailing_newline": True}
"""How templates are written, as options of Jinja's."""


def evaluate(text: str, data: Mapping[str, Any], *, limits: Limits | None = None) -> Any:
    """
    Return the value of an expression of Jinja over the data, in the same sandbox as templates.

    :raises TemplateError: it can't be evaluated.
    :raises TemplateLimitError: it ran too long or grew too big.
    """
    from jinja2 import Undefined

    meter = Meter(limits or Limits(), text)
    environment = sandbox()(undefined=missing())
    environment.meter = meter
    with meter.memory():
        try:
            value = environment.compile_expression(text, undefined_to_none=False)(**data)
            if isinstance(value, Undefined):
                str(value)  # raises, naming what is missing
        except failures() as error:
            raise TemplateError("expression", 0, 0, text, sentence(error)) from error
    return value


@lru_cache(maxsize=1)
def sandbox() -> type[Any]:
    """Return the environment's class; made once, and only when something is rendered."""
    from jinja2.runtime import BlockReference, Macro, markup_join
    from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedFormatter
    from markupsafe import Markup, escape

    class Sandbox(ImmutableSandboxedEnvironment):
        """
        What templates run in. A rendering sets what follows.

        :ivar wrote: makes a value of what a macro, a block or a component wrote.
        :ivar filtered: makes a value of what a filter made of these.
        :ivar printed: returns a value as it is written.
        :ivar joined: returns values as one text.
        :ivar local: returns an instant by the report's clock, and any other value as it is.
        """

        code_generator_class = generator()
        template_class = template()
        intercepted_binops = frozenset({"**", "%", "+"})
        meter: Meter
        # By these two, filters such as select('in', …) and map(…) call a test or a filter for each item.
        call_filter = _metered(ImmutableSandboxedEnvironment.call_filter)
        call_test = _metered(ImmutableSandboxedEnvironment.call_test)
        getattr = _localised(ImmutableSandboxedEnvironment.getattr)
        getitem = _localised(ImmutableSandboxedEnvironment.getitem)
        wrote: Callable[[str], Any] = staticmethod(Markup)
        filtered: Callable[[Any], Any] = staticmethod(escape)
        printed: Callable[[Any], str] = staticmethod(escape)
        joined: Callable[[Any], Any] = staticmethod(markup_join)
        local: Callable[[Any], Any] = staticmethod(lambda value: value)

        @property
        def each(self) -> Callable[[Any], Any]:
            return self.meter.each

        def call(self, *args: Any, **kwargs: Any) -> Any:
            self.meter.tick()
            value = super().call(*args, **kwargs)
            return self.wrote(str(value)) if isinstance(args[1], (Macro, BlockReference)) else value

        def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
            text = getattr(value, "__self__", None)
            if not isinstance(text, Written) or value.__name__ not in ("format", "format_map"):
                return super().wrap_str_format(value)
            if value.__name__ == "format_map":
                return lambda values: text.formatted(SandboxedFormatter(self), (), values)
            return lambda *args, **kwargs: text.formatted(SandboxedFormatter(self), args, kwargs)

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            _check_operator(operator, left, right)
            if operator == "+" and any(isinstance(side, (Markup, Written)) for side in (left, right)):
                return self.joined([left, right])
            return super().call_binop(context, operator, left, right)

        def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
            # Modules and classes lead out of the data; nothing of ours hands one out, nor need it. Nor is a report
            # of another date when it is made again: it has no clock.
            clock = isinstance(obj, date) and attr in ("now", "today", "utcnow")
            return not isinstance(obj, type) and not clock and super().is_safe_attribute(obj, attr, value)

        def is_safe_callable(self, obj: Any) -> bool:
            # What data brings along may read files or open connections; a template shows what is there.
            known = any(obj is value for value in self.globals.values())
            return (known or _is_of_data_or_ours(obj)) and super().is_safe_callable(obj)

    return Sandbox


def _metered(inherited: Callable[..., Any]) -> Callable[..., Any]:
    """Return the sandbox's method with a tick before each call."""

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        self.meter.tick()
        return inherited(self, *args, **kwargs)

    return call


def _localised(inherited: Callable[..., Any]) -> Callable[..., Any]:
    """Return the sandbox's method that gets a part of a value, with instants by the report's clock."""

    def part_of(self: Any, value: Any, name: Any) -> Any:
        return self.local(inherited(self, self.local(value), name))

    return part_of


def _is_of_data_or_ours(obj: Any) -> bool:
    """Return whether this is a method of a plain value, or made by Jinja or by us, and no function or class in the data."""
    owner = getattr(obj, "__self__", None)
    if isinstance(obj, type) or isinstance(owner, ModuleType):
        return False
    kind = owner if isinstance(owner, type) else type(owner)
    if owner is not None and issubclass(kind, _DATA):
        return True
    if isinstance(obj, FunctionType):  # whatever it says of itself
        module = obj.__globals__.get("__name__")
    else:
        module = kind.__module__ if owner is not None else type(obj).__module__
    return str(module).partition(".")[0] in _OURS


@lru_cache(maxsize=1)
def missing() -> type[Any]:
    """Return the class of what isn't there: any use of it is an error, which names what is there."""
    from jinja2 import StrictUndefined, UndefinedError
    from jinja2.utils import missing as nothing

    class Missing(StrictUndefined):
        def __init__(
            self,
            hint: str | None = None,
            obj: Any = nothing,
            name: str | None = None,
            exc: type[TemplateRuntimeError] = UndefinedError,
        ) -> None:
            if hint is None and isinstance(obj, Mapping):
                keys = dict.keys(obj) if isinstance(obj, dict) else obj  # which a template doesn't read thereby
                expected = one_of(map(str, islice(keys, 20)), having="it")
                hint = f"no {name!r} there: expected {expected}"
            super().__init__(hint, obj, name, exc)

    return Missing


def template_line(path: Path, line: int) -> int:
    """Return the line of a template that a line of the code made of it comes from, or 0 if it can't be told."""
    from jinja2 import TemplateError as JinjaError
    from jinja2 import pass_context

    environment = sandbox()(
        finalize=pass_context(lambda _, value: value), autoescape=True, optimized=False, **WRITTEN
    )
    try:
        source = without_placeholders(path.read_text(encoding="utf-8-sig"))
        return int(environment.from_string(source).get_corresponding_lineno(line))
    except (OSError, UnicodeDecodeError, JinjaError):
        return 0


def failures() -> tuple[type[Exception], ...]:
    """Return what a template that is wrong, or that meets a value that is, may raise."""
    from jinja2 import TemplateError as JinjaError

    wrong_code = (
        SyntaxError,
        NameError,
        AssertionError,
        RecursionError,
    )  # Jinja lets some of it through to Python
    return (
        JinjaError,
        TypeError,
        ValueError,
        LookupError,
        ArithmeticError,
        AttributeError,
        *wrong_code,
    )


def _check_operator(operator: str, left: Any, right: Any) -> None:
    if operator == "**" and _bits(left) * max(right, 1) > _MAX_POWER:
        raise InvalidValueError("power", f"{left} ** {right}", f"a result of at most {_MAX_POWER} bits")
    if operator == "%" and isinstance(left, str):
        expected = "the filter |format, or a filter of ours such as |number"
        raise InvalidValueError("operator % on text", left, expected)


def _bits(number: Any) -> int:
    return number.bit_length() if isinstance(number, int) else 1


def sentence(error: Exception) -> str:
    """Return what an error of a template says."""
    from jinja2 import TemplateNotFound
    from jinja2.exceptions import SecurityError

    if isinstance(error, RecursionError):
        return "a macro or an include calls itself without end"
    if isinstance(error, TemplateNotFound):
        return f"no file {error.name!r} in the template's folder or in the one above"
    text = str(error) or type(error).__name__
    if isinstance(error, DaybreakError):
        return text
    if isinstance(error, SecurityError):
        text = f"{text.rstrip('.')}; templates show data: let the query, or a function, give what they need"
    # Authors know chart(), not Components.chart().
    return re.sub(r"^\w+\.(\w+\(\))", r"\1", text).rstrip(".")
