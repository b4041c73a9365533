"""The pages of profiles, drift and expectations: HTML that loads nothing, light and dark, wide and narrow."""

from __future__ import annotations

from obs_profiles.pages.checked_page import checked_html
from obs_profiles.pages.drift_page import drift_html, not_compared_html
from obs_profiles.pages.profile_page import profile_html

__all__ = ["checked_html", "drift_html", "not_compared_html", "profile_html"]
