"""
What ``daybreak shadow`` and ``cutover`` do: a Dag runs beside the old job until both are the same, and then takes its place.

``command`` starts and stops it, ``comparing`` sets what was captured beside what the old job sent, and ``cutover`` switches.
"""
