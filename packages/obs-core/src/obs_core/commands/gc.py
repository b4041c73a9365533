"""``obs gc``: remove old executions."""

from __future__ import annotations

import argparse

import msgspec

from obs_core.commands.base import Command, age_in_seconds, check_folder
from obs_core.commands.printed_json import json_document
from obs_core.reading.garbage import sweep
from obs_core.store import open_store


class CollectGarbage(Command):
    """Remove old executions, and shared content that no execution needs any more."""

    name = "gc"
    summary = "remove old executions"
    examples = (
        ("obs gc --older-than 30d --dry-run", "what would be removed"),
        ("obs gc --older-than 12h --store /data/obs", "in another store"),
    )

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--older-than", required=True, metavar="AGE", help="such as 30d, 12h, 2w")
        parser.add_argument("--dry-run", action="store_true", help="only print what would be removed")
        parser.add_argument("--json", action="store_true", help="as JSON")

    def run(self, arguments: argparse.Namespace) -> int:
        check_folder(arguments.store)
        swept = sweep(open_store(arguments.store), age_in_seconds(arguments.older_than), dry_run=arguments.dry_run)
        if arguments.json:
            print(json_document(self.name, {**msgspec.structs.asdict(swept), "dry_run": arguments.dry_run}))
            return 0
        verb = "would remove" if arguments.dry_run else "removed"
        for execution_id in swept.executions:
            print(execution_id)
        print(
            f"{verb} {len(swept.executions)} executions and {swept.shared} shared files,"
            f" {swept.size / 1e6:.1f} MB; {swept.running} running ones left alone"
        )
        return 0
