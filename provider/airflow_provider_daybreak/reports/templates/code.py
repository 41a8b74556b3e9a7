"""The code that Jinja makes of a template: what it asks its environment for, and how it is kept."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping
    from types import CodeType

    from jinja2 import BytecodeCache, Environment, Template, nodes
    from jinja2.bccache import Bucket
    from jinja2.compiler import Frame
    from jinja2.environment import TemplateModule
    from jinja2.runtime import Context


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

        fresh: Callable[[], bool] | None = None

        @classmethod
        def from_code(
            cls,
            environment: Environment,
            code: CodeType,
            globals: MutableMapping[str, Any],  # noqa: A002 - Jinja's name
            uptodate: Callable[[], bool] | None = None,
        ) -> Compiled:
            wrote = environment.wrote  # type: ignore[attr-defined]
            namespace: dict[str, Any] = {"environment": environment, "__file__": code.co_filename}
            exec(code, namespace)  # noqa: S102 - what Jinja made of the template, as it runs it itself
            namespace |= {"Markup": wrote, "identity": wrote}
            made = cast("Compiled", cls.from_module_dict(environment, namespace, globals))
            made.fresh = uptodate
            return made

        @property
        def is_up_to_date(self) -> bool:
            return self.fresh is None or self.fresh()

        def make_module(
            self,
            vars: dict[str, Any] | None = None,  # noqa: A002 - Jinja's name
            shared: bool = False,
            locals: Mapping[str, Any] | None = None,  # noqa: A002 - Jinja's name
        ) -> TemplateModule:
            context = self.new_context(vars, shared, locals)
            text = "".join(self.root_render_func(context))
            made: TemplateModule = module()(self, context, self.environment.wrote(text))  # type: ignore[attr-defined]
            return made

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


def compile_all(environment: Environment, name: str) -> nodes.Template:
    """
    Compile a template and those that it, or one of them, needs by name, and return the first one's syntax tree.

    :param environment: one with a loader.
    """
    from jinja2 import BaseLoader, nodes
    from jinja2.meta import find_referenced_templates

    trees: dict[str, nodes.Template] = {}
    waiting, loader = [name], cast("BaseLoader", environment.loader)
    while waiting:
        each = waiting.pop()
        if each in trees:
            continue
        environment.get_template(each)
        source, _, _ = loader.get_source(environment, each)
        trees[each] = environment.parse(source)
        optional = {
            const.value
            for include in trees[each].find_all(nodes.Include)
            if include.ignore_missing or isinstance(include.template, (nodes.List, nodes.Tuple))
            for const in (include.template, *include.template.find_all(nodes.Const))
            if isinstance(const, nodes.Const)
        }
        waiting += [
            other for other in find_referenced_templates(trees[each]) if other and other not in optional
        ]
    return trees[name]


def needed(tree: nodes.Template, known: Collection[str]) -> dict[str, int]:
    """
    Return the names that a template takes from outside, each with the first line that does.

    One that extends another shares names with it, and has none here; nor has what the template has a default for.

    :param known: names that are there.
    """
    from jinja2 import nodes
    from jinja2.meta import find_undeclared_variables

    if tree.find(nodes.Extends):
        return {}
    optional = {node.name for node in with_default(tree) if isinstance(node, nodes.Name)}
    wanted = find_undeclared_variables(tree) - set(known) - optional
    lines = [(node.lineno, node.name) for node in tree.find_all(nodes.Name) if node.ctx == "load"]
    return {name: min(line for line, each in lines if each == name) for name in wanted}


def with_default(tree: nodes.Template) -> Iterator[nodes.Node]:
    """Yield what a template asks whether it is there, or has a default for."""
    from jinja2 import nodes

    for each in tree.find_all((nodes.Test, nodes.Filter)):
        if (
            isinstance(each, (nodes.Test, nodes.Filter))
            and each.name in ("defined", "undefined", "default", "d")
            and each.node is not None
        ):
            yield each.node


@lru_cache(maxsize=1)
def module() -> type[Any]:
    """Return what an imported template is to the one that imports it."""
    from jinja2.environment import TemplateModule

    class Imported(TemplateModule):
        """Has what the template wrote beside its macros under a name that no template can use."""

        def __init__(self, template: Template, context: Context, wrote: Any) -> None:
            super().__init__(template, context, [wrote])
            self._wrote = wrote

    return Imported


def text_of_module(value: Any) -> Any:
    """Return what an imported template wrote beside its macros, where the value is one; else the value."""
    return value._wrote if isinstance(value, module()) else value  # noqa: SLF001 - put there above


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
