"""How tests with hypothesis draw examples: the same each time, as ``tests/fuzz.py`` says, and without a clock."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

from tests.fuzz import MORE


def examples(usual: int) -> settings:
    """
    Return the settings of such a test.

    :param usual: how many examples there are, times ``DAYBREAK_FUZZ``; others at each run with ``DAYBREAK_FUZZ_SEED``.
    """
    return settings(
        max_examples=usual * MORE,
        derandomize="DAYBREAK_FUZZ_SEED" not in os.environ,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
