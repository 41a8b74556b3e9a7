"""A real reverse proxy, as Airflow's documents have one before it: nginx, with the path as the browser sends it."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONFIGURATION = """
daemon off; master_process off; pid {home}/nginx.pid; error_log {home}/nginx.log;
events {{}}
http {{
  access_log off; client_body_temp_path {home}/body; proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi; uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location {path} {{
      proxy_pass http://127.0.0.1:{behind}; proxy_http_version 1.1;
      proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto $scheme;
    }}
  }}
}}
"""


@contextmanager
def proxied(home: Path, *, port: int, path: str, behind: int) -> Iterator[None]:
    """
    Run the proxy until the block ends.

    :param home: an empty folder for all that it writes.
    :param port: of the loopback interface, where browsers ask.
    :param path: what it passes on; all else is not found.
    :param behind: port of what answers.
    """
    file = home / "nginx.conf"
    file.write_text(CONFIGURATION.format(home=home, port=port, path=path, behind=behind))
    process = subprocess.Popen(["nginx", "-e", home / "nginx.log", "-c", file])
    try:
        until((home / "nginx.pid").exists)
        yield
    finally:
        process.terminate()
        process.wait(30)
