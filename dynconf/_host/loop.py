"""The event loop of a host's thread: no connection outlives it."""

import asyncio
from typing import Any
from weakref import WeakSet


class Loop(asyncio.SelectorEventLoop):
    """Knows the connections that were opened in it, and closes those that nobody closed.

    Whoever should have may have been cancelled first, as by a stop whose time is up. What is then left
    would stay open until it is collected as garbage, with a warning.
    """

    def __init__(self) -> None:
        super().__init__()
        self._connections: WeakSet[asyncio.BaseTransport] = WeakSet()

    async def create_connection(self, *args: Any, **kwargs: Any) -> Any:
        """Open a connection, as any loop."""
        made = await super().create_connection(*args, **kwargs)
        self._connections.add(made[0])
        return made

    async def create_unix_connection(self, *args: Any, **kwargs: Any) -> Any:
        """Likewise."""
        made = await super().create_unix_connection(*args, **kwargs)
        self._connections.add(made[0])
        return made

    def close(self) -> None:
        """End what is still open, without waiting for anybody, and be closed; again is fine."""
        try:
            if self._connections and not self.is_closed():
                for connection in list(self._connections):
                    if isinstance(connection, asyncio.WriteTransport):
                        connection.abort()
                self.call_soon(self.stop)  # after the round in which they end, and those closed just now
                self.run_forever()
        finally:
            super().close()
