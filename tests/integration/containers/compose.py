"""What the Compose file says of its socket proxy."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

COMPOSE = Path(__file__).parents[3] / "docker-compose.yaml"


def compose_rules():
    """Return what it lets through: a pattern of paths for each method."""
    command = yaml.safe_load(COMPOSE.read_text())["services"]["docker-proxy"]["command"]
    return dict(
        re.fullmatch("-allow([A-Z]+)=(.+)", word).groups() for word in command if re.match("-allow[A-Z]", word)
    )
