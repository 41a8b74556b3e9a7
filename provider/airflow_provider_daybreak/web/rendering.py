"""What the pages have in common: headers, templates, and how states, days and instants are said in a language."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow_provider_daybreak.context.address import APP_PREFIX
from airflow_provider_daybreak.overview.words import STATES, sentence
from airflow_provider_daybreak.version_compat import as_called
from airflow_provider_daybreak.web.access import may_administer
from airflow_provider_daybreak.web.words import COOKIE, WORDS, language_of

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup
    from starlette.requests import Request
    from starlette.responses import Response

    from airflow_provider_daybreak.hooks.row import Row

HERE = Path(__file__).parent

HEADERS = {
    # Values come from reports, mail servers and Dags: should one become markup, no script of it would run.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-store",
    "Vary": "Cookie, Accept-Language",
}


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> Response:
    """
    Return a page in the language of who asks.

    :param template: its name, without its ending.
    :param values: what it shows, beside ``say`` and the path ``base`` of Airflow's UI.
    """
    from starlette.responses import Response

    say, user = Said(language_asked(request)), getattr(request.state, "user", None)
    body = (
        _environment()
        .get_template(f"{template}.html.j2")
        .render(
            say=say,
            base=request.base_url.path,
            here_is=template,
            administers=user is not None and may_administer(user),
            **values,
        )
    )
    headers = {**HEADERS, "Content-Type": "text/html; charset=utf-8", "Content-Language": say.language}
    return Response(body, status, headers=headers)


def address_of(request: Request, path: str) -> str:
    """Return the address of one of our pages, by its path below ours."""
    return f"{request.base_url.path}{APP_PREFIX.lstrip('/')}/{path}"


def see(request: Request, path: str) -> Response:
    """Send the browser on to one of our pages, once what a form asked for is done."""
    from starlette.responses import RedirectResponse

    return RedirectResponse(address_of(request, path), 303, headers=dict(HEADERS))


def language_asked(request: Request) -> str:
    """Return the language of who asks."""
    return language_of(request.cookies.get(COOKIE, ""), request.headers.get("accept-language", ""))


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["path"] = lambda text: quote(str(text), safe="")
    environment.filters["markdown"] = _shown
    environment.filters["as_called"] = as_called
    return environment


def _shown(text: str) -> Markup:
    """Return Markdown as it is read: what it says of markup, links and pictures stays text."""
    from markdown_it import MarkdownIt
    from markupsafe import Markup

    reader = MarkdownIt("commonmark", {"html": False}).disable(["image", "autolink"])
    for rule in ("link_open", "link_close"):  # they are relative to another page, and names come from data
        reader.renderer.rules[rule] = lambda *_: ""  # type: ignore[attr-defined]  # a dict, whatever renders
    return Markup(reader.render(text))  # noqa: S704 - its HTML is escaped


class Said:
    """What a page says, in one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.states = STATES[language]
        self._days: dict[date, str] = {}
        self._times: dict[tuple[datetime, bool], str] = {}
        self._squares: dict[tuple[date, str | None], tuple[str, str]] = {}

    def __call__(self, name: str, **values: Any) -> str:
        """Return a sentence of :data:`words.WORDS` with its values."""
        return as_called(WORDS[self.language][name]).format(**values)

    def day(self, day: date) -> str:
        """Return a date as people write it in a row."""
        from babel.dates import format_date

        if day not in self._days:  # each row has the same two weeks
            self._days[day] = format_date(day, "EEE d MMM", locale=self.language)
        return self._days[day]

    def whole_day(self, day: date) -> str:
        """Return a date with its year."""
        from babel.dates import format_date

        return format_date(day, "EEEE d MMMM y", locale=self.language)

    def month(self, day: date) -> str:
        """Return the month of a date."""
        from babel.dates import format_date

        return format_date(day, "LLLL y", locale=self.language)

    def weekdays(self) -> list[str]:
        """Return the days of a week, Monday first."""
        from babel.dates import get_day_names

        names = get_day_names("abbreviated", locale=self.language)
        return [names[number] for number in range(7)]

    def size(self, size: int) -> str:
        """Return how large something is."""
        from babel.numbers import format_decimal

        for unit in ("B", "kB", "MB"):
            if size < 1000 or unit == "MB":  # noqa: PLR2004 - of the next unit
                break
            size /= 1000  # type: ignore[assignment]  # rounded below
        return f"{format_decimal(round(size, 1 if unit == 'MB' else 0), locale=self.language)} {unit}"

    def lasted(self, row: Row) -> str:
        """Return how long the run of a row took, or nothing."""
        run = row.run
        if run is None or run.start is None or run.end is None or run.end < run.start:
            return ""
        seconds = int((run.end - run.start).total_seconds())
        minutes, hours = seconds // 60, seconds // 3600
        if hours:
            return f"{hours} h {minutes % 60} min"
        return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"

    def moment(self, moment: datetime | str | None, zone: Any = None) -> str:
        """Return an instant: the time alone where it is of the last day."""
        from babel.dates import format_datetime

        if isinstance(moment, str):
            try:
                moment = datetime.fromisoformat(moment)
            except ValueError:
                return ""
        if moment is None:
            return ""
        near = abs(datetime.now(timezone.utc) - moment) < timedelta(hours=20)
        return format_datetime(
            moment.astimezone(zone), "HH:mm z" if near else "d MMM HH:mm z", locale=self.language
        )

    def due(self, row: Row) -> tuple[str, str, str]:
        """Return when a report was due, when it arrived, and how much later that was, or is by now."""
        zone = row.due.tzinfo if row.due else None
        due = self.moment(row.due) if row.due is None else self._time(row, row.due)
        arrived = self._time(row, row.standing.arrived.astimezone(zone)) if row.standing.arrived else ""
        return due, arrived, self._late(row.standing.late) if row.due else ""

    def _time(self, row: Row, moment: datetime) -> str:
        from babel.dates import format_datetime

        near = moment.date() == row.report_date
        if (moment, near) not in self._times:  # many reports are due at the same time
            pattern = "HH:mm" if near else "d MMM HH:mm"
            self._times[moment, near] = format_datetime(moment, pattern, locale=self.language)
        return self._times[moment, near]

    def _late(self, late: timedelta | None) -> str:
        minutes = int(late.total_seconds() // 60) if late is not None else 0
        if minutes < 1:
            return ""
        if minutes < 60:  # noqa: PLR2004 - of an hour
            return self("minutes_late", minutes=minutes)
        if minutes < 24 * 60:
            return self("hours_late", hours=minutes // 60, minutes=minutes % 60)
        return self("days_late", days=minutes // 1440, hours=minutes % 1440 // 60)

    def why(self, row: Row) -> str:
        """Return why a report stands as it does, and what to do."""
        return as_called(sentence(row.standing, self.language))

    def squares(self, row: Row) -> Markup:
        """Return the last days of a row, each as a shape: as one text, since a page has thousands of them."""
        from markupsafe import Markup

        found = []
        for day, state in row.days:
            if (day, state) not in self._squares:
                self._squares[day, state] = self._square(day, state)
            found.append(self._squares[day, state][day == row.report_date])
        return Markup("".join(found))  # noqa: S704 - each of them is escaped

    def _square(self, day: date, state: str | None) -> tuple[str, str]:
        """Return the shape of a day, and the same where the row is about that day."""
        from markupsafe import escape

        title = escape(f"{self.day(day)}: {self.states[state]}" if state else self.day(day))
        shape = f'<svg class="shape {state}"><use href="#{state}"/></svg>' if state else ""
        start = '<span class="square' + ("" if state else " none")
        rest = f'" title="{title}">{shape}</span>'
        return f"{start}{rest}", f"{start} this{rest}"

    def summary(self, row: Row) -> str:
        """Return what the squares of a row show, for who sees none."""
        counts = counted_days(row)
        said = (
            self("summary", count=count, state=self.states[state].lower()) for state, count in counts.items()
        )
        return ", ".join(said) or self("none")


def counted_days(row: Row) -> dict[str, int]:
    """Return how many of a row's days have which state."""
    counts: dict[str, int] = {}
    for _, state in row.days:
        if state is not None:
            counts[state] = counts.get(state, 0) + 1
    return counts
