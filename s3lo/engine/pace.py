"""Pace: how many requests a second may begin while the service throttles. A pure decision.

free     no limit
easing   a moment without any, when several were refused at once: what was under way is answered
held     what the service had let through in a second. It quickens a little at first and ever more
         while nothing is refused, until it limits nothing; at a refusal it falls back
tried    several times what it was held at, for a few answers

So it follows what the service gives, be it a rate that a fleet shares or too few connections. Where
as much is refused at a slower pace, and no more than may be by chance, the service does not mind the
pace: it is free again, and for a while whatever is refused but for much more. A share that was measured on the first few
requests proves little: where half of them were refused by chance, each later refusal let the pace
fall, to 20 requests a second for seconds. So where it has become slow and is refused all the same, a
trial shows whether it matters. 256 MiB from an origin that serves 50 requests a second took 2.6 s
when the window of parts in flight was halved instead, and 0.9 s since.
"""

from __future__ import annotations

import math
from collections import deque
from enum import Enum, auto

LOOK_BACK_SECONDS = 0.5
"""What counts as now."""
SHORTEST_LOOK_SECONDS = 0.15
DECIDE_SECONDS = 0.2
EASING_SECONDS = 0.05
BEHIND_SECONDS = 0.03
"""What may be made up for of moments when a request was due and none began."""
LEAST_SHARE = 0.1
ENOUGH_REFUSALS = 12
"""Fewer may be chance, and need no change of pace. Five, where they were half of what was asked for, were
once taken for throttling: where a fifth is refused by chance, that is one pull in twenty."""
SURE_SHARE = 0.5
LEAST_LET_THROUGH = 0.1
"""Taken for the share that is, at first: the moment may have been a bad one."""
QUICKENING = 0.15
"""Once more with each quiet moment."""
MOST_QUICKENING = 1.5
LEAST_QUICKENING_PER_SECOND = 3.0
"""So many requests a second more in any case, which lets those catch up that were held at too few: of eight,
those held at two a second had most of their work before them when the others were done."""
FALLING_BACK = 0.95
"""Of what was let through."""
HOLDING_HELPS = 0.7
"""The share of refusals, to that before, below which it does."""
MOST_BY_CHANCE = 0.6
"""The share of refusals above which a service is too busy, whatever its share was before. That is measured
too low where it gave more for a second before it began to refuse: a fleet that then took its refusals for
chance asked, in simulation, for thirteen times what it needed."""
ENOUGH_ANSWERS = 16
"""To tell two shares apart."""
TRIAL_ANSWERS = 10
"""At several times the pace most are refused where a service minds it: few of them tell."""
DOUBTFUL_SHARE = 0.15
HAS_FALLEN = 0.33
"""Of the pace that it was first held at. Refused by a share that is doubtful, it is tried. A trial of one in a
fleet mostly passes, for the others give way meanwhile: eight ask for 1.42 of what they need, for 1.54
where it is tried at half already, for 1.34 without trials; they take as long."""
TRIAL_QUICKENING = 4.0
"""Of what it was held at."""
TRIAL_PASSES = 1.5
"""The share of refusals, to that before, up to which a quicker pace changed nothing."""
QUIET_MOMENTS = 3
FREE_SECONDS = 5.0
MOST_FREE_SECONDS = 60.0
LEAST_PER_SECOND = 1.0
IS_SLOWER = 0.9
"""Than the pace at which the share before was measured: at no slower one it says nothing that the same share
is refused. One client alone asked, in simulation, for 2.7 of what it needed."""


class _State(Enum):
    FREE = auto()
    EASING = auto()
    HELD = auto()
    TRIED = auto()


class Pace:
    """Told when a request begins and when one is refused; says how long the next has to wait.

    Moments are seconds of one clock.
    """

    def __init__(self) -> None:
        self.throttled = 0
        """Refusals, ever."""
        self.reason = ""
        """Of the last beginning or end, in words."""
        self._state = _State.FREE
        self._per_second = math.inf
        self._next_at = -math.inf
        self._decide_at = -math.inf
        self._is_limiting = False
        """Since the last decision, a request had to wait."""
        self._free_until = -math.inf
        self._free_seconds = FREE_SECONDS
        self._lately = _Lately()
        self._begun = 0
        self._refused = 0
        self._share_before = 0.0
        """Refused, of what was begun, at another pace."""
        self._pace_before = 0.0
        """That pace: requests a second."""
        self._first_held_at = 0.0
        self._checks_until_trial = self._checks = 2
        """More with each trial that failed, or let it go in error: a fleet's members would disturb each
        other."""
        self._quiet_moments = 0

    @property
    def is_free(self) -> bool:
        return self._state is _State.FREE

    @property
    def seconds_apart(self) -> float:
        """From one request that may begin to the next; 0 where there is no limit."""
        return 1 / self._per_second

    def seconds_until_next(self, now: float) -> float:
        """How long until another request may begin; 0 where it may now."""
        if self.is_free or self._next_at <= now:
            return 0.0
        self._is_limiting = True
        return self._next_at - now

    def on_begun(self, now: float) -> None:
        self._lately.begun.append(now)
        self._begun += 1
        if self.is_free:
            self._lately.forget(now)
        else:
            self._next_at = max(self._next_at, now - BEHIND_SECONDS) + 1 / self._per_second

    def on_throttled(self, now: float) -> None:
        self.throttled += 1
        self._lately.refused.append(now)
        self._refused += 1
        if self.is_free and self._is_throttled(now):
            if now < self._free_until:
                self._checks_until_trial *= 2
            self._state = _State.EASING
            self._per_second = LEAST_PER_SECOND
            self._next_at = self._decide_at = now + EASING_SECONDS

    def on_time(self, now: float) -> bool:
        """To be called a few times a second; returns whether it began or ended to hold back."""
        if self.is_free or now < self._decide_at:
            return False
        before = self._state
        self._decide(now)
        self._is_limiting = False
        return self._state is not before

    def _is_throttled(self, now: float) -> bool:
        if now >= self._free_until:
            return self._lately.is_throttled(now)
        # It was let go, and might have been in error: then much more is refused than was before.
        most = max(SURE_SHARE, TRIAL_PASSES * self._share_before)
        return (
            self._lately.refused_share(now) >= most and len(self._lately.refused) >= ENOUGH_ANSWERS
        )

    def _decide(self, now: float) -> None:
        if self._state is _State.EASING:
            self._share_before = self._lately.refused_share(now)
            self._begun = self._refused = 0
            self._quiet_moments = round(MOST_QUICKENING / QUICKENING)
            self._pace_before = self._lately.begun_per_second(now)
            self._hold(self._pace_before * max(LEAST_LET_THROUGH, 1 - self._share_before), now)
            self._first_held_at = self._per_second
            self.reason = f"the service throttles: now {self._per_second:.0f} requests a second"
        elif self._begun >= self._enough_answers:
            share = self._refused / self._begun
            self._begun = self._refused = 0
            (self._end_trial if self._state is _State.TRIED else self._check)(share, now)
        elif self._state is _State.HELD:
            self._follow(now)

    @property
    def _enough_answers(self) -> int:
        return TRIAL_ANSWERS if self._state is _State.TRIED else ENOUGH_ANSWERS

    def _check(self, share: float, now: float) -> None:
        """Whether it helps to be held, with what was refused since."""
        self._checks -= 1
        has_fallen = self._per_second < HAS_FALLEN * self._first_held_at
        is_slower = self._per_second < IS_SLOWER * self._pace_before
        if share > MOST_BY_CHANCE:
            self._follow(now)
        elif is_slower and share > HOLDING_HELPS * self._share_before:
            self._give_in(share, now)
        elif share >= DOUBTFUL_SHARE and has_fallen and self._checks <= 0:
            self._share_before, self._pace_before = share, self._per_second
            self._hold(TRIAL_QUICKENING * self._pace_before, now)
            self._state = _State.TRIED
            self.reason = (
                f"refused all the same: {self._per_second:.0f} requests a second for a try"
            )
        else:
            self._follow(now)

    def _end_trial(self, share: float, now: float) -> None:
        if share <= TRIAL_PASSES * self._share_before:
            self._give_in(share, now)
            return
        self._checks_until_trial *= 2
        self._checks = self._checks_until_trial
        held_at = self._pace_before
        self._share_before, self._pace_before = share, self._per_second
        self._hold(held_at, now)
        self.reason = f"more is refused then: {self._per_second:.0f} requests a second again"

    def _follow(self, now: float) -> None:
        """What the service lets through."""
        if self._lately.is_refused_since(now - DECIDE_SECONDS):
            self._quiet_moments = 0
            served = 1 - self._lately.refused_share(now)
            self._hold(FALLING_BACK * served * self._lately.begun_per_second(now), now)
        elif self._is_limiting and not self._lately.is_begun_since(
            self._decide_at - DECIDE_SECONDS
        ):
            self._decide_at = now + DECIDE_SECONDS
        elif not self._is_limiting and self._quiet_moments >= QUIET_MOMENTS:
            self._let_go("the service throttles no more")
        else:
            self._quiet_moments += 1
            growth = min(MOST_QUICKENING - 1, QUICKENING * self._quiet_moments)
            more = max(LEAST_QUICKENING_PER_SECOND, growth * self._per_second)
            self._hold(self._per_second + more, now)

    def _give_in(self, share: float, now: float) -> None:
        self._share_before = share
        self._free_until = now + self._free_seconds
        self._free_seconds = min(2 * self._free_seconds, MOST_FREE_SECONDS)
        self._checks = self._checks_until_trial
        self._let_go("a slower pace is refused as much")

    def _hold(self, per_second: float, now: float) -> None:
        self._state = _State.HELD
        self._per_second = max(LEAST_PER_SECOND, per_second)
        self._next_at = min(self._next_at, now + 1 / self._per_second)
        self._decide_at = now + DECIDE_SECONDS

    def _let_go(self, why: str) -> None:
        self._state = _State.FREE
        self._per_second = math.inf
        self.reason = f"{why}: now as many requests as fit"


class _Lately:
    """The moments of what began and of what was refused, as far as one looks back."""

    def __init__(self) -> None:
        self.begun: deque[float] = deque()
        self.refused: deque[float] = deque()

    def forget(self, now: float) -> None:
        for moments in (self.begun, self.refused):
            while moments and moments[0] < now - LOOK_BACK_SECONDS:
                moments.popleft()

    def is_throttled(self, now: float) -> bool:
        return self.refused_share(now) >= LEAST_SHARE and len(self.refused) >= ENOUGH_REFUSALS

    def is_refused_since(self, moment: float) -> bool:
        return bool(self.refused) and self.refused[-1] >= moment

    def is_begun_since(self, moment: float) -> bool:
        return bool(self.begun) and self.begun[-1] >= moment

    def refused_share(self, now: float) -> float:
        self.forget(now)
        return min(1.0, len(self.refused) / max(1, len(self.begun)))

    def begun_per_second(self, now: float) -> float:
        self.forget(now)
        since = now - self.begun[0] if self.begun else 0.0
        return len(self.begun) / max(SHORTEST_LOOK_SECONDS, since)
