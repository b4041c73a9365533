"""What threads share of obs's own."""

from __future__ import annotations

import sys
import threading
import weakref

from obs_core.locks import members


class Named:
    pass


def test_a_weak_set_can_be_looked_through_while_another_thread_adds_to_it() -> None:
    shared: weakref.WeakSet[Named] = weakref.WeakSet()
    kept = [Named() for _ in range(500)]
    shared.update(kept)
    over = threading.Event()

    def come_and_go() -> None:
        while not over.is_set():
            some = [Named() for _ in range(100)]
            shared.update(some)
            del some

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        for _ in range(100):
            assert set(kept) <= set(members(shared))
    finally:
        over.set()
        thread.join()
        sys.setswitchinterval(interval)
