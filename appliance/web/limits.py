"""How often somebody may try: a count within a time, and a delay that grows with failures."""

from __future__ import annotations

from collections import OrderedDict, deque
from ipaddress import IPv6Address, ip_address

REMEMBERED = 256  # addresses; the longest unseen is forgotten first


def origin_of(address: str) -> str:
    """What counts as one visitor: an IPv4 address, or the /64 that an IPv6 host picks from."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    mapped = parsed.ipv4_mapped
    return str(mapped) if mapped is not None else parsed.packed[:8].hex()


class Limit:
    """At most ``count`` within ``seconds``; ``now`` is in monotonic seconds."""

    def __init__(self, count: int, seconds: float) -> None:
        self._count = count
        self._seconds = seconds
        self._taken: deque[float] = deque(maxlen=count)

    def wait(self, now: float) -> float:
        """Seconds until one more is allowed; 0 = now."""
        if len(self._taken) < self._count:
            return 0.0
        return max(0.0, self._taken[0] + self._seconds - now)

    def take(self, now: float) -> None:
        """One more was done."""
        self._taken.append(now)

    def forgive(self) -> None:
        """The last one does not count."""
        if self._taken:
            self._taken.pop()


class Limits:
    """One limit for each origin, and one for all of them together."""

    def __init__(self, each: int, together: int, seconds: float) -> None:
        self._each = each
        self._seconds = seconds
        self._together = Limit(together, seconds)
        self._origins: OrderedDict[str, Limit] = OrderedDict()

    def wait(self, origin: str, now: float) -> float:
        """Seconds until ``origin`` may try once more; 0 = now."""
        limit = self._origins.get(origin)
        own = limit.wait(now) if limit is not None else 0.0
        return max(own, self._together.wait(now))

    def take(self, origin: str, now: float) -> None:
        """``origin`` tried."""
        limit = self._origins.setdefault(origin, Limit(self._each, self._seconds))
        self._origins.move_to_end(origin)
        if len(self._origins) > REMEMBERED:
            self._origins.popitem(last=False)
        limit.take(now)
        self._together.take(now)

    def forgive(self, origin: str) -> None:
        """The last try of all, which was of ``origin``, does not count."""
        limit = self._origins.get(origin)
        if limit is not None:
            limit.forgive()
        self._together.forgive()


class GrowingDelay:
    """After some free failures each further one doubles the wait, up to ``longest`` seconds."""

    def __init__(self, free: int, longest: float) -> None:
        self._free = free
        self._longest = longest
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait(self, origin: str, now: float) -> float:
        """Seconds until ``origin`` may try once more; 0 = now."""
        return max(0.0, self._failures.get(origin, (0, now))[1] - now)

    def failed(self, origin: str, now: float) -> None:
        """``origin`` tried in vain."""
        count = self._failures.pop(origin, (0, 0.0))[0] + 1
        beyond = count - self._free
        delay = min(self._longest, 2.0 ** min(beyond, 30)) if beyond >= 0 else 0.0
        self._failures[origin] = (count, now + delay)
        if len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)

    def succeeded(self, origin: str) -> None:
        """``origin`` is forgiven."""
        self._failures.pop(origin, None)
