"""``obs gc``: remove old executions; ``obs pin``: keep one."""

from __future__ import annotations

import argparse

import msgspec

from obs_core.commands.base import EXECUTION_HELP, Command, CommandError, age_in_seconds, check_folder
from obs_core.commands.printed_json import json_document, json_line
from obs_core.reading.garbage import Keep, parse_keep, pin, pinned, sweep, unpin
from obs_core.settings import keep_text
from obs_core.store import open_store
from obs_core.text.numbers import byte_size, plural


class CollectGarbage(Command):
    """Remove old executions, and shared content that no execution needs any more."""

    name = "gc"
    summary = "remove old executions"
    examples = (
        ("obs gc --keep 30d,1000", "remove what is older than 30 days, and all but the newest 1,000 of each name"),
        ("obs gc --older-than 90d --dry-run", "show what is older than 90 days, even the last good runs"),
    )

    def configure(self, parser: argparse.ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument(
            "--keep",
            metavar="AGE,COUNT",
            help="what to keep: an age, a number of executions of each name, or both; default: OBS_KEEP."
            " The last good one of each name stays",
        )
        which.add_argument("--older-than", metavar="AGE", help="remove everything older: 30d, 12h, 2w")
        parser.add_argument("--dry-run", action="store_true", help="only print what would be removed")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def run(self, arguments: argparse.Namespace) -> int:
        check_folder(arguments.store)
        swept = sweep(open_store(arguments.store), _kept(arguments), dry_run=arguments.dry_run)
        if arguments.json:
            print(json_document(self.name, {**msgspec.structs.asdict(swept), "dry_run": arguments.dry_run}))
            return 0
        verb = "would remove" if arguments.dry_run else "removed"
        for execution_id in swept.executions:
            print(execution_id)
        running = f"; left {plural(swept.running, 'running one')} alone" if swept.running else ""
        print(
            f"{verb} {plural(len(swept.executions), 'execution')} and {plural(swept.shared, 'shared file')},"
            f" {byte_size(swept.size)}{running}"
        )
        return 0


def _kept(arguments: argparse.Namespace) -> Keep | float:
    if arguments.older_than is not None:
        return age_in_seconds(arguments.older_than)
    given = keep_text() if arguments.keep is None else arguments.keep
    if not given and arguments.keep is None:
        raise CommandError("say what to keep: --keep 30d,1000 or OBS_KEEP, or --older-than 30d")
    try:
        return parse_keep(given)
    except ValueError as error:
        raise CommandError(str(error)) from None


class Pin(Command):
    """Keep an execution whatever `obs gc` removes."""

    name = "pin"
    summary = "keep an execution, such as a reference, whatever obs gc removes"
    examples = (
        ("obs pin flights", "keep the newest execution of this name"),
        ("obs pin", "list what is pinned"),
    )

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("id", metavar="ID", nargs="?", help=f"{EXECUTION_HELP}; default: list what is pinned")
        parser.add_argument("--remove", action="store_true", help="unpin it")
        parser.add_argument("--json", action="store_true", help="one JSON object per line")

    def run(self, arguments: argparse.Namespace) -> int:
        from obs_core.reading.execution import load_execution

        check_folder(arguments.store)
        store = open_store(arguments.store)
        if arguments.id is None:
            if arguments.remove:
                raise CommandError("name the execution to unpin: obs pin ID --remove")
            kept = pinned(store)
            for execution_id in kept:
                print(self._told(execution_id, True) if arguments.json else execution_id)
            if not kept and not arguments.json:
                print("no execution is pinned")
            return 0
        execution_id = load_execution(arguments.id, store).id
        if arguments.remove:
            unpin(store, execution_id)
        else:
            pin(store, execution_id)
        if arguments.json:
            print(self._told(execution_id, not arguments.remove))
        else:
            print(f"{execution_id} is {'not pinned any more' if arguments.remove else 'pinned'}")
        return 0

    def _told(self, execution_id: str, is_pinned: bool) -> str:
        return json_line(self.name, {"id": execution_id, "pinned": is_pinned})
