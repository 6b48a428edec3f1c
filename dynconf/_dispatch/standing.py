"""Being told whenever it may stand otherwise with the sources; how it stands is then asked."""

from collections.abc import Callable

from dynconf._dispatch.dispatcher import Dispatcher
from dynconf._dispatch.subscriptions import Subscription


class StandingSubscription(Subscription[bool]):
    """Calls a function when a source's state may be another; many times at once count as one.

    It is also called once after a stop, then on the thread that stops.
    """

    def __init__(self, dispatcher: Dispatcher, function: Callable[[bool], object]) -> None:
        super().__init__(dispatcher, function)
        self._slot: _Slot = _Slot(self)
        dispatcher.add_standing(self._slot)

    def _leave(self) -> None:
        self._dispatcher.discard_standing(self._slot)


class _Slot:
    """Whether there is something new to look at."""

    def __init__(self, subscription: Subscription[bool]) -> None:
        self._subscription = subscription
        self._new = False

    def put(self) -> None:
        """Have it looked at."""
        self._new = True
        self._subscription._wake()

    def stopped(self) -> None:
        """Have it looked at now: nobody will come to do so."""
        self._new = False
        self._subscription(True)

    def take(self) -> bool | None:
        """Whether there is something to look at."""
        new, self._new = self._new, False
        return new or None

    def told(self) -> None:
        """It was looked at."""

    def untake(self) -> None:
        """It was not."""
        self._new = True

    def resumed(self) -> None:
        """Look at how it stands on a new host."""
        self._new = True
        self._subscription._wake()

    def forked(self) -> None:
        """Look anew in a forked child."""
        self._new = True
        self._subscription._forked()
