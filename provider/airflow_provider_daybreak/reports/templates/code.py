"""The code that Jinja makes of a template: what it asks its environment for, and how it is kept."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from jinja2 import BytecodeCache, Environment
    from jinja2.bccache import Bucket
    from jinja2.compiler import Frame
    from jinja2.environment import TemplateModule


@lru_cache(maxsize=1)
def generator() -> type[Any]:
    """Return what writes the code."""
    from jinja2 import nodes
    from jinja2.compiler import CodeGenerator

    class Metered(CodeGenerator):
        """Lets the meter see every turn of a loop, and the environment join, filter and print texts."""

        def visit_For(self, node: nodes.For, frame: Frame) -> None:  # noqa: N802 - Jinja's name
            each = nodes.EnvironmentAttribute("each", lineno=node.lineno)
            node.iter = nodes.Call(each, [node.iter], [], None, None, lineno=node.lineno)
            super().visit_For(node, frame)

        def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802 - Jinja's name
            joined = nodes.EnvironmentAttribute("joined", lineno=node.lineno)
            parts = nodes.List(node.nodes, lineno=node.lineno)
            self.visit(nodes.Call(joined, [parts], [], None, None, lineno=node.lineno), frame)

        def visit_Filter(self, node: nodes.Filter, frame: Frame) -> None:  # noqa: N802 - Jinja's name
            innermost: nodes.Expr | None = node
            while isinstance(innermost, nodes.Filter):
                innermost = innermost.node
            if innermost is not None:
                super().visit_Filter(node, frame)
                return
            self.write("environment.filtered(")  # of a block: what comes of it is printed, or becomes a value
            super().visit_Filter(node, frame)
            self.write(")")

        def start_write(self, frame: Frame, node: nodes.Node | None = None) -> None:
            super().start_write(frame, node)
            self.write("environment.printed(")

        def end_write(self, frame: Frame) -> None:
            self.write(")")
            super().end_write(frame)

        def simple_write(self, s: str, frame: Frame, node: nodes.Node | None = None) -> None:
            super().start_write(frame, node)
            self.write(s)  # of another template, or a block: printed there
            super().end_write(frame)

    return Metered


@lru_cache(maxsize=1)
def template() -> type[Any]:
    """Return what runs the code."""
    from jinja2 import Template

    class Compiled(Template):
        """Makes of what it wrote what the environment says, not Jinja."""

        @classmethod
        def _from_namespace(
            cls,
            environment: Environment,
            namespace: MutableMapping[str, Any],
            globals: MutableMapping[str, Any],  # noqa: A002 - Jinja's name
        ) -> Template:
            wrote = environment.wrote  # type: ignore[attr-defined]
            namespace.update({"Markup": wrote, "identity": wrote})
            return super()._from_namespace(environment, namespace, globals)

        def make_module(self, *args: Any, **kwargs: Any) -> TemplateModule:
            module = super().make_module(*args, **kwargs)
            module._body_stream = [self.environment.wrote("".join(module._body_stream))]  # type: ignore[attr-defined]  # noqa: SLF001 - it has no other door
            return module

    return Compiled


@lru_cache(maxsize=64)
def names(source: str) -> frozenset[str]:
    """Return what expressions of a template that can be compiled name: variables, attributes, keys."""
    from jinja2 import Environment, nodes

    found: set[str] = set()
    for node in Environment(autoescape=True).parse(source).find_all((nodes.Name, nodes.Getattr, nodes.Const)):
        name = (
            node.attr
            if isinstance(node, nodes.Getattr)
            else getattr(node, "name", getattr(node, "value", None))
        )
        if isinstance(name, str):
            found.update((name, *name.split(".")))
    return frozenset(found)


def text_of_module(value: Any) -> Any:
    """Return what an imported template wrote beside its macros, where the value is one; else the value."""
    from jinja2.environment import TemplateModule

    return value._body_stream[0] if isinstance(value, TemplateModule) else value  # type: ignore[index]  # noqa: SLF001 - put there above


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
