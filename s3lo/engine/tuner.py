"""Tuner: looks for the width at which bytes come fastest. A pure decision on samples.

    begin   with as many as can keep the CPUs busy; where these idle all the same after a moment, for
            the service takes its time, as many as the target needs, or few where that is a guess
    climb   twice as wide, and where as much more came as wide as what is aimed at needs at what a
            connection gives, up to 16 times, as long as that pays and the CPUs have time for more. Where
            they have none and as much more came all the same, half as wide again, and no further
    narrow  where it did not pay, at once, as long as that costs nothing. Not where the CPUs have no time:
            there what comes says too little, and it stays as wide as brought the most
    hold    where it stopped, trying a bit wider and a bit narrower by turns, ever less often while
            nothing changes: what is given up when narrower is no slower costs nobody anything, and is
            taken back where in the long run it does. Where the CPUs have no time only narrower is tried,
            unless it brought less in proportion: then wider, too

A sample is the goodput over a moment during which the window was full, once something has come over
nearly all of its connections and what was in flight beyond it is done. That wider brought more is
believed when it does so twice, or in proportion and not after a lull, and when more came since it was
widened, lulls included: what had waited somewhere, be it behind a lost packet or for a reader that held
its socket and had no CPU, comes but once. Narrower is given up when two samples say that it costs
something. A link that is shared by more than fill it costs CPU time, for each sends smaller packets then:
4 GiB over 2 Gbit/s took 12.4 CPU seconds with 8 in flight throughout, 17.7 with 16 and 19.5 with 200.
Paid for with the same origin and 8 MB/s a connection: awscrt, which opens 25 for its default target and
stays there, and this, which finds hundreds.
"""

from __future__ import annotations

from enum import Enum, auto

from s3lo.engine.cpu_use import CpuShare
from s3lo.engine.sample import Sample, Standing

BEGIN_SECONDS = 0.025
"""In which CPUs that are the limit have something to do; no service far away has answered by then."""
IDLE_SHARE = 0.5
"""Of the CPUs' time that is in use at first: less, and others are what is waited for."""
BUSY_SHARE = 0.85
"""Of the CPUs' time that is in use: more, and they are the limit. On two cores 4 x 1 GiB took
0.89 of the time with 4 in flight throughout, to what it took with a climb from there."""
SETTLE_SECONDS = 0.05
"""After a change, before goodput is looked at."""
CLIMB_SETTLE_SECONDS = 0.01
"""In a climb: both CPUs are idle meanwhile. With 50 ms and samples of 100 they were that for half a second
of 4 GiB at 8 MB/s a connection, which take 0.96 of the time now."""
SETTLED_SHARE = 0.95
"""Of the width that is connected before goodput is looked at: 300 connections took half a second to
make, and what they brought meanwhile said that 300 are no better than 150, which brought half."""
LONGEST_SETTLE_SECONDS = 1.0
SAMPLE_SECONDS = 0.1
DOUBT_SETTLE_SECONDS = 0.15
"""In a climb, where more came but not in proportion: it may be what had waited in queues, and ends."""
LEAST_SAMPLE_SECONDS = 0.04
"""In a climb, where connections bring something so soon that this is many round trips."""
DOUBLING_PAYS = 1.25
"""The least goodput, to that before, that makes twice the width worth having."""
IN_PROPORTION = 0.8
"""Of what each connection gave before: what it still gives where nothing is shared."""
RISES = 1.05
WIDER_PAYS = 1.08
NARROWER_COSTS_NOTHING = 0.975
LASTS = 0.985
"""Of what a wider one brought, over a second and more: less, and narrower does cost something."""
STEP = 1.5
MOST_AT_ONCE = 16
LEAST_WIDTH = 2
NARROW_ENOUGH = 8
"""No narrower is tried where the CPUs have time. 4 GiB over a link of 2 Gbit/s and 10 ms took 8.5 CPU seconds
with two to five and 9.0 with eight, but 0.988 of the time: of three one that has lost a packet is missed."""
FIRST_REST_SECONDS = 1.0
LONGEST_REST_SECONDS = 16.0


class _Phase(Enum):
    BEGIN = auto()
    CLIMB = auto()
    REST = auto()
    COMPARE = auto()
    TRY = auto()


class Tuner:
    """``observe`` it many times a second; ``width`` is what it wants."""

    def __init__(self, initial: int, wanted: int, most: int, aim_gbps: float, cpus: int) -> None:
        """``initial``: what keeps ``cpus`` busy; ``wanted``: what to go on with where they are not."""
        self.width = min(initial, most)
        self._wanted = min(wanted, most)
        self._most = most
        self._aim = aim_gbps * 1e9 / 8
        """Bytes per second."""
        self._cpus = cpus
        self._phase = _Phase.BEGIN
        self._settled_at: float | None = None
        """From when on a sample may begin."""
        self._sample: Sample | None = None
        self._began_idle = False
        self._has_time = True
        """The CPUs, in the last sample."""
        self._base = (self.width, 0.0)
        """The width to fall back to, and its goodput in bytes per second."""
        self._earlier = 0.0
        """Goodput of the sample before of this width, which did not decide; 0 where there was none. One more
        decides, for a moment proves little; and another while there is more each time."""
        self._turned: Standing | None = None
        """How things were when the width was last changed."""
        self._goes_up = True
        self._lacks_connections = False
        """Of fewer each gave no more when that was last tried, whatever the CPUs had to do."""
        self._given_up: list[tuple[int, float]] = []
        """Widths for which narrower ones, no slower for a moment, were taken, and their goodput."""
        self._least = LEAST_WIDTH
        """No narrower is tried: where one was taken back, the width that came in its place."""
        self._rest_seconds = FIRST_REST_SECONDS
        self._rest_until = 0.0
        self.reason = ""
        """Of the last change, in words."""
        self.connection_bytes_per_second = 0.0
        """What each gave in the last sample; 0 before."""

    @property
    def looks_at(self) -> float:
        """Before that moment it need not be told anything."""
        if self._phase is _Phase.REST:
            return self._rest_until
        if self._sample:
            return self._sample.due_at
        return self._settled_at or 0.0

    def observe(self, standing: Standing) -> None:
        """How things are with a window that has been full."""
        now = standing.moment
        if standing.bytes_ == 0 and self._phase is _Phase.CLIMB:
            self.disturbed()
        elif self._phase is _Phase.REST:
            if now >= self._rest_until:
                self._enter(_Phase.COMPARE)
        elif self._settled_at is None:
            self._settled_at = now + self._settle_seconds()
            if self._phase is _Phase.BEGIN:  # nothing has come, and only the CPUs are looked at
                self._sample = Sample(standing, BEGIN_SECONDS, most_prolonged=0)
        elif self._sample is None:
            if self._is_settled(standing, self._settled_at):
                self._sample = Sample(standing, self._sample_seconds(now))
        elif self._sample.is_complete(standing):
            self._decide(self._sample.begun, standing)

    def _settle_seconds(self) -> float:
        if self._phase is not _Phase.CLIMB:
            return SETTLE_SECONDS
        return DOUBT_SETTLE_SECONDS if self._earlier else CLIMB_SETTLE_SECONDS

    def _sample_seconds(self, now: float) -> float:
        """In a climb twice what it took until something came over the new connections."""
        if self._phase is not _Phase.CLIMB or self._earlier or not self._turned:
            return SAMPLE_SECONDS
        waited_seconds = now - self._turned.moment
        return min(SAMPLE_SECONDS, max(LEAST_SAMPLE_SECONDS, 2 * waited_seconds))

    def _is_settled(self, standing: Standing, since: float) -> bool:
        if standing.in_flight > self.width:
            return False
        is_connected = standing.connections >= SETTLED_SHARE * self.width
        return standing.moment >= since + (0 if is_connected else LONGEST_SETTLE_SECONDS)

    def disturbed(self) -> None:
        """The window was not full, or its width not the tuner's: what was measured says nothing."""
        self._sample = self._settled_at = None

    def _decide(self, before: Standing, after: Standing) -> None:
        self.disturbed()
        width = self.width
        seconds = after.moment - before.moment
        goodput = after.goodput_since(before)
        lasting = after.goodput_since(self._turned) if self._turned else goodput
        self.connection_bytes_per_second = goodput / self.width
        used = after.cpu_use.share_since(before.cpu_use, seconds, self._cpus)
        self._has_time = not used.reaches(BUSY_SHARE)
        if self._phase is _Phase.BEGIN:
            self._begin(used)
        elif self._phase is _Phase.CLIMB:
            self._climb(goodput, lasting, after.moment)
        elif self._phase is _Phase.COMPARE:
            self._compare(goodput, lasting, after.moment)
        else:
            self._tried(goodput, lasting, after.moment)
        if self.width != width:
            self._turned = after

    def _begin(self, used: CpuShare) -> None:
        if not used.reaches(IDLE_SHARE) and self.width < self._wanted:
            self.reason = f"{self.width} in flight left the CPUs idle: now {self._wanted}"
            self.width = self._wanted
            self._began_idle = True
        self._enter(_Phase.CLIMB)

    def _climb(self, goodput: float, lasting: float, now: float) -> None:
        """``lasting``: goodput since the width was changed, lulls included."""
        width, before = self._base
        in_proportion = self._is_in_proportion(goodput)
        least = DOUBLING_PAYS * before
        is_twice = self._earlier >= least and lasting >= RISES * before
        is_sure = not before or is_twice or (in_proportion and lasting >= least)
        if goodput >= least and is_sure:
            self._base = (self.width, goodput)
            self._earlier = 0.0
            self._climb_on(goodput, now, in_proportion=in_proportion, is_first=not before)
        elif goodput > RISES * self._earlier:
            self._earlier = goodput
        else:
            self._goes_up = False
            if self._has_time:
                self._try_beside(width, before, goodput)
            else:
                # As wide as brought more. To try narrower at once kept CPUs from what they had to hash:
                # 4 GiB at 8 MB/s a connection took 1.04 of the time.
                rose = goodput >= RISES * before
                self._settle(self.width if rose else width, goodput, now)

    def _climb_on(self, goodput: float, now: float, *, in_proportion: bool, is_first: bool) -> None:
        """From a width that paid."""
        # Where few left the CPUs idle the first sample says only that they are busy now: of 90 MB/s a
        # connection eight did that, a third of the pulls stayed there, and got 0.8 of what 12 bring.
        may_double = self._has_time or (is_first and self._began_idle)
        if may_double and self.width < self._most:
            self._turn(self._next_climb(goodput, in_proportion=in_proportion), goodput)
        elif in_proportion:
            # They do more at once when there is more to do. By no more than that, for what comes sooner
            # than it can be hashed only waits: of 25 MB/s a connection 102 brought twice as much as
            # 51, but with half as many again instead of 204 a pull took 0.97 of the time.
            self._settle(self._next_try(self.width), goodput, now)
        else:
            self._settle(self.width, goodput, now)

    def _compare(self, goodput: float, lasting: float, now: float) -> None:
        """Begin another trial, if this width has lasted. ``lasting``: goodput since it was taken up."""
        wider, best = self._given_up[-1] if self._given_up else (0, 0.0)
        if self._has_time and lasting < LASTS * best:
            # What three connections lose takes them seconds to make up for (RFC 9438): over 2 Gbit/s with
            # 10 ms they seemed to bring as much as five, and a pull took 1.03 of the time.
            self._given_up.pop()
            self._least = wider
            self._settle(wider, lasting, now)
        else:
            self._goes_up = self._goes_up and (self._has_time or self._lacks_connections)
            self._try_beside(self.width, goodput, goodput)

    def _tried(self, goodput: float, lasting: float, now: float) -> None:
        width, before = self._base
        if self._goes_up:
            pays = goodput >= WIDER_PAYS * before and lasting >= RISES * before
        else:
            pays = goodput >= NARROWER_COSTS_NOTHING * before
        if self.width != width and pays == self._goes_up and not self._earlier:
            self._earlier = goodput  # more in flight needs two samples, be it wider or not narrower
        elif self.width == width or not pays:
            if not self._goes_up:
                self._lacks_connections = self._is_at_most_in_proportion(goodput)
            self._goes_up = not self._goes_up
            self._rest_seconds = min(2 * self._rest_seconds, LONGEST_REST_SECONDS)
            self._settle(width, goodput, now)
        else:
            self._go_on(before, goodput, now)

    def _go_on(self, before: float, goodput: float, now: float) -> None:
        """With the width that was tried and paid."""
        self._rest_seconds = FIRST_REST_SECONDS
        if not self._goes_up:
            self._given_up.append(self._base)
            self._try_beside(self.width, max(before, goodput), goodput)
            return
        self._given_up.clear()
        self._least = LEAST_WIDTH
        if goodput >= DOUBLING_PAYS * before:
            # By no more than twice: 12 in flight once brought what had waited for 8, and became 47.
            self._base = (self.width, goodput)
            self._enter(_Phase.CLIMB)
            self._turn(self._next_climb(goodput, in_proportion=False), goodput)
        else:
            self._settle(self.width, goodput, now)

    def _try_beside(self, width: int, best: float, goodput: float) -> None:
        """A bit more or less than a width, held to the ``best`` that this one brought, or a wider one."""
        self._base = (width, best)
        self._enter(_Phase.TRY)
        self._turn(self._next_try(width), goodput)

    def _is_in_proportion(self, goodput: float) -> bool:
        """Whether as much more came as it is wider than before; not where nothing had come."""
        width, before = self._base
        return goodput >= IN_PROPORTION * self.width / width * before > 0

    def _is_at_most_in_proportion(self, goodput: float) -> bool:
        """Whether as much less came as it is narrower than before."""
        width, before = self._base
        return self.width < width and IN_PROPORTION * goodput <= self.width / width * before

    def _next_climb(self, goodput: float, *, in_proportion: bool) -> int:
        """A link that is full gives each connection little, too: only what came ``in_proportion``
        proves that connections are slow, and opens very many at once. On a link of 1 Gbit/s 338 were
        opened once, and their losses cost half a second."""
        if not in_proportion:
            return min(self._most, 2 * self.width)
        needed = self._aim / max(1.0, goodput / self.width)
        least, most = 2 * self.width, MOST_AT_ONCE * self.width
        return min(self._most, round(min(max(least, needed), most)))

    def _next_try(self, width: int) -> int:
        if self._goes_up:
            return min(self._most, max(width + 1, round(width * STEP)))
        least = max(self._least, NARROW_ENOUGH) if self._has_time else self._least
        return max(min(least, width), round(width / STEP))

    def _settle(self, width: int, goodput: float, now: float) -> None:
        if width != self.width:
            self._turn(width, goodput)
        self._rest_until = now + self._rest_seconds
        self._enter(_Phase.REST)

    def _turn(self, width: int, goodput: float) -> None:
        self.reason = f"{self.width} in flight brought {goodput * 8 / 1e9:.2f} Gbit/s: now {width}"
        self.width = width

    def _enter(self, phase: _Phase) -> None:
        self._phase = phase
        self._earlier = 0.0
        self.disturbed()
