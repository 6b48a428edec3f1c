"""Which of several servers to ask: a healthy one, dead ones rarely, and none that wants to be left alone."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

from dynconf._http.endpoint import Endpoint
from dynconf.protocols.exchange import Busy
from dynconf.protocols.pacing import Backoff, Restraint


@dataclass(slots=True)
class _Circuit:
    """One server's health: it is left alone until `closed_at`, in seconds of the clock."""

    backoff: Backoff
    restraint: Restraint
    closed_at: float = 0.0


class Circuits:
    """The health of all servers, as far as requests have shown it.

    Args:
        endpoints: the servers; the first is asked first.
        now: seconds that only ever grow.
        random: gives numbers from 0 to 1.
    """

    def __init__(
        self, endpoints: Sequence[Endpoint], now: Callable[[], float], random: Callable[[], float]
    ) -> None:
        self._circuits = {endpoint: _Circuit(Backoff(random), Restraint(now)) for endpoint in endpoints}
        self._now = now
        self._current = endpoints[0]

    def candidates(self) -> Iterator[Endpoint]:
        """The servers to ask in turn until one answers.

        If all have failed of late, it is the one whose pause ends first: how often that happens is
        for the asker's own back-off.

        Raises:
            Busy: all of them want to be left alone; for how long the first of them does.
        """
        now = self._now()
        ring = list(self._circuits)
        start = ring.index(self._current)
        busy = {endpoint: self._circuits[endpoint].restraint.busy() for endpoint in ring}
        ring = [endpoint for endpoint in ring[start:] + ring[:start] if busy[endpoint] is None]
        if not ring:
            raise min(filter(None, busy.values()), key=attrgetter("seconds"))
        healthy = [endpoint for endpoint in ring if self._circuits[endpoint].closed_at <= now]
        yield from healthy or sorted(ring, key=lambda endpoint: self._circuits[endpoint].closed_at)

    def succeeded(self, endpoint: Endpoint) -> None:
        """It answered: stay with it."""
        circuit = self._circuits[endpoint]
        circuit.backoff.succeeded()
        circuit.closed_at = 0.0
        self._current = endpoint

    def failed(self, endpoint: Endpoint) -> None:
        """It did not answer: leave it alone for a while."""
        circuit = self._circuits[endpoint]
        circuit.closed_at = self._now() + circuit.backoff.failed()

    def restrained(self, endpoint: Endpoint, busy: Busy) -> None:
        """It wants to be left alone: it is no candidate for that long, whoever asks."""
        self._circuits[endpoint].restraint.heed(busy)
