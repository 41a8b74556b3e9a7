"""Where a report's data comes from: a query, files, a deployed script. What they give is read below, without Airflow."""

from airflow_provider_daybreak.reports.sources.declared import FileFormat, FileSource, ScriptSource, SqlSource

__all__ = ["FileFormat", "FileSource", "ScriptSource", "SqlSource"]
