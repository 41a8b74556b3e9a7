"""
Ways out of a template: each thing that a template gets at, and each way to something that it must not get at.

A way is closed when it is an error, or when what is shown is text of the template's own and of the data.
"""

from __future__ import annotations

import pickle
import re
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_daybreak.exceptions import DaybreakError
from airflow_provider_daybreak.reports.rows import Rows

pytestmark = pytest.mark.attack("ways out of a template")

CANARY = "canary-of-the-environment"
# What Python says of an object is no secret, but a template that sees a class, a frame or a module is half way out.
TOLD = re.compile(r"<(class|bound|built-in|module|slot|frame|code|cell)\b|root:x:0")


class Loaded:
    """What a callable may give a report by mistake."""

    secret = CANARY

    def __init__(self):
        self.run = Path("/etc/passwd").read_text

    def __str__(self):
        return "loaded"


DATA = {
    "rows": [{"a": 1, "b": "x"}],
    "text": "x{0.__class__}",
    "number": 7,
    "price": Decimal("1.5"),
    "day": date(2026, 3, 29),
    "mapping": {"a": {"b": 1}},
    "path": Path("/etc/passwd"),
    "object": Loaded(),
    "function": open,
    "partial": partial(open, "/etc/passwd"),
    "type_": Path,
    "class_": Decimal,  # Path[…], of Python 3.10, is Path, to which that is no way
    "zone": ZoneInfo("Europe/Berlin"),
    "module": pickle,
}
THINGS = (
    "''",
    "()",
    "{}",
    "1.5",
    "none",
    "text",
    "price",
    "day",
    "rows",
    "rows[0]",
    "mapping",
    "path",
    "object",
    "function",
    "partial",
    "class_",
    "module",
    "zone",
    "report",
    "period",
    "period.start",
    "period.start.tzinfo",
    "range(3)",
    "range",
    "dict",
    "cycler(1)",
    "joiner",
    "namespace()",
    "table",
    "metric",
    "notice('x')",
    "previous",
    "self",
    "self.b",
    "loop_",
    "caller_",
    "shown",
    "block",
    "text.format",
    "nothing_there",
)
WAYS = (
    "{}.__class__",
    "{}['__class__']",
    "{} | attr('__class__')",
    "{} | attr('\\x5f\\x5fclass\\x5f\\x5f')",
    "{}['_' * 2 ~ 'class' ~ '_' * 2]",
    "[{}] | map(attribute='__class__') | first",
    "[{}] | map('attr', '__class__') | first",
    "[{}] | selectattr('__class__') | list | length ~ '<class'",
    "[{}] | groupby('__class__.__name__') | first | first ~ '<class'",
    "[{}] | sort(attribute='__class__.__name__') | join(attribute='__class__')",
    "[{}] | sum(attribute='__class__', start='')",
    "[{}] | unique(attribute='__class__.__mro__') | join(attribute='__init__')",
    "[{}] | min(attribute='__class__')",
    "'{{0.__class__}}'.format({})",
    "'{{0[__class__]}}'.format({})",
    "'{{x.__class__}}'.format_map({{'x': {}}})",
    "('{{0.__class__}}' | safe).format({})",
    "('{{x.__class__}}' | safe).format_map({{'x': {}}})",
    "('{{0.__class__}}' | attr('format'))({})",
    "['{{0.__class__}}'] | map(attribute='format') | first",
    "{}.__init__.__globals__",
    "{}.__init__.__globals__['__builtins__']",
    "{}.__globals__",
    "{}.__self__",
    "{}.__func__.__code__",
    "{}.__closure__",
    "{}.__dict__",
    "{}.__reduce_ex__(2)",
    "{}.__doc__ ~ '<class'",
    "{}.__subclasshook__",
    "{}.mro",
    "{}.func_globals",
    "{}.gi_frame",
    "{}.ag_frame",
    "{}.cr_code",
    "{}.tb_frame",
    "{}.read_text()",
    "{}.run()",
    "{}._TemplateReference__context",
    "{}._Macro__func",
    "{}._func",
    "{}._data",
    "{}._rows",
    "({})('/etc/passwd').read()",
    "({})('/etc/passwd').read_text()",
    "{}.loads('x')",
    "{}.clear()",
    "{}.update(a=1)",
    "{}.append(1)",
    "{}.from_file('/etc/passwd')",
    "{}.today()",
    "{}.now()",
    "{} | pprint | attr('__class__')",
    "{} is sameas({}.__class__)",
    "'%s' | format({}.__class__)",
    "'%(a)s' | format(a={}.__class__)",
    "{} | tojson | attr('__html__')",
    "{} | xmlattr | attr('__class__')",
    "dict(a={}).__class__",
    "cycler({}).next().__class__",
    "namespace(a={}).a.__class__",
    "table({}).__class__",
    "notice({}.__class__)",
    "({}, )[0].__class__",
    "({} if true else 1).__class__",
    "({} or 1).__class__",
)
ALONE = (
    "{% import 'os' as os %}{{ os }}",
    "{% include '/etc/passwd' %}",
    "{% include ['/etc/passwd', '../../.env'] %}",
    "{% include 'a.j2/../../../../etc/passwd' %}",
    "{% extends '/proc/self/environ' %}",
    "{% from '../report.py' import x %}",
    "{% include path %}",
    "{% include object %}",
    "{% import object as x %}{{ x }}",
    "{% include 'report.md.j2' %}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% macro m() %}{{ varargs.__class__ }}{{ kwargs.__class__ }}{{ caller.__class__ }}{% endmacro %}{{ m(1, a=2) }}",
    "{% macro m() %}{% endmacro %}{{ m.__class__ }}",
    "{% macro m() %}{% endmacro %}{{ m._func }}{{ m._environment }}",
    "{% macro m() %}{% endmacro %}{{ m.name.__class__ }}",
    "{% macro m(a=''.__class__) %}{{ a }}{% endmacro %}{{ m() }}",
    "{% for x in [1] %}{{ loop.__class__ }}{% endfor %}",
    "{% for x in [1] %}{{ loop._iterator }}{{ loop._undefined }}{% endfor %}",
    "{% for x in [1] %}{{ loop.cycle.__self__ }}{% endfor %}",
    "{% for x in [1] recursive %}{{ loop.__call__ }}{% endfor %}",
    "{% call(x) notice('a') %}{{ x.__class__ }}{% endcall %}",
    "{% set ns = namespace() %}{% set ns.__class__ = 1 %}",
    "{% set ns = namespace() %}{% set ns.a = ''.__class__ %}{{ ns.a }}",
    "{% set rows.a = 1 %}",
    "{% filter attr('__class__') %}x{% endfilter %}",
    "{% filter map('attr', '__class__') %}x{% endfilter %}",
    "{% set x | attr('__class__') %}x{% endset %}{{ x }}",
    "{% autoescape ''.__class__ %}{{ 1 }}{% endautoescape %}<class",
    "{% with a = ''.__class__ %}{{ a }}{% endwith %}",
    "{% block x %}{{ self._TemplateReference__context }}{% endblock %}",
    "{% block x %}{{ super.__class__ }}{% endblock %}",
    "{% block x %}{{ self.x.__class__ }}{{ self.x._context }}{% endblock %}",
    "{{ self.__init__.__globals__ }}",
    "{{ lipsum }}",
    "{{ g }}{{ request }}{{ config }}{{ session }}",
    "{{ context }}{{ environment }}{{ ti }}{{ dag_run }}{{ conn }}{{ var }}{{ macros }}{{ params }}",
    "{{ __builtins__ }}",
    "{{ __import__('os') }}",
    "{{ open('/etc/passwd').read() }}",
    "{{ eval('1') }}{{ exec('1') }}{{ globals() }}{{ getattr(1, 'real') }}",
    "{{ [1] | random }}",
    "{{ ''.join.__self__ }}",
    "{{ ('{0.__class__}' | safe).format.__self__ }}",
    "{{ ''.format.__func__ }}",
    "{% set f = '{0.__class__}'.format %}{{ f(1) }}",
    "{% set f = dict(a='{0.__class__}'.format) %}{{ f.a(1) }}",
    "{% for f in ['{0.__class__}'.format] %}{{ f(1) }}{% endfor %}",
    "{{ ['{0.__class__}'.format] | map('first') | list }}",
    "{{ [1] | map('{0.__class__}'.format) | list }}",
    "{{ 'x' | replace('x', text.format) }}",
    "{{ (1).__class__.__base__.__subclasses__() }}",
    "{{ rows.tuples.__self__ }}{{ rows.tuples.__globals__ }}",
    "{{ rows.watched(function) }}{{ rows.watched('x'.format).tuples() }}",
    "{{ rows.same_as.__func__.__globals__ }}",
    "{{ report.copy.__self__ }}{{ report.items.__self__ }}",
    "{{ period.__class__.__init__.__globals__ }}",
    "{{ period.__dataclass_fields__ }}",
    "{{ period.start.tzinfo.clear_cache.__self__ }}",
    "{{ period.start.tzinfo.no_cache('../../../etc/passwd') }}",
    "{{ period.start.tzinfo.from_file(function('/etc/passwd')) }}",
    "{{ day.fromisoformat.__self__ }}",
    "{{ price.__class__('1') }}{{ price.from_float.__self__ }}",
    "{{ (1).from_bytes.__self__ }}",
    "{{ mapping.__class__.fromkeys }}",
    "{{ ''['\\uff3f_class__'] }}{{ ''.\uff3f_class__ }}",
    "{{ '' | attr('\u005f\u005fclass\u005f\u005f') }}",
    "{{ '%c%c' | format(95, 95) ~ 'class' }}{{ ''['%c%cclass%c%c' | format(95, 95, 95, 95)] }}",
    "{{ ()['__cl' ~ 'ass__'] }}",
    "{{ [] | attr(['__cl', 'ass__'] | join) }}",
    "{{ text | attr(('__SSALC__' | lower | reverse)) }}",
    "{{ function | map('upper') }}",
    "{{ object | string | attr('__class__') }}{{ object.secret }}",
    "{{ ('a', 'b').__class__ }}{{ caller_('x') }}{{ loop_.cycle.__self__ }}",
    "{{ [function] | map('first') | list }}{{ ['/etc/passwd'] | map(function) | list }}",
    "{{ {'a': function}.a('/etc/passwd').read() }}{{ rows | map(attribute=function) | list }}",
    "{% set f = function %}{{ f('/etc/passwd').read() }}",
    "{% for line in function('/etc/passwd') %}{{ line }}{% endfor %}",
    "{% call function('/etc/passwd') %}{% endcall %}",
    "{{ partial('/etc/passwd').read() }}{{ object.run() }}{{ object.__class__() }}",
    "{{ object | items }}{{ object | list }}",
    "{{ type_('/etc/passwd') }}{{ type_.home() }}{{ type_.cwd() }}",
    "{{ path.parent }}{{ path.open() }}",
    "{{ module.loads }}{{ module.Unpickler }}",
    "{{ {}.__class__.__bases__ }}",
    "{{ table(rows, ['__class__']) }}",
    "{{ table(rows, {'a': {'title': '__class__', 'format': '{0.__class__}'}}) }}",
    "{{ chart(rows, '__class__', 'a') }}",
    "{{ chart({'$schema': 'x', 'data': {'url': 'file:///etc/passwd'}, 'mark': 'bar'}) }}",
    "{{ metric('x', 1, format='{0.__class__}') }}",
    "{{ number.__class__ }}{{ number.real.__class__ }}{{ number.numerator.__add__ }}",
)


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    monkeypatch.setenv("DAYBREAK_CANARY", CANARY)


@pytest.fixture
def shown_by(text_of):
    """Return a function that returns what a template shows, or nothing where it is refused."""

    def show(source):
        before = (
            "{% macro shown_() %}x{% endmacro %}{% set shown = shown_() %}{% set block %}x{% endset %}"
            "{% for x in [1] %}{% set loop_ = loop %}{% endfor %}{% set caller_ = shown_ %}{% block b %}{% endblock %}"
        )
        data = {**DATA, "rows": Rows.of(DATA["rows"], name="rows")}
        try:
            return text_of(before + source + "\n", data, previous=lambda name, _: data[name])
        except DaybreakError:
            return ""

    return show


# Each thing by each way would be thousands; a step that shares no factor with either number takes each way by many things.
CROSSED = [(THINGS[at % len(THINGS)], WAYS[at % len(WAYS)]) for at in range(0, len(THINGS) * len(WAYS), 7)]


@pytest.mark.parametrize("way", WAYS)
def test_from_nothing_that_a_template_gets_at_is_there_a_way_out(shown_by, tried, way):
    things = [thing for thing, by in CROSSED if by == way]
    tried(len(things))
    for thing in things:
        source = "{{ " + way.format(thing, thing) + " }}"
        found = shown_by(source)
        assert not TOLD.search(found), source
        assert CANARY not in found, source


@pytest.mark.parametrize("source", ALONE)
def test_a_way_of_its_own_is_closed_too(shown_by, source):
    found = shown_by(source)

    assert not TOLD.search(found)
    assert CANARY not in found
