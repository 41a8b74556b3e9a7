"""Measures that all charts share, in CSS pixels."""

WIDTH = 600
LETTERS = 18
"""Size of their text: ten pixels on a phone, which shows the picture at little more than half its width."""

SPARK_WIDTH, SPARK_HEIGHT = 120, 32
