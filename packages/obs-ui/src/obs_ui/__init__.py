"""The execution UI: ``obs ui`` shows executions, traces and decks in the browser."""

from obs_ui.__about__ import __version__

__all__ = ["__version__"]
