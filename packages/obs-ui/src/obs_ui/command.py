"""``obs ui``: open the execution UI."""

from __future__ import annotations

import argparse

from obs_core.commands import Command, CommandError

__all__ = ["OpenUI"]


class OpenUI(Command):
    """Serve the execution UI until Ctrl-C."""

    name = "ui"
    summary = "open the execution UI in the browser: executions, traces and decks, live"

    examples = (
        ("obs ui", "the store of this folder"),
        ("obs ui --store s3://team/obs --no-open", "a shared store; the address is printed"),
        ("obs ui --host 0.0.0.0 --port 8000", "for other machines; they need the token that is printed"),
    )

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1: only this machine)")
        parser.add_argument("--port", type=int, default=8642, help="8642, or the next free port; 0: any free port")
        parser.add_argument("--index", metavar="URL", help="sqlite:///FILE or postgresql://USER@HOST/DATABASE")
        parser.add_argument("--no-open", action="store_true", help="do not open the browser")
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
            )
        )
