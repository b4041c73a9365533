"""``obs site``: what the UI shows, as plain files that need no server."""

from obs_ui.static_site.building import Built, build

__all__ = ["Built", "build"]
