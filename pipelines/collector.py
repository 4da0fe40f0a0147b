"""The garbage collector of a worker process."""

import gc

NEW_OBJECTS = 5_000_000
"""Containers made, less those freed, before the collector looks for cycles among them."""


def settle_garbage_collector() -> None:
    """Call once the dataflow is built: what stands now lives for good.

    What flows is freed by reference counting; it makes no cycles. With the default thresholds a
    fifth of the time went into looking for some among events that merely waited in queues.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, 20, 1000)
