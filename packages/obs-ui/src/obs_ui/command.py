"""``obs ui``: open the execution UI."""

from __future__ import annotations

import argparse

from obs_core.commands import Command, CommandError
from obs_core.commands.choosing import add_filters, chosen
from obs_core.reading.garbage import Keep, parse_keep
from obs_core.settings import keep_text
from obs_core.store import open_store

__all__ = ["OpenUI", "WriteSite"]


class OpenUI(Command):
    """Serve the execution UI until Ctrl-C."""

    name = "ui"
    summary = "open the execution UI in the browser: executions, traces and decks, live"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1: only this machine)")
        parser.add_argument("--port", type=int, default=8642, help="8642, or the next free port; 0: any free port")
        parser.add_argument("--index", metavar="URL", help="sqlite:///FILE or postgresql://USER@HOST/DATABASE")
        parser.add_argument("--no-open", action="store_true", help="do not open the browser")
        parser.add_argument(
            "--gc", action="store_true", help="remove each hour what OBS_KEEP does not keep, as obs gc does"
        )
        parser.add_argument(
            "--no-token", action="store_true", help="require no token, even on an address other than 127.0.0.1"
        )
        parser.add_argument(
            "--allow-host", action="append", default=[], metavar="NAME", help="another host name of this server"
        )

    def run(self, arguments: argparse.Namespace) -> int:
        """Serve, until Ctrl-C."""
        if not 0 <= arguments.port <= 65535:
            raise CommandError(f"--port must be between 0 and 65535, got {arguments.port}")
        from obs_ui.serving import ServerOptions, serve

        return serve(
            ServerOptions(
                store=arguments.store,
                host=arguments.host,
                port=arguments.port,
                index=arguments.index,
                opens=not arguments.no_open,
                asks_for_token=not arguments.no_token,
                names=frozenset(map(str.lower, arguments.allow_host)),
                keep=_kept() if arguments.gc else None,
            )
        )


def _kept() -> Keep:
    try:
        return parse_keep(keep_text())
    except ValueError as error:
        raise CommandError(f"--gc needs OBS_KEEP: {error}") from None


class WriteSite(Command):
    """Write what the UI shows as plain files."""

    name = "site"
    summary = "write what the UI shows as plain files: for GitHub Pages, S3, or to be opened from disk"
    examples = (
        ("obs site public", "the newest 500 executions, into the folder public"),
        ("obs site public --name flights --since 30d -n 0", "all runs of one name, of this month"),
    )

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("out", metavar="OUT", help="the folder; what changed is written, what is gone is removed")
        add_filters(parser, limit=500)
        parser.add_argument("--reports", action="store_true", help="with each report and trace as a file to take along")

    def run(self, arguments: argparse.Namespace) -> int:
        """Write the site, and say what was done."""
        from obs_ui.static_site import build

        found, rest = chosen(arguments)
        executions = list(found)
        built = build(open_store(arguments.store), arguments.out, executions, reports=arguments.reports)
        print(
            f"{arguments.out}/index.html shows {built.executions:,} executions: {built.files:,} files,"
            f" {built.written:,} written, {built.removed:,} removed"
        )
        if next(rest, None) is not None:
            print(f"only the newest {built.executions:,} are in it; -n 0 writes all")
        return 0
