"""
Jobs that another scheduler runs, read from its own files: nothing of them is executed, asked or changed.

A reader for each kind (``crontab``, ``systemd``, ``kubernetes``, ``github``, …), told apart by ``kinds``; each makes the same
:class:`~.job.Job` of what it finds. ``command`` says what a job's command line does, and ``writing`` what Dag that is.
"""
