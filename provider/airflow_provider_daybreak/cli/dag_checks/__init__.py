"""
What ``daybreak check --dags`` looks for in a folder of Dags, without a database, a scheduler or a run.

Dag files are parsed in processes of their own (``parsing`` starts ``program``, which forks one for each file), which tell what they
hold as plain facts (``facts``). All else is read from files and syntax trees. ``check`` leads the way.
"""
