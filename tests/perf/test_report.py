"""Reports: the figures of a hand-computed outcome in text, JSON and pictures."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perf.machine import Machine
from perf.outcome import Outcome, Run
from perf.report import markdown, overview, plot, read, summary, table, to_json, write
from perf.report.marks import mark
from perf.report.numbers import plain
from perf.report.scale import label, linear, logarithmic
from perf.report.svg import escape

MACHINE = Machine("2026-01-31", "Some <CPU> & more", 2, True, 24, "Linux 6.1", "3.11.7", "ext4")
MIB = 1 << 20


def run(wall_seconds: float, requests: int | None = 12, refused: int = 0) -> Run:
    return Run(wall_seconds, 4.0, 100 * MIB, requests, refused)


# Ratios to awscrt: 2/4, 3/4, 4/4; to skopeo: 2/1, 3/2, 4/5.
OUTCOME = Outcome(
    workload="pull-large",
    about="four blobs of 500 MB",
    payload_bytes=2_000_000_000,
    verified=True,
    checked="every SHA-256",
    conditions="nginx on loopback",
    versions={"awscrt+sha256sum": "0.38", "s3lo": "2.0", "skopeo": "1.9", "rclone": "1.60"},
    rounds=(
        {"s3lo": run(2), "awscrt+sha256sum": run(4), "skopeo": run(1, None)},
        {"s3lo": run(3), "awscrt+sha256sum": run(4), "skopeo": run(2, None)},
        {"s3lo": run(4), "awscrt+sha256sum": run(4), "skopeo": run(5, None), "rclone": run(9)},
    ),
    left_out={"rclone": "exit status 1:\n  <denied> & done"},
)
NO_ROUNDS = replace(OUTCOME, rounds=())


class TestTable:
    def test_contenders_stand_in_the_order_of_their_median_wall(self) -> None:
        assert [name for name, *_ in rows_of(table(OUTCOME))] == [
            *("skopeo", "s3lo", "awscrt+sha256sum")
        ]

    def test_figures_are_those_computed_by_hand(self) -> None:
        skopeo, ours, awscrt = rows_of(table(OUTCOME))
        assert ours[1:] == ["3.00 (2.00 to 4.00)", "5.33", "2.00", "100", "12", "-"]
        assert awscrt[1:3] == ["4.00 (4.00 to 4.00)", "4.00"]
        assert awscrt[-1] == "0.75 (0.50 to 1.00)"
        assert skopeo[-1] == "1.50 (0.80 to 2.00)"

    def test_requests_that_nobody_counted_are_a_dash(self) -> None:
        assert rows_of(table(OUTCOME))[0][5] == "-"

    def test_requests_that_were_refused_are_told_apart(self) -> None:
        throttled = replace(OUTCOME, rounds=({"s3lo": run(2, 12, 5)},), versions={"s3lo": "2.0"})
        assert rows_of(table(throttled))[0][5] == "12 (5 refused)"

    def test_a_contender_left_out_has_a_reason_and_no_row(self) -> None:
        assert "left out: rclone: exit status 1:   <denied> & done" in table(OUTCOME)
        assert "rclone" not in [name for name, *_ in rows_of(table(OUTCOME))]

    def test_without_s3lo_there_are_figures_and_no_ratio(self) -> None:
        rows = rows_of(table(replace(OUTCOME, left_out={"s3lo": "damaged", "rclone": "-"})))
        assert [(name, ratio) for name, *_, ratio in rows] == [
            *(("skopeo", "-"), ("awscrt+sha256sum", "-"))
        ]

    def test_without_a_counted_round_it_says_so(self) -> None:
        assert "no contender has a counted round" in table(NO_ROUNDS)

    def test_a_workload_that_moves_nothing_has_no_cpu_time_per_byte(self) -> None:
        assert rows_of(table(replace(OUTCOME, payload_bytes=0)))[1][3] == "-"

    def test_columns_are_aligned_and_lines_fit(self) -> None:
        name = "docker pull through a registry + a mirror"
        lines = table(renamed(OUTCOME, "skopeo", name)).splitlines()
        assert max(map(len, lines)) <= 110
        start = next(i for i, line in enumerate(lines) if line.split()[:1] == ["wall"])
        ends = [
            len(line) for line in lines[start : start + 5] if line.endswith((")", "ratio", "-"))
        ]
        assert len(ends) == 4
        assert len(set(ends)) == 1

    def test_it_says_what_a_ratio_means(self) -> None:
        assert "below 1, s3lo took less time" in " ".join(table(OUTCOME).split())


class TestSummary:
    def test_a_ratio_with_rounds_on_both_sides_of_one_is_marked(self) -> None:
        line = next(x for x in summary([OUTCOME]).splitlines() if x.startswith("pull-large"))
        assert line.split() == ["pull-large", "0.75", "1.50~", "-"]

    def test_many_peers_go_on_below_within_the_width(self) -> None:
        others = {f"peer-{i}+sha256sum": run(2) for i in range(25)}
        outcome = replace(
            OUTCOME,
            versions={"s3lo": "2", **dict.fromkeys(others, "1")},
            rounds=({"s3lo": run(1), **others},),
        )
        text = summary([outcome])
        assert max(map(len, text.splitlines())) <= 110
        assert text.count("0.50") == 25

    def test_markdown_has_a_row_a_workload(self) -> None:
        other = replace(NO_ROUNDS, workload="push | small")
        assert markdown([OUTCOME, other]).splitlines()[:4] == [
            "| workload | awscrt+sha256sum | skopeo | rclone |",
            "| --- | ---: | ---: | ---: |",
            "| pull-large | 0.75 | 1.50~ | - |",
            "| push \\| small | - | - | - |",
        ]

    def test_of_no_outcome_nothing_breaks(self) -> None:
        assert summary([])
        assert markdown([])


SECONDS = st.integers(1, 10**8).map(lambda ticks: ticks / 10**4)
RUNS = st.builds(Run, SECONDS, SECONDS, st.integers(0, 1 << 40), st.none() | st.integers(0, 10**6))
WORDS = st.dictionaries(st.text(), st.text(), max_size=4)
OUTCOMES = st.builds(
    Outcome,
    *(st.text(), st.text(), st.integers(0, 1 << 50), st.booleans(), st.text(), st.text()),
    versions=WORDS,
    rounds=st.lists(st.dictionaries(st.text(), RUNS, max_size=3), max_size=3).map(tuple),
    left_out=WORDS,
)


class TestDocument:
    @given(st.lists(OUTCOMES, max_size=3))
    def test_what_is_written_is_read(self, outcomes: list[Outcome]) -> None:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "results.json")
            write(path, outcomes, MACHINE)
            document = read(path)
            assert [each.name for each in Path(directory).iterdir()] == [path.name]
        assert document.outcomes == tuple(outcomes)
        assert document.machine == MACHINE
        for found, given_outcome in zip(document.outcomes, outcomes, strict=True):
            assert found.contenders == given_outcome.contenders, "the order tells who is s3lo"

    def test_seconds_are_rounded_to_a_tenth_of_a_millisecond(self) -> None:
        outcome = replace(OUTCOME, rounds=({"s3lo": run(8.551419016999716)},))
        assert '"wall_seconds": 8.5514,' in json.dumps(to_json([outcome], MACHINE))

    def test_another_schema_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "results.json"
        path.write_text('{"schema": 99}')
        with pytest.raises(ValueError, match="schema 99"):
            read(path)

    def test_a_field_that_is_missing_is_named(self, tmp_path: Path) -> None:
        path = tmp_path / "results.json"
        content = to_json([OUTCOME], MACHINE)
        del content["machine"]
        path.write_text(json.dumps(content))
        with pytest.raises(ValueError, match="machine"):
            read(path)


class TestPlot:
    def test_bars_are_as_long_as_the_median_wall(self) -> None:
        bars = marked(plot(OUTCOME, MACHINE), "bar")
        lengths = [float(bar.attrib["width"]) for bar in bars]
        assert lengths == pytest.approx([lengths[1] * x / 3 for x in (2, 3, 4)], abs=0.02)

    def test_whiskers_reach_from_the_least_to_the_most(self) -> None:
        picture = plot(OUTCOME, MACHINE)
        left, width = (float(marked(picture, "bar")[1].attrib[x]) for x in ("x", "width"))
        ours = marked(picture, "whisker")[1]
        ends = [float(ours.attrib[x]) - left for x in ("x1", "x2")]
        assert ends == pytest.approx([width * 2 / 3, width * 4 / 3], abs=0.02)

    def test_every_run_is_a_dot(self) -> None:
        assert len(marked(plot(OUTCOME, MACHINE), "run")) == 9

    def test_only_s3lo_is_highlighted(self) -> None:
        skopeo, ours, awscrt = (x.attrib["fill"] for x in marked(plot(OUTCOME, MACHINE), "bar"))
        assert skopeo == awscrt != ours

    def test_words_come_through_markup(self) -> None:
        picture = plot(renamed(OUTCOME, "skopeo", "<b>&\"'\x1b"), MACHINE)
        words = " ".join(x.text or "" for x in elements(picture, "text"))
        assert "<b>&\"'\ufffd" in words
        assert "Some <CPU> & more" in words
        assert "rclone: exit status 1: <denied> & done" in words

    @pytest.mark.parametrize("name", ["skopeo", "a very long name of a peer " * 4, "x" * 90])
    def test_nothing_stands_outside_of_the_picture(self, name: str) -> None:
        outcome = replace(renamed(OUTCOME, "skopeo", name), conditions="a long condition " * 30)
        assert_inside(plot(outcome, MACHINE))

    def test_a_long_name_ends_before_the_bars(self) -> None:
        picture = plot(renamed(OUTCOME, "skopeo", "a very long name of a peer " * 3), MACHINE)
        left = float(marked(picture, "bar")[0].attrib["x"])
        names = [x for x in elements(picture, "text") if x.attrib["text-anchor"] == "end"]
        assert sum(float(x.attrib["x"]) < left for x in names) > 3

    def test_without_a_counted_round_it_says_so(self) -> None:
        texts = [x.text for x in elements(plot(NO_ROUNDS, MACHINE), "text")]
        assert "No contender has a counted round." in texts

    def test_equal_outcomes_make_equal_files(self) -> None:
        assert plot(OUTCOME, MACHINE) == plot(replace(OUTCOME), MACHINE)


class TestOverview:
    def test_a_ratio_stands_left_of_the_line_at_one_where_s3lo_was_faster(self) -> None:
        picture = overview([OUTCOME], MACHINE)
        (one,) = marked(picture, "one")
        at_one = float(one.attrib["x1"])
        awscrt, skopeo = marked(picture, "whisker")
        assert float(awscrt.attrib["x2"]) == at_one, "the slowest round was a draw"
        assert float(skopeo.attrib["x1"]) < at_one < float(skopeo.attrib["x2"])

    def test_halves_and_doubles_are_equally_far_from_one(self) -> None:
        picture = overview([OUTCOME], MACHINE)
        at_one = float(marked(picture, "one")[0].attrib["x1"])
        awscrt, skopeo = marked(picture, "whisker")
        half, double = float(awscrt.attrib["x1"]), float(skopeo.attrib["x2"])
        assert at_one - half == pytest.approx(double - at_one, abs=0.02)

    def test_a_peer_looks_the_same_in_every_workload_and_in_the_legend(self) -> None:
        other = replace(OUTCOME, workload="other", left_out={"awscrt+sha256sum": "", "rclone": ""})
        picture = overview([OUTCOME, other], MACHINE)
        keys = [x.attrib["fill"] for x in marked(picture, "key")]
        ratios = [x.attrib["fill"] for x in marked(picture, "ratio")]
        assert ratios == [keys[0], keys[1], keys[1]]
        assert len(keys) == 2, "rclone never ran"

    def test_25_workloads_of_8_peers_stay_inside_and_apart(self) -> None:
        others = {f"peer-{i}+sha256sum": run(0.2 * (i + 1)) for i in range(8)}
        outcome = replace(
            OUTCOME,
            versions={"s3lo": "2", **dict.fromkeys(others, "1")},
            rounds=({"s3lo": run(1), **others},),
        )
        picture = overview([replace(outcome, workload=f"w-{i}") for i in range(25)], MACHINE)
        assert_inside(picture)
        lanes = sorted(float(x.attrib["y1"]) for x in marked(picture, "whisker"))
        assert len(lanes) == 200
        assert min(b - a for a, b in pairwise(lanes)) >= 10

    def test_of_no_ratio_nothing_breaks(self) -> None:
        assert_inside(overview([NO_ROUNDS], MACHINE))
        assert_inside(overview([], MACHINE))


def test_32_marks_differ() -> None:
    assert len({mark(number) for number in range(32)}) == 32


@given(st.floats(1e-4, 1e6))
def test_a_linear_axis_runs_from_zero_past_the_most(most: float) -> None:
    scale = linear(most)
    assert scale.ticks[0] == 0
    assert scale.share(most) <= 1 + 1e-9
    assert 4 <= len(scale.ticks) <= 8
    assert_labels_differ(scale.ticks)


@given(st.floats(1e-4, 1e4), st.floats(1e-4, 1e4))
def test_a_logarithmic_axis_holds_one_and_both_figures(a: float, b: float) -> None:
    least, most = min(a, b), max(a, b)
    scale = logarithmic(least, most)
    assert 1 in scale.ticks
    assert 0 <= scale.share(least) <= scale.share(most) <= 1
    assert len(scale.ticks) >= 3
    assert_labels_differ(scale.ticks)


def assert_labels_differ(ticks: tuple[float, ...]) -> None:
    assert len({label(tick) for tick in ticks}) == len(ticks)


@given(st.text())
@settings(max_examples=300)
def test_any_text_is_well_formed_when_escaped(text: str) -> None:
    ElementTree.fromstring(f"<text>{escape(text)}</text>")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0004, "0.000"), (0.1234, "0.123"), (9.994, "9.99"), (9.996, "10.0"), (1234.5, "1234")],
)
def test_numbers_have_the_digits_that_mean_something(value: float, text: str) -> None:
    assert plain(value) == text


def rows_of(text: str) -> list[list[str]]:
    """Cells of a table's rows; between two columns stand two spaces or more."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.split()[:1] == ["wall"])
    body = lines[start + 1 : lines.index("", start)]
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in body]


def renamed(outcome: Outcome, old: str, new: str) -> Outcome:
    rounds: list[Mapping[str, Run]] = [
        {new if name == old else name: found for name, found in each.items()}
        for each in outcome.rounds
    ]
    versions = {new if name == old else name: x for name, x in outcome.versions.items()}
    return replace(outcome, versions=versions, rounds=tuple(rounds))


def elements(picture: str, tag: str) -> list[ElementTree.Element]:
    return ElementTree.fromstring(picture).findall(f"{{http://www.w3.org/2000/svg}}{tag}")


def marked(picture: str, kind: str) -> list[ElementTree.Element]:
    return [x for x in ElementTree.fromstring(picture) if x.get("class") == kind]


def assert_inside(picture: str) -> None:
    root = ElementTree.fromstring(picture)
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for element in root:
        for x, y in corners(element):
            assert 0 <= x <= width, ElementTree.tostring(element)
            assert 0 <= y <= height, ElementTree.tostring(element)


def corners(element: ElementTree.Element) -> Iterator[tuple[float, float]]:
    """Of text, 0.6 font sizes a character stand for its width."""
    at = {key: float(x) for key, x in element.attrib.items() if x.replace(".", "").isdigit()}
    tag = element.tag.rpartition("}")[2]
    if tag == "text":
        length = len(element.text or "") * at["font-size"] * 0.6
        share = {"start": 0.0, "middle": 0.5, "end": 1.0}[element.attrib["text-anchor"]]
        yield at["x"] - length * share, at["y"] - at["font-size"]
        yield at["x"] + length * (1 - share), at["y"] + at["font-size"] * 0.25
    elif tag == "line":
        yield from ((at["x1"], at["y1"]), (at["x2"], at["y2"]))
    elif tag == "circle":
        yield at["cx"] - at["r"], at["cy"] - at["r"]
        yield at["cx"] + at["r"], at["cy"] + at["r"]
    elif tag == "polygon":
        for pair in element.attrib["points"].split():
            x, y = map(float, pair.split(","))
            yield x, y
    else:
        x, y = at.get("x", 0), at.get("y", 0)
        yield from ((x, y), (x + at["width"], y + at["height"]))
