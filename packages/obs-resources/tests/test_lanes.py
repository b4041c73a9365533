from __future__ import annotations

import re
from array import array

from obs_core.model import Series
from obs_core.trace.resources import Resources
from obs_core.values.curves import Columns, Curve
from obs_resources.lanes import lanes_html, timeline_lanes_html

SECOND = 1_000_000_000


def resources(count: int = 10, **values: list[float]) -> Resources:
    samples = {
        name.replace("__", "."): Series(array("q", range(0, len(given) * SECOND, SECOND)), array("d", given))
        for name, given in values.items()
    }
    return Resources({"main": samples}, 0, count * SECOND)


def test_peak_mean_and_limit_of_memory_are_said() -> None:
    html = lanes_html(resources(rss=[1e8, 3e8], container__memory=[1e8, 9.5e8], container__limit=[1e9]))
    assert "950 MB peak" in html
    assert "of 1.0 GB" in html
    assert 'class="limit"' in html
    assert "At its limit: memory: 95.0 % of the limit of 1.0 GB." in html


def test_the_mean_of_a_lane_is_that_of_what_was_used() -> None:
    written = Series(array("q", [0, SECOND, 4 * SECOND]), array("d", [0, 8e6, 8e6]))
    used = Resources({"main": {"read_total": written}}, 0, 4 * SECOND)
    assert used.mean("read") == 2e6
    html = lanes_html(used)
    assert "8.0 MB/s peak" in html
    assert "2.0 MB/s mean" in html


def test_a_limit_that_is_far_away_does_not_press_the_curve_to_the_floor() -> None:
    html = lanes_html(resources(rss=[1e8, 3e8], machine__memory=[64e9]))
    assert 'class="limit"' not in html
    assert "of 64.0 GB" in html


def test_a_days_samples_keep_their_peak_and_stay_small() -> None:
    values = [1e8] * 86_400
    values[43_210] = 9e8
    html = lanes_html(resources(86_400, rss=values))
    assert "900 MB peak" in html
    assert ",2.7 " in html  # a twentieth from the top of 56
    assert len(html) < 60_000


def test_children_that_used_nothing_to_speak_of_have_no_lane() -> None:
    assert "CPU of children" not in lanes_html(resources(rss=[1e8], children__cpu_total=[0, 0, 0.0023, 0.0023]))
    assert "CPU of children" in lanes_html(resources(rss=[1e8], children__cpu_total=[0, 0, 0.02, 0.02]))


def test_what_hardly_uses_the_cpu_stays_at_the_floor_of_its_lane() -> None:
    html = lanes_html(resources(cpu_total=[0, 0.001, 0.003, 0.004]))
    line = re.search(r'<polyline class="first" points="([^"]*)"', html)
    assert line is not None
    heights = [float(point.split(",")[1]) for point in line[1].split()]
    assert len(heights) == 3
    assert min(heights) > 50  # of 56, counted from the top


def test_waiting_for_a_core_is_said_and_is_no_limit() -> None:
    html = lanes_html(resources(2, cpu_total=[0, 0.1, 0.2], queued_total=[0, 0.8, 1.6]))
    assert "It waited 80.0 % of the time for a core that others used." in html
    assert "At its limit" not in html


def test_lanes_of_gpus() -> None:
    html = lanes_html(resources(gpu__0__memory=[1e9], gpu__0__memory_size=[16e9], gpu__0__use=[0.5], rss=[1]))
    assert "GPU 0 memory" in html


def test_each_of_several_processes_has_its_lanes() -> None:
    one = Series(array("q", [0, SECOND]), array("d", [1e8, 2e8]))
    html = lanes_html(Resources({"main": {"rss": one}, "<b>": {"rss": one}}, 0, SECOND))
    assert "Process main" in html
    assert "Process &lt;b&gt;" in html


def curve(name: str, *values: float) -> Curve:
    times = array("q", range(0, len(values) * SECOND, SECOND))
    return Curve.of(name, Columns(array("q", range(len(values))), times, array("d", values)))


def test_below_a_time_line_are_lanes_of_what_was_used_and_of_metrics() -> None:
    html = timeline_lanes_html(resources(rss=[1e8, 3e8]), [curve("<loss>", -1.0, float("nan"), 1e6)])
    assert "300 MB peak" in html
    assert "&lt;loss&gt;: 1,000,000 last, -1 to 1,000,000" in html
    assert 'data-start="0.0" data-end="10000.0"' in html


def test_below_a_time_line_is_nothing_if_nothing_was_used_or_logged() -> None:
    assert timeline_lanes_html(resources(), []) == ""
    assert timeline_lanes_html(resources(), [curve("all gaps", float("nan"))]) == ""


def test_metrics_that_get_no_lane_are_counted() -> None:
    html = timeline_lanes_html(resources(), [curve(f"metric {number}", 1.0, 2.0) for number in range(10)])
    assert html.count('class="lane"') == 8
    assert "2 more metrics are in their tab." in html
