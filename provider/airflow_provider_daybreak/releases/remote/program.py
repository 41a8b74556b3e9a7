"""What is sent to a host: the program as a zip file, uv, and the command that begins there."""

from __future__ import annotations

import hashlib
import io
import platform
import re
import shlex
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import airflow_provider_daybreak
from airflow_provider_daybreak.releases import uv

LEAST_PYTHON = (3, 10)
_ODD = re.compile(r"[^\w./-]")
_OURS = ("delivery", "exceptions", "releases", "storage")
_THEIRS = ("dotenv", "idna", "packaging", "tomli", "yaml")
"""What those import of other people's: all of it Python, and none of it bound to the worker's own."""
_PYTHONS = (
    "python3", "python3.13", "python3.12", "python3.11", "python3.10", "python3.14",
    "/usr/bin/python3", "/usr/local/bin/python3", "/usr/bin/python3.1[0-9]", "/usr/local/bin/python3.1[0-9]", "/opt/python3*/bin/python3",
    '"$HOME"/.local/bin/python3.1[0-9]', '"$HOME"/.local/share/uv/python/*/bin/python3', '"$HOME"/.pyenv/versions/*/bin/python3',
)  # fmt: skip


@dataclass(frozen=True)
class Program:
    """Something that is sent once, and then known by its digest."""

    data: bytes
    digest: str

    @classmethod
    def of(cls, data: bytes) -> Program:
        """Return what is known by the SHA-256 of its data."""
        return cls(data, hashlib.sha256(data).hexdigest())


@lru_cache(maxsize=1)
def program() -> Program:
    """Return the zip file of what deploys and runs: the same from the same files."""
    package = Path(airflow_provider_daybreak.__file__).parent
    files = {f"{package.name}/{name}": package / name for name in ("__init__.py", "dotenv.py", "redact.py")}
    for part in _OURS:
        files |= {f"{package.name}/{path.relative_to(package)}": path for path in _files_in(package / part)}
    for name in _THEIRS:
        found = find_spec(name)
        if found and found.origin:
            folder = Path(found.origin).parent
            files |= {f"{name}/{path.relative_to(folder)}": path for path in _files_in(folder)}
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in sorted(files.items()):
            archive.writestr(
                zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), path.read_bytes(), zipfile.ZIP_DEFLATED
            )
    return Program.of(made.getvalue())


def _files_in(folder: Path) -> list[Path]:
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix not in (".so", ".pyc", ".pyi")
    ]


@lru_cache(maxsize=1)
def uv_program() -> Program:
    """Return the worker's own uv."""
    return Program.of(Path(uv.binary()).read_bytes())


def uv_wanted() -> dict[str, str]:
    """Return what the host is told of uv."""
    return {"digest": uv_program().digest, "machine": platform.machine()}


@lru_cache(maxsize=1)
def loader() -> bytes:
    """Return the line of Python that a host's Python reads first."""
    text = Path(__file__).with_name("loader.py").read_text("utf-8")
    whole = f"{text}\nload(sys.stdin.buffer, sys.stdout.buffer)\n"
    return f"exec({whole!a})\n".encode()


def command(marker: str, python: str | None = None, folder: str = "") -> str:
    """
    Return what the host's login shell is given, whichever that is: it begins the first Python that is new enough.

    :param marker: what stands before the answer where there is none.
    :param python: absolute path of the host's Python; it is searched when None.
    :param folder: where everything is kept there, and one may be that was brought.
    """
    pythons = shlex.quote(python) if python else " ".join((*_PYTHONS, _brought_in(folder)))
    least = ",".join(map(str, LEAST_PYTHON))
    steps = (
        f"for p in {pythons}; do "
        f'if c=$(command -v "$p" 2>/dev/null) && "$c" -I -c "import sys;sys.exit(sys.version_info<({least}))" >/dev/null 2>&1; '
        'then exec "$c" -I -X utf8 -c "import sys;exec(sys.stdin.buffer.readline().decode())"; fi; done; '
        "read -r said; read -r said; "  # what a Python would have: else the channel closes while that is sent
        f'printf "\\n%s\\n" {marker}; '
        'printf "{\\"no_python\\": \\"%s\\"}\\n" "$(uname -sm), PATH=$PATH, python3: $(python3 --version 2>&1 | head -n 1 | tr -d \\")"'
    )
    return f"exec /bin/sh -c {quoted(steps)}"


def _brought_in(folder: str) -> str:
    home, rest = ('"$HOME"', folder[1:]) if folder.startswith("~") else ("", folder)
    escaped = _ODD.sub(lambda odd: f"\\{odd[0]}", rest)
    return f"{home}{escaped}/python/*/bin/python3"


def quoted(text: str) -> str:
    """Quote for any shell: without a single quote inside, all of them read it alike."""
    return "'" + text.replace("'", '"') + "'"
