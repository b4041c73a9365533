"""How profiles are kept in the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from obs_core import TypeTransformer
from obs_profiles import profile
from obs_profiles.pages import profile_html
from obs_whylogs.needed import need_whylogs

if TYPE_CHECKING:
    from whylogs.core.view.dataset_profile_view import DatasetProfileView

__all__ = ["WhylogsDatasetProfileTransformer"]


class WhylogsDatasetProfileTransformer(TypeTransformer["DatasetProfileView"]):
    """Keeps whylogs' profiles in whylogs' own format, loads them, and draws their summary.

    ``whylogs.core.DatasetProfileView.deserialize`` reads what it writes. A profile with model performance
    metrics is not kept: that format does not hold them.

    Examples:
        >>> import obs_whylogs
        >>> import pandas as pd
        >>> @task
        ... def describe(flights: pd.DataFrame) -> DatasetProfileView:
        ...     return obs_whylogs.profile(flights)
        >>> with execution("flights") as run:
        ...     view = describe(pd.DataFrame({"delay": [3.5, None, 12.0]}))
        >>> view = load_execution(run.id).output("describe")
    """

    python_type = "whylogs.core.view.dataset_profile_view.DatasetProfileView"
    name = "whylogs.profile"
    extension = ".whylogs"

    def can_transform(self, value: DatasetProfileView) -> bool:
        """Return whether whylogs' format can hold all of it."""
        return value.model_performance_metrics is None

    def to_bytes(self, value: DatasetProfileView) -> bytes:
        """Write a profile."""
        written: bytes = value.serialize()
        return written

    def from_bytes(self, data: bytes) -> DatasetProfileView:
        """Read a profile."""
        need_whylogs()
        from whylogs.core.view.dataset_profile_view import DatasetProfileView

        return DatasetProfileView.deserialize(data)

    def to_html(self, value: Any, *others: Any) -> str:
        """Draw the summary of a profile.

        Args:
            value: The profile; or Flyte's context, before the profile and its type.
            *others: As Flyte has it: ``to_html(context, profile, type)``.

        Raises:
            TypeError: It is no profile.
        """
        need_whylogs()
        value = others[0] if others else value
        from whylogs.core.view.dataset_profile_view import DatasetProfileView

        if not isinstance(value, DatasetProfileView):
            raise TypeError(
                f"WhylogsDatasetProfileTransformer takes a DatasetProfileView of whylogs, not {type(value).__name__}"
            )
        return profile_html(profile(value))
