"""``obs ui``: open the execution UI."""

from __future__ import annotations

import argparse
import ipaddress
import re
from typing import TYPE_CHECKING

from obs_core.commands import Command, CommandError
from obs_core.commands.base import age_in_seconds, check_folder
from obs_core.commands.choosing import add_filters, chosen
from obs_core.reading.garbage import Keep, parse_keep
from obs_core.settings import keep_text, ui_url
from obs_core.store import open_store

if TYPE_CHECKING:
    from obs_ui.security import Network

__all__ = ["OpenUI", "WriteSite"]


class OpenUI(Command):
    """Serve the execution UI until Ctrl-C."""

    name = "ui"
    summary = "open the execution UI in the browser: executions, traces and decks, live"
    examples = (
        ("obs ui", "open it here"),
        ("obs ui prod=s3://team/obs .obs", "several stores in one list, one of them under a name that you give"),
        ("obs ui link flights --for 7d", "print a link that shows the newest flights to whoever has it, for a week"),
        ("obs ui --root-path /obs --user-header X-Forwarded-User", "behind a proxy that knows the users"),
    )

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument(
            "given",
            metavar="STORE",
            nargs="*",
            help="folders and URLs, each as NAME=STORE or not; default: --store. Or: link [ID], to print a link to one"
            " execution",
        )
        parser.add_argument(
            "--for", dest="lasting", metavar="AGE", default="7d", help="how long a link is valid (default: 7d)"
        )
        parser.add_argument("--url", metavar="URL", help="the UI's address in a link; default: OBS_UI_URL")
        parser.add_argument("--secret-file", metavar="FILE", help="the file with the secret that signs links")
        parser.add_argument("--root-path", metavar="PATH", default="", help="path under which a proxy serves it: /obs")
        parser.add_argument(
            "--user-header", metavar="NAME", default="", help="the header in which a trusted proxy names the user"
        )
        parser.add_argument(
            "--trusted-proxy",
            action="append",
            default=[],
            metavar="ADDRESS",
            help="trust that header from this address or network; default: this machine",
        )
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1: only this machine)")
        parser.add_argument("--port", type=int, default=8642, help="8642, or the next free port; 0: any free port")
        parser.add_argument("--index", metavar="URL", help="sqlite:///FILE or postgresql://USER@HOST/DATABASE")
        parser.add_argument("--no-open", action="store_true", help="do not open the browser")
        parser.add_argument(
            "--gc", action="store_true", help="remove what OBS_KEEP does not keep, every hour, as obs gc does"
        )
        parser.add_argument(
            "--no-token", action="store_true", help="require no token, even on an address other than 127.0.0.1"
        )
        parser.add_argument(
            "--allow-host", action="append", default=[], metavar="NAME", help="another host name of this server"
        )

    def run(self, arguments: argparse.Namespace) -> int:
        """Serve, until Ctrl-C; or print a link."""
        if arguments.given[:1] == ["link"]:
            print(_link(arguments))
            return 0
        if arguments.given and arguments.store is not None:
            raise CommandError(f"type the stores behind obs ui, or --store {arguments.store}, not both")
        if not 0 <= arguments.port <= 65535:
            raise CommandError(f"--port must be between 0 and 65535, got {arguments.port}")
        from obs_ui.security import LOOPBACK
        from obs_ui.serving import ServerOptions, serve

        return serve(
            ServerOptions(
                stores=tuple(arguments.given) or (() if arguments.store is None else (arguments.store,)),
                host=arguments.host,
                port=arguments.port,
                index=arguments.index,
                opens=not arguments.no_open,
                asks_for_token=not arguments.no_token,
                names=frozenset(map(str.lower, arguments.allow_host)),
                keep=_kept() if arguments.gc else None,
                root_path=_root_path(arguments.root_path),
                user_header=_header(arguments.user_header),
                proxies=tuple(map(_network, arguments.trusted_proxy)) or LOOPBACK,
                secret_file=arguments.secret_file,
            )
        )


def _link(arguments: argparse.Namespace) -> str:
    from obs_core.reading.execution import load_execution
    from obs_ui.index import address_of
    from obs_ui.links import Links, default_secret_file

    if len(arguments.given) > 2:
        raise CommandError("obs ui link takes one execution; its store is that of --store")
    check_folder(arguments.store)
    store = open_store(arguments.store)
    seconds = age_in_seconds(arguments.lasting)
    if not 0 < seconds <= _LONGEST_LINK:
        raise CommandError(f"--for must be between 1s and 366d, got {arguments.lasting}")
    execution_id = load_execution(arguments.given[1] if arguments.given[1:] else "last", store).id
    links = Links(arguments.secret_file or default_secret_file())
    ticket = links.ticket(address_of(store), execution_id, seconds)
    base = (arguments.url or ui_url() or "http://127.0.0.1:8642").rstrip("/")
    return f"{base}/links/{ticket}/executions/{execution_id}"


_LONGEST_LINK = 366 * 86_400.0


def _root_path(given: str) -> str:
    path = given.rstrip("/")
    if path and not re.fullmatch(r"(?:/[A-Za-z0-9._~-]+)+", path):
        raise CommandError(f"--root-path is a path such as /obs, got {given!r}")
    return path


def _header(given: str) -> str:
    if given and not re.fullmatch(r"[A-Za-z0-9-]{1,100}", given):
        raise CommandError(f"--user-header is the name of a header such as X-Forwarded-User, got {given!r}")
    return given


def _network(given: str) -> Network:
    try:
        return ipaddress.ip_network(given, strict=False)
    except ValueError:
        raise CommandError(f"--trusted-proxy is an address or a network such as 10.0.0.0/8, got {given!r}") from None


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
        ("obs site public --name flights --since 30d -n 0", "all runs of one name in the last 30 days"),
    )

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("out", metavar="OUT", help="the folder; changes are written, what is gone is removed")
        add_filters(parser, limit=500)
        parser.add_argument("--reports", action="store_true", help="add each report and trace as a file to download")

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
