"""One task: its decks, links and attempts."""

from __future__ import annotations

import re

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from obs_core.journal.reader import unpacked
from obs_core.model import TaskView
from obs_core.report.bodies import raw_body
from obs_core.report.tabs import verdict_of
from obs_core.store import Store
from obs_core.store.paths import shared_path
from obs_ui.pages.execution import tasks_of
from obs_ui.security import DECK_POLICY
from obs_ui.site import HERE, site_of
from obs_ui.snapshots import Snapshot

__all__ = ["as_json", "attempts", "deck_alone", "deck_items", "decks", "frame", "shared", "task"]

_DIGEST = re.compile(r"[0-9a-f]{32}", re.ASCII)


def task(request: Request) -> Response:
    """Show a task; with ``part=live`` only what changes while it runs."""
    site = site_of(request)
    snapshot, shown = site.task(request.path_params["execution"], request.path_params["task"])
    part = request.query_params.get("part") == "live"
    return site.page(
        "_task.html" if part else "task.html",
        request,
        execution=snapshot.view,
        task=shown,
        tasks=tasks_of(snapshot),
        attempts=attempts(snapshot, shown),
        decks=list(snapshot.decks(shown)),
        bars=snapshot.loops(shown) if shown.status in ("running", "lost") else [],
        chain=snapshot.chain_of(shown),
        apart=snapshot.apart,
        handled_calls=snapshot.handled_calls,
    )


def attempts(snapshot: Snapshot, task: TaskView) -> list[TaskView]:
    """Return all attempts at one call, in their order; none if there was only one."""
    alike = [one for one in snapshot.tasks if (one.name, one.parent) == (task.name, task.parent)]
    if task not in alike or max(one.attempt for one in alike) == 1:
        return []
    here = next(index for index, one in enumerate(alike) if one is task)
    first = here
    while first > 0 and alike[first - 1].attempt < alike[first].attempt:
        first -= 1
    last = here
    while last + 1 < len(alike) and alike[last + 1].attempt > alike[last].attempt:
        last += 1
    return alike[first : last + 1] if last > first else []


def decks(request: Request) -> Response:
    """Return the labels of a task's decks, each with what changes when the deck does and its verdict, as JSON."""
    snapshot, shown = site_of(request).task(request.path_params["execution"], request.path_params["task"])
    found = []
    for label, deck in snapshot.decks(shown).items():
        verdict = verdict_of(deck)
        said = [] if verdict is None else [verdict.outcome, verdict.what]
        found.append([label, snapshot.fingerprint(shown, deck), *said])
    return as_json({"decks": found, "status": shown.status})


def deck_items(request: Request) -> Response:
    """Return the HTML items of a deck, as JSON; large scripts stand in them by their hashes."""
    snapshot, shown = site_of(request).task(request.path_params["execution"], request.path_params["task"])
    deck = snapshot.decks(shown).get(request.query_params.get("deck", ""))
    if deck is None:
        raise HTTPException(404, "This task has no such deck.")
    return as_json(snapshot.items(shown, deck))


def deck_alone(request: Request) -> Response:
    """Show one deck and nothing else; like everywhere, in a sandboxed frame."""
    site = site_of(request)
    snapshot, shown = site.task(request.path_params["execution"], request.path_params["task"])
    label = request.query_params.get("deck", "")
    if label not in snapshot.decks(shown):
        raise HTTPException(404, "This task has no such deck.")
    return site.page("deck.html", request, execution=snapshot.view, task=shown, label=label)


def shared(request: Request) -> Response:
    """Return a script or style that several decks hold, as plain text."""
    digest = request.path_params["digest"]
    if not _DIGEST.fullmatch(digest):
        raise HTTPException(404, "That is not the hash of a script or style.")
    content = _shared(site_of(request).store, digest)
    lasting = {"Cache-Control": "private, max-age=31536000, immutable"}
    return Response(content, headers=lasting, media_type="text/plain; charset=utf-8")


def _shared(store: Store, digest: str) -> bytes:
    made_here = raw_body(digest)
    if made_here is not None:
        return made_here.encode("utf-8", "surrogatepass")
    try:
        return unpacked(store.get(shared_path(digest)))
    except OSError:
        raise HTTPException(404, "This script or style is not in the store any more.") from None


def frame(_request: Request) -> Response:
    """Return the empty document into which a page writes a deck: what it holds can reach nothing."""
    headers = {"Content-Security-Policy": DECK_POLICY, "Cross-Origin-Resource-Policy": "same-origin"}
    return Response((HERE / "static" / "frame.html").read_bytes(), headers=headers, media_type="text/html")


def as_json(value: object) -> Response:
    """Encode as JSON, whatever the strings hold."""
    try:
        content = msgspec.json.encode(value)
    except UnicodeEncodeError:
        import json

        content = json.dumps(value).encode("ascii")
    return Response(content, media_type="application/json")
