"""
What ``daybreak import`` does: it reads the jobs of another scheduler (``jobs``), plans a Dag for each, and writes them with a report.

``planning`` decides what each Dag is, ``instants`` compares its times with those of the old scheduler, ``folder`` writes what may be
written, and ``telling`` says what became of each line. ``command`` leads the way.
"""
