"""Where a report's data comes from: a query, files, a deployed script. What they give is read below, without Airflow."""

from airflow_provider_daybreak.reports.sources.declared import (
    CsvOptions,
    FileFormat,
    FileSource,
    ScriptSource,
    SqlSource,
)

__all__ = ["CsvOptions", "FileFormat", "FileSource", "ScriptSource", "SqlSource"]
