"""What a task says of its outlets where no Airflow is there to hear it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk import Asset, AssetAlias
    from airflow.sdk.definitions.asset import AssetRef
    from airflow.sdk.execution_time.context import OutletEventAccessor, OutletEventAccessors


def outlet_events() -> OutletEventAccessors:
    """Return what a task can say of its outlets where there is no Airflow to ask, and so no asset is known."""
    from airflow.sdk.definitions.asset import AssetRef
    from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
    from airflow.sdk.execution_time.comms import ErrorResponse
    from airflow.sdk.execution_time.context import OutletEventAccessors

    class Unasked(OutletEventAccessors):
        def __getitem__(self, key: Asset | AssetAlias | AssetRef) -> OutletEventAccessor:
            if isinstance(key, AssetRef):
                raise AirflowRuntimeError(ErrorResponse(error=ErrorType.ASSET_NOT_FOUND))
            return super().__getitem__(key)

    return Unasked()
