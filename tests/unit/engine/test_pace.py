"""The pace: it follows what a service lets through, and minds no refusals that it cannot help."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import pytest

from s3lo import backoff
from s3lo.engine.pace import FREE_SECONDS, Pace

TICK_SECONDS = 0.01
ANSWER_SECONDS = 0.002
"""After which a refusal is there."""


class Client:
    """So many requests, so many in flight, retried as the coordinator does it."""

    def __init__(
        self, requests: int, width: int, busy_seconds: float, *, begins_at: float = 0.0
    ) -> None:
        self.pace = Pace()
        self.begins_at = begins_at
        self.width, self.busy_seconds = width, busy_seconds
        self.fresh, self.in_flight, self.left = requests, 0, requests
        self.failures: dict[int, int] = {}
        self.waiting: list[tuple[float, int]] = []
        self.asked = 0
        self.held: list[float] = []
        """When it was not free."""

    def next_request(self, now: float) -> int | None:
        if now < self.begins_at or self.in_flight >= self.width:
            return None
        if self.pace.seconds_until_next(now):
            return None
        if self.waiting and self.waiting[0][0] <= now:
            return heapq.heappop(self.waiting)[1]
        if not self.fresh:
            return None
        self.fresh -= 1
        return self.fresh

    def refused(self, request: int, now: float) -> None:
        self.pace.on_throttled(now)
        failures = self.failures[request] = self.failures.get(request, 0) + 1
        heapq.heappush(self.waiting, (now + backoff.paced_seconds(failures), request))


@dataclass
class Rate:
    """Serves so many a second, and so many seconds' worth at once."""

    per_second: float
    at_once_seconds: float = 0.1
    at: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.per_second * self.at_once_seconds

    def __call__(self, now: float) -> bool:
        most = self.per_second * self.at_once_seconds
        self.tokens = min(most, self.tokens + (now - self.at) * self.per_second)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@dataclass
class Share:
    """Refuses this share of requests, whatever the pace, up to a moment."""

    refused: float
    until: float = 1e9
    chance: random.Random = field(default_factory=lambda: random.Random(5))

    def __call__(self, now: float) -> bool:
        return now >= self.until or self.chance.random() >= self.refused


@dataclass
class BadBeginning:
    """Serves one in three of the first ten."""

    later: Share
    asked: int = 0

    def __call__(self, now: float) -> bool:
        self.asked += 1
        return self.asked % 3 == 0 if self.asked <= 10 else self.later(now)


def seconds(clients: list[Client], serves: Callable[[float], bool]) -> float:
    """How long the clients take, all at once."""
    answers: list[tuple[float, int, Client, int, bool]] = []
    tick, numbers = 0, count()
    while any(client.left for client in clients):
        now = tick * TICK_SECONDS
        while answers and answers[0][0] <= now:
            at, _, client, request, is_served = heapq.heappop(answers)
            client.in_flight -= 1
            if is_served:
                client.left -= 1
            else:
                client.refused(request, at)
        for client in random.sample(clients, len(clients)):
            client.pace.on_time(now)
            if not client.pace.is_free:
                client.held.append(now)
            while (asked := client.next_request(now)) is not None:
                client.in_flight += 1
                client.asked += 1
                client.pace.on_begun(now)
                is_served = serves(now)
                busy = client.busy_seconds if is_served else ANSWER_SECONDS
                heapq.heappush(answers, (now + busy, next(numbers), client, asked, is_served))
        tick += 1
    return tick * TICK_SECONDS


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("width", "busy_seconds"), [(4, 0.02), (64, 0.2), (16, 0.05)])
def test_a_service_of_so_many_requests_a_second_is_made_full_use_of(
    width: int, busy_seconds: float, seed: int
) -> None:
    random.seed(seed)
    client = Client(1000, width, busy_seconds)
    assert seconds([client], Rate(100)) <= 1.15 * (1000 / 100)
    assert client.asked <= 1.25 * 1000


@pytest.mark.parametrize("seed", range(5))
def test_eight_clients_share_a_service_without_asking_much_in_vain(seed: int) -> None:
    random.seed(seed)
    clients = [Client(256, 32, 0.05) for _ in range(8)]
    assert seconds(clients, Rate(100)) <= 1.3 * (8 * 256 / 100)
    assert sum(client.asked for client in clients) <= 1.5 * 8 * 256


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("requests", [58, 256])
def test_what_a_service_gives_at_first_does_not_mislead_a_fleet(requests: int, seed: int) -> None:
    """Its first second has the share of refusals look small. They then passed for chance: some of a
    fleet asked for four times what they needed, and the others, held at a request or two a second,
    had nearly all before them when those were done: 1.8 of the time it takes."""
    random.seed(seed)
    clients = [Client(requests, 16, 0.05, begins_at=random.uniform(0, 0.5)) for _ in range(8)]
    least = 8 * requests / 100 - 1
    assert seconds(clients, Rate(100, at_once_seconds=1)) <= 0.25 + 1.3 * least
    assert sum(client.asked for client in clients) <= 2 * 8 * requests


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", [0.05, 0.2, 0.3])
def test_refusals_by_chance_cost_little_more_than_asking_again(share: float, seed: int) -> None:
    """Held back for long they once made a pull of three seconds one of ten."""
    random.seed(seed)
    clean = seconds([Client(2000, 16, 0.05)], Share(0))
    assert seconds([Client(2000, 16, 0.05)], Share(share)) <= 1.45 * clean


def test_a_bad_moment_at_the_beginning_does_not_decide_about_the_rest() -> None:
    """Where two thirds of the first requests were refused by chance, and a fifth of the others, a pull
    of three seconds took forty, held at ten requests a second."""
    clean = seconds([Client(300, 2, 0.02)], Share(0))
    took = []
    for seed in range(20):
        random.seed(seed)
        service = BadBeginning(Share(0.2, chance=random.Random(seed)))
        took.append(seconds([Client(300, 2, 0.02)], service))
    assert sum(took) / len(took) <= 6 * clean


@pytest.mark.parametrize("seed", range(5))
def test_it_is_free_again_soon_after_the_last_refusal(seed: int) -> None:
    random.seed(seed)
    client = Client(3000, 16, 0.05)
    rate = Rate(50)
    seconds([client], lambda now: now >= 2 or rate(now))
    assert client.held and client.held[-1] <= 2 + FREE_SECONDS


def test_a_single_refusal_holds_nothing_back() -> None:
    pace = Pace()
    for number in range(10):
        pace.on_begun(number / 100)
    pace.on_throttled(0.1)
    assert pace.is_free
    assert (pace.throttled, pace.seconds_until_next(0.1)) == (1, 0.0)


def test_where_nothing_is_let_through_a_request_a_second_asks_whether_that_is_over() -> None:
    client = Client(50, 50, 0.05)
    took = seconds([client], lambda now: now >= 20)
    assert took <= 28
    assert client.asked <= 50 + 80
