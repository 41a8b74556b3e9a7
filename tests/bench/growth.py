"""
How what is asked for grows with what is there: slopes of time, on disk, and of requests, on S3 (moto).

A slope is that of a line through the logarithms: 0 where what is there doesn't matter, 1 where twice as much takes
twice as long. moto itself reads a whole bucket for each page of a listing, so that its times tell nothing: on S3
requests are counted, up to 2,500 mails and as many revisions.
"""

from __future__ import annotations

import json
import math
import shutil
import statistics
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import Figure, seconds

from airflow_provider_daybreak.archive import Archive, Manifest
from airflow_provider_daybreak.delivery.audit import deliveries, those_who_wait
from airflow_provider_daybreak.delivery.ledger import Ledger, key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Place = tuple[Archive, Callable[[Callable[[], object]], float]]

SIZES = (100, 1_000, 10_000, 100_000)
SIZES_S3 = (100, 500, 2_500)
A_DAY = 100  # mails, where they lie on many days
DAY = date(2026, 3, 29)
FOLDER = Path(__file__).parents[2] / ".bench" / "growth"  # kept, since filling it takes minutes
LINEAR = 1.4  # a slope, with what the caches of processor and memory add
FLAT = 0.25


def figures() -> Iterator[Figure]:
    yield from _slopes("disk", SIZES, _on_disk, "s")
    with _store() as made:
        yield from _slopes("s3", SIZES_S3, made, "requests")


def _slopes(place: str, sizes: tuple[int, ...], made: Callable[[int], Place], unit: str) -> Iterator[Figure]:
    curves: dict[str, list[float]] = {}
    for size in sizes:
        archive, cost = made(size)
        for name, (call, _) in _asked(archive, size).items():
            curves.setdefault(name, []).append(cost(call))
    for name, (_, target) in _asked(Archive(FOLDER), sizes[0]).items():
        costs = curves[name]
        curve = "  ".join(f"{size:,}: {each:.3g}" for size, each in zip(sizes, costs, strict=True))
        print(f"  {place}, {name}: {curve} {unit}")
        yield Figure(f"growth.{place}.{name.replace(' ', '_')}", _slope(sizes, costs), None, target, "slope")


def _asked(archive: Archive, size: int) -> dict[str, tuple[Callable[[], object], float]]:
    """Return what is asked, each with the slope that it may have. An answer that is not all is an error."""
    last = DAY + timedelta(days=max(size // A_DAY, 1) - 1)
    busy = Ledger(archive.deliveries("busy", DAY))

    def expect(count: int, found: Iterator[object]) -> None:
        assert len(list(found)) == count

    def newest() -> None:
        assert (revision := archive.latest("revised", DAY))
        assert revision.number == size

    return {
        "deliveries of a day among many": (
            lambda: expect(A_DAY, deliveries(archive, "daily", since=last, until=last)),
            FLAT,
        ),
        "deliveries of all days": (lambda: expect(size, deliveries(archive, "daily")), LINEAR),
        "deliveries of a busy day": (
            lambda: expect(size, deliveries(archive, "busy", since=DAY, until=DAY)),
            LINEAR,
        ),
        "who of a busy day gets it again": (
            lambda: expect(1, those_who_wait(busy, {"reader7@example.org"})),
            LINEAR,
        ),
        "reports list of a day among many": (
            lambda: expect(1, archive.revisions("daily", since=last, until=last)),
            FLAT,
        ),
        "reports list of all revisions of a day": (
            lambda: expect(size, archive.revisions("revised", since=DAY, until=DAY)),
            LINEAR,
        ),
        "latest of a day among many": (lambda: archive.latest("daily", last), FLAT),
        "latest of many revisions of a day": (newest, LINEAR),
    }


def _slope(sizes: tuple[int, ...], costs: list[float]) -> float:
    x, y = [math.log(size) for size in sizes], [math.log(max(cost, 1e-6)) for cost in costs]
    return statistics.linear_regression(x, y).slope


def _fill(size: int, put: Callable[[str, bytes], None]) -> None:
    """Put there what so many mails leave, on one day and on many, and so many revisions of one day."""
    for number in range(size):
        day = DAY + timedelta(days=number // A_DAY)
        _mail(put, "busy", DAY, number)
        _mail(put, "daily", day, number)
        put(f"revised/{DAY:%Y/%m/%d}/r{number + 1:04d}/manifest.json", _manifest("revised", DAY, number + 1))
        if number % A_DAY == 0:
            put(f"daily/{day:%Y/%m/%d}/r0001/manifest.json", _manifest("daily", day, 1))


def _mail(put: Callable[[str, bytes], None], report: str, day: date, number: int) -> None:
    facts = {
        "report": report,
        "report_date": day.isoformat(),
        "recipient": f"reader{number}@example.org",
        "digest": "0" * 64,
        "manifest": f"file:///var/lib/daybreak/reports/{report}/{day:%Y/%m/%d}/r0001/manifest.json",
        "message_id": f"<{number:040d}@example.org>",
        "revision": 1,
    }
    said = {**facts, "status": "sent", "reason": "250 taken", "time": "2026-03-30T07:00:00.000+00:00"}
    folder = f"{report}/{day:%Y/%m/%d}/deliveries/{key_of(report, day.isoformat(), str(number))}"
    for name, content in (("prepared.json", facts), ("commit.0", facts), ("outcome.0.json", said)):
        put(f"{folder}/{name}", json.dumps(content).encode())


def _manifest(report: str, day: date, number: int) -> bytes:
    return Manifest(
        report=report,
        report_date=day,
        period={
            "name": "day",
            "start": f"{day}T00:00:00+00:00",
            "end": f"{day}T23:59:59+00:00",
            "timezone": "UTC",
        },
        revision=number,
        title="Almanac",
        created="2026-03-30T07:00:00+00:00",
        files=(),
        digest="0" * 64,
        rows={},
        run={},
        provider_version="",
        template_sha256="",
        queries={},
        checks=(),
        outcome="ok",
    ).to_json()


def _on_disk(size: int) -> Place:
    folder = FOLDER / str(size)
    if not (folder / "_complete").exists():
        shutil.rmtree(folder, ignore_errors=True)

        def put(name: str, data: bytes) -> None:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

        _fill(size, put)
        (folder / "_complete").touch()

    def cost(call: Callable[[], object]) -> float:
        call()  # the file system remembers now, and the ledger has its index
        return min(seconds(call) for _ in range(3))

    return Archive(folder), cost


@contextmanager
def _store() -> Iterator[Callable[[int], Place]]:
    """Yield what makes an archive on a store that speaks S3, and counts requests."""
    import logging
    from threading import Thread

    from moto.s3.models import s3_backends
    from moto.server import DomainDispatcherApplication, create_backend_app
    from upath import UPath
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    app, requests = DomainDispatcherApplication(create_backend_app), [0]

    def counting(environ: dict[str, Any], start_response: Any) -> Any:
        requests[0] += 1
        return app(environ, start_response)

    server = make_server("127.0.0.1", 0, counting, threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    options: dict[str, Any] = {
        "key": "access-key",
        "secret": "secret-key",
        "client_kwargs": {"endpoint_url": f"http://127.0.0.1:{server.server_port}", "region_name": "us-east-1"},
    }

    def cost(call: Callable[[], object]) -> float:
        call()
        before = requests[0]
        call()
        return requests[0] - before

    def made(size: int) -> Place:
        bucket = f"reports-{size}"
        backend = s3_backends["123456789012"]["aws"]  # by HTTP it would take minutes
        backend.create_bucket(bucket, "us-east-1")
        _fill(size, lambda name, data: backend.put_object(bucket, name, data))
        return Archive(UPath(f"s3://{bucket}", **options)), cost

    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
