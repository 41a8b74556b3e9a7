"""Jinja's immutable sandbox, watched by a meter: what templates and expressions of checks run in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import DaybreakError, InvalidValueError, TemplateError
from airflow_provider_daybreak.reports.templates.limits import Limits, Meter

if TYPE_CHECKING:
    from collections.abc import Callable

    from jinja2 import BytecodeCache, TemplateRuntimeError
    from jinja2.bccache import Bucket

_MAX_POWER = 4096  # bits


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
    from jinja2 import nodes
    from jinja2.compiler import CodeGenerator, Frame
    from jinja2.runtime import markup_join
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Metered(CodeGenerator):
        """Lets the meter see every turn of a loop, and the environment join texts."""

        def visit_For(self, node: nodes.For, frame: Frame) -> None:  # noqa: N802 - Jinja's name
            each = nodes.EnvironmentAttribute("each", lineno=node.lineno)
            node.iter = nodes.Call(each, [node.iter], [], None, None, lineno=node.lineno)
            super().visit_For(node, frame)

        def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802 - Jinja's name
            joined = nodes.EnvironmentAttribute("joined", lineno=node.lineno)
            parts = nodes.List(node.nodes, lineno=node.lineno)
            self.visit(nodes.Call(joined, [parts], [], None, None, lineno=node.lineno), frame)

    class Sandbox(ImmutableSandboxedEnvironment):
        code_generator_class = Metered
        intercepted_binops = frozenset({"**", "%", "+"})
        meter: Meter
        joined = staticmethod(markup_join)

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
            if operator == "+" and (hasattr(left, "__html__") or hasattr(right, "__html__")):
                return self.joined([left, right])
            return super().call_binop(context, operator, left, right)

        def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
            # Modules and classes lead out of the data; nothing of ours hands one out, nor need it. Nor is a report
            # of another date when it is made again: it has no clock.
            clock = isinstance(obj, date) and attr in ("now", "today", "utcnow")
            return not isinstance(obj, type) and not clock and super().is_safe_attribute(obj, attr, value)

    return Sandbox


@lru_cache(maxsize=1)
def compiled() -> BytecodeCache:
    """
    Return the process's compiled templates, by path: an edited one takes its former place.

    For environments with ``optimized=False``; otherwise the code holds what constants gave, in one report's locale.
    """
    from jinja2 import BytecodeCache

    class Compiled(BytecodeCache):
        def __init__(self) -> None:
            self._code: dict[str, tuple[str, Any]] = {}

        def get_cache_key(self, name: str, filename: str | None = None) -> str:
            return filename or name

        def get_source_checksum(self, source: str) -> str:
            return source

        def load_bytecode(self, bucket: Bucket) -> None:
            source, code = self._code.get(bucket.key, ("", None))
            if source == bucket.checksum:
                bucket.code = code

        def dump_bytecode(self, bucket: Bucket) -> None:
            self._code[bucket.key] = bucket.checksum, bucket.code

    return Compiled()


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
                names = ", ".join(map(str, islice(obj, 20))) or "nothing"
                hint = f"no {name!r} there: expected one of {names}"
            super().__init__(hint, obj, name, exc)

    return Missing


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
