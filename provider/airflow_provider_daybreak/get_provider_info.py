"""What Airflow may discover of this package. Imports nothing: every ``airflow`` call loads it."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description, in the shape of Airflow's ``provider_info.schema.json``."""
    package = "airflow_provider_daybreak"
    return {
        "package-name": "airflow-provider-daybreak",
        "name": "Daybreak",
        "description": "Scripts and reports in production: deployed, rendered, isolated and mailed once.",
        "integrations": [{"integration-name": "Daybreak", "tags": ["software"]}],
        "operators": [
            {
                "integration-name": "Daybreak",
                "python-modules": [
                    f"{package}.operators.venv",
                    f"{package}.operators.report",
                    f"{package}.operators.docker",
                    f"{package}.operators.pod",
                    f"{package}.operators.delivery",
                ],
            }
        ],
        "bundles": [
            {"integration-name": "Daybreak", "python-modules": [f"{package}.bundles.package"]},
        ],
        "secrets-backends": [f"{package}.secrets.dotenv.DotenvBackend"],
        "extra-links": [f"{package}.web.links.OpenReportLink"],
        "notifications": [
            f"{package}.notifications.failure.ReportFailureNotifier",
            f"{package}.notifications.late.ReportLateNotifier",
            f"{package}.notifications.ping.PingNotifier",
        ],
        "cli": [f"{package}.cli.get_cli_commands"],
        "config": {
            "daybreak": {
                "description": "Where Daybreak keeps reports and deployed scripts.",
                "options": {
                    "archive": {
                        "description": (
                            "URI of the folder that keeps reports and the ledger of deliveries: a local "
                            "folder (file:///…) or object storage (s3://connection@bucket/prefix). Every "
                            "worker and the API server must reach it. Empty: daybreak/reports in AIRFLOW_HOME."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "s3://aws_default@reports/daybreak",
                        "default": "",
                    },
                    "archive_is_shared": {
                        "description": (
                            "Whether a local folder in archive is one mount that all workers share. Where tasks "
                            "run on several hosts, nothing is mailed from a local folder unless this says so: "
                            "each host would keep a ledger of its own, and mail everybody again."
                        ),
                        "version_added": "0.1.0",
                        "type": "boolean",
                        "example": None,
                        "default": "False",
                    },
                    "claim_lifetime": {
                        "description": (
                            "Seconds after which a mail is in doubt whose sender gives no sign of life, from 30 to 1200. A "
                            "living sender gives one each quarter of that. It matters where tasks run on several hosts: on "
                            "one, a sender that has ended is known at once."
                        ),
                        "version_added": "0.1.0",
                        "type": "integer",
                        "example": None,
                        "default": "120",
                    },
                    "index": {
                        "description": (
                            "Absolute path of the local folder, on the API server, that keeps the index which the page Reports "
                            "today is made from. It can be removed at any time. Empty: daybreak/index in AIRFLOW_HOME."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "/var/lib/daybreak/index",
                        "default": "",
                    },
                    "releases": {
                        "description": (
                            "Absolute path of the local folder, on each worker, that keeps deployed scripts and "
                            "their environments. Empty: daybreak/releases in AIRFLOW_HOME."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "/var/lib/daybreak/releases",
                        "default": "",
                    },
                    "release_store": {
                        "description": (
                            "URI of the folder that several workers get releases from. "
                            "Empty: releases stay on the worker that deployed them."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "s3://aws_default@reports/releases",
                        "default": "",
                    },
                    "pack_environments": {
                        "description": (
                            "Whether a deploy puts its environment into release_store as it is, packed: a worker of the same "
                            "Python and C library that lacks it unpacks it, in place of installing its packages. It takes "
                            "release_key. Each environment takes about a third of its size in the store."
                        ),
                        "version_added": "0.1.0",
                        "type": "boolean",
                        "example": None,
                        "default": "False",
                    },
                    "release_key": {
                        "description": (
                            "Key, the same on all workers, that signs what goes into release_store, of at least 32 "
                            "characters: nothing else is taken from there then. Several with commas, where the first "
                            "signs and any may have signed, replace one by another. Empty: nothing is signed."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": None,
                        "default": "",
                        "sensitive": True,
                    },
                },
            },
        },
    }
