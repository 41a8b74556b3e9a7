"""YAML as plain mappings that know their lines: only what YAML itself has, no tag that makes anything else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from airflow_provider_daybreak.exceptions import JobsUnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_ALIASES = 100  # a few repeat a part; what repeats parts of parts is a bomb


class Fields(dict[Any, Any]):
    """A mapping of a document, with the line of each key."""

    def __init__(self, *values: Any) -> None:
        super().__init__(*values)
        self.lines: dict[Any, int] = {}

    def fields(self, key: str) -> Fields:
        """Return the mapping under a key; an empty one where there is none."""
        value = self.get(key)
        return value if isinstance(value, Fields) else Fields()


class _Loader(yaml.SafeLoader):
    """Makes mappings that know their lines, and counts what is repeated."""

    aliases = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            self.aliases += 1
            if self.aliases > _MOST_ALIASES:
                raise yaml.YAMLError(f"it repeats more than {_MOST_ALIASES} parts of itself")
        return super().compose_node(parent, index)


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> Fields:
    loader.flatten_mapping(node)
    made = Fields()
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, (str, int, float, bool, type(None))):
            raise yaml.constructor.ConstructorError(None, None, "a key is no text", key_node.start_mark)
        made[key] = loader.construct_object(value_node, deep=True)
        made.lines[key] = key_node.start_mark.line + 1
    return made


class _Tagged(_Loader):
    """Takes what a template marks with a tag of its own, such as ``!Ref``, as the text that it is."""


def _marked(_loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> str:
    parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
    said = ".".join(part.value if isinstance(part, yaml.ScalarNode) else "…" for part in parts)
    return f"!{tag} {said}"


_Tagged.add_multi_constructor("!", _marked)
for _each in (_Loader, _Tagged):
    _each.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def documents(text: str, path: str, *, tags: bool = False) -> Iterator[Fields]:
    """
    Yield the mappings of a file of YAML, or JSON, those of a list one after another.

    :param tags: whether a tag of a template's own, such as ``!Ref``, is text; else it is an error.
    :raises JobsUnreadableError: it is none, or it wants objects made that are none of YAML's own.
    """
    try:
        found = list(yaml.load_all(text, _Tagged if tags else _Loader))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        if "{{" in "".join(text.splitlines()[line - 1 : line]):
            problem = "it is a template, in which nobody has filled in the variables"
            step = "Render it first, as 'helm template' does, and import what comes out"
            raise JobsUnreadableError(path, line, problem, step) from error
        raise JobsUnreadableError(path, line, f"it is no YAML: {error.problem}", "Mend the line") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        problem = f"it is no YAML: {error}"
        raise JobsUnreadableError(path, 0, problem, "Look at it with a checker of YAML") from error
    for each in found:
        yield from (one for one in (each if isinstance(each, list) else [each]) if isinstance(one, Fields))


def line_of(mapping: Fields, key: Any) -> int:
    """Return the line of a key, from 1; 0 where it has none."""
    return mapping.lines.get(key, 0)


def text_of(value: Any) -> str:
    """Return a plain value as its document writes it; empty for what is none."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (str, int, float)) else ""
