"""What gevent and eventlet make of the standard library, which is nothing that a host can live in."""

import sys

from dynconf.errors import UsageError

# An event loop and the threads beside it are built of these. gevent knows each module by itself, eventlet
# knows groups of them, by names of its own.
_MODULES = ("threading", "queue", "select", "selectors", "socket")
_GROUPS = ("thread", "select", "socket")
# Only who has chosen that class of workers imports this. Those are patched some time after the fork, which
# is too late for what was started before, as with --preload.
_WORKER = "gunicorn.workers.ggevent"


def refuse_greenlets() -> None:
    """Raise unless threads are threads, and a selector waits for its own thread only.

    Where they are greenlets, the host's event loop runs on the thread of the code that waits for it, and
    each blocks the other: everything would hang, or fail in places that tell nothing.

    Raises:
        UsageError: naming who replaces what, and what to do.
    """
    if who := _patcher():
        raise UsageError(
            f"dynconf runs an event loop and threads of its own, which it cannot where {who}; run it with "
            "threads or asyncio (gunicorn --worker-class gthread, say, or a worker of uvicorn), or without "
            "monkey-patching"
        )


def _patcher() -> str:
    # Whoever has patched has also imported these; nobody else pays for it.
    gevent, eventlet = sys.modules.get("gevent.monkey"), sys.modules.get("eventlet.patcher")
    if gevent and (what := [name for name in _MODULES if gevent.is_module_patched(name)]):
        return f"gevent has replaced Python's own ({', '.join(what)})"
    if eventlet and (what := [name for name in _GROUPS if eventlet.is_monkey_patched(name)]):
        return f"eventlet has replaced Python's own ({', '.join(what)})"
    return "gunicorn's gevent workers replace Python's own" if _WORKER in sys.modules else ""
