"""How a worker process keeps its interpreter quick: two costs that a dataflow needn't pay."""

import ctypes
import gc
import threading

NEW_OBJECTS = 5_000_000
"""Containers made, less those freed, before the collector looks for cycles among them."""

_kept = threading.local()


def settle_garbage_collector() -> None:
    """Call once the dataflow is built: what stands now lives for good.

    What flows is freed by reference counting; it makes no cycles. With the default thresholds a
    fifth of the time went into looking for some among events that merely waited in queues.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, 20, 1000)


def keep_thread_state() -> None:
    """Call in a thread of the engine: its Python thread state is kept until the process ends.

    The engine takes the interpreter anew for each call, and Python throws a foreign thread's
    state away whenever it is let go, with its stack: thousands of small maps and unmaps a second,
    an eighth of the time of a run. One more claim that is never given back keeps it.
    """
    if not getattr(_kept, "claimed", False):
        ctypes.pythonapi.PyGILState_Ensure()
        _kept.claimed = True
