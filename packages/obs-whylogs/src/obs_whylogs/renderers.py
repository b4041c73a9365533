"""Renderers of drift and of constraints, as Flyte's users know them."""

from __future__ import annotations

from typing import Any

from obs_profiles import drift
from obs_profiles.comparison import DEFAULT_THRESHOLD, Thresholds
from obs_profiles.pages import drift_html
from obs_whylogs.constraints_report import constraints_html, verdicts
from obs_whylogs.needed import need_whylogs

__all__ = ["WhylogsConstraintsRenderer", "WhylogsSummaryDriftRenderer"]


class WhylogsSummaryDriftRenderer:
    """Show how far a data set is from a reference, column by column, and what moved; whylogs need not be installed.

    Examples:
        >>> import pandas as pd
        >>> before, after = pd.DataFrame({"delay": range(100)}), pd.DataFrame({"delay": range(50, 150)})
        >>> html = WhylogsSummaryDriftRenderer.to_html(before, after)
    """

    @staticmethod
    def to_html(reference_data: Any, target_data: Any, *, thresholds: Thresholds = DEFAULT_THRESHOLD) -> str:
        """Compare two data sets.

        Args:
            reference_data: What was: a DataFrame, or a profile of whylogs or of obs-profiles.
            target_data: What is.
            thresholds: From which Hellinger distance on a column has drifted; see `obs_whylogs.measure_drift`.

        Returns:
            An HTML fragment: every column with its distance, both distributions, counts and missing shares, those
            that drifted first.

        Raises:
            TypeError: One of them is no frame and no profile.
            ValueError: A threshold is not from 0 to 1, or is one of no column.
        """
        for what, data in (("reference_data", reference_data), ("target_data", target_data)):
            if data is None:
                raise TypeError(f"WhylogsSummaryDriftRenderer takes a frame or a profile as its {what}, not NoneType")
        return drift_html(drift(reference_data, target_data, thresholds=thresholds))


class WhylogsConstraintsRenderer:
    """Show which whylogs constraints hold, which do not, and why.

    Examples:
        >>> from whylogs.core.constraints import ConstraintsBuilder
        >>> from whylogs.core.constraints.factories import greater_than_number
        >>> import pandas as pd
        >>> from obs_whylogs import profile
        >>> builder = ConstraintsBuilder(profile(pd.DataFrame({"delay": [3.5, None, 12.0]})))
        >>> built = builder.add_constraint(greater_than_number("delay", number=-60)).build()
        >>> html = WhylogsConstraintsRenderer.to_html(built)
    """

    @staticmethod
    def to_html(constraints: Any) -> str:
        """Check constraints, and show the results.

        Args:
            constraints: What ``ConstraintsBuilder(...).build()`` returns: `whylogs.core.constraints.Constraints` with
                the profile that they are about.

        Returns:
            An HTML fragment.

        Raises:
            TypeError: It is something else.
            ValueError: There is no profile in it.
        """
        need_whylogs()
        from whylogs.core.constraints import Constraints

        if not isinstance(constraints, Constraints):
            raise TypeError(
                f"WhylogsConstraintsRenderer takes Constraints of whylogs, not {type(constraints).__name__}"
            )
        if constraints.dataset_profile_view is None:
            raise ValueError("the constraints hold no profile to check; build them with ConstraintsBuilder(profile)")
        return constraints_html(verdicts(constraints))
