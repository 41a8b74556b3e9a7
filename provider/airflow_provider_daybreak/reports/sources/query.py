"""The values that a query may name, bound in the way of its database's driver."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import UnboundParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from airflow_provider_daybreak.reports.period import Period

# What a query is made of, as far as parameters are concerned: quoted text, comments, casts, parameters.
_SQL = re.compile(
    r"""(?P<other>'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|--[^\n]*|/\*.*?\*/|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|::)
      |(?<![:\w]):(?P<name>[A-Za-z_]\w*)""",
    re.DOTALL | re.VERBOSE,
)


def period_values(report_date: date, period: Period) -> dict[str, Any]:
    """Return what every query may name."""
    return {
        "report_date": report_date,
        "period_start": period.start,
        "period_end": period.end,
        "period_first": period.first,
        "period_last": period.last,
    }


def bind(sql: str, values: Mapping[str, Any], placeholder: str) -> tuple[str, list[Any]]:
    """
    Return the query with a driver's placeholders for its named parameters, and their values in order.

    Text in quotes, comments and casts (``::``) are left alone.

    :param placeholder: ``%s`` or ``?``.
    :raises UnboundParameterError: a name has no value.
    """
    bound: list[Any] = []
    percent = "%%" if placeholder == "%s" else "%"
    parts: list[str] = []
    end = 0
    for match in _SQL.finditer(sql):
        parts.append(sql[end : match.start()].replace("%", percent))
        end = match.end()
        name = match["name"]
        if name is None:
            parts.append(match[0].replace("%", percent))
        elif name in values:
            parts.append(placeholder)
            bound.append(values[name])
        else:
            raise UnboundParameterError(name, tuple(sorted(values)))
    parts.append(sql[end:].replace("%", percent))
    return "".join(parts), bound
