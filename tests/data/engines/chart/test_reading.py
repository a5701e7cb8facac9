"""What is read back comes from what is drawn: where that is changed, the reading changes."""

import math
from dataclasses import replace

import pytest

from vary.data.engines.base import Reject, sample_rng
from vary.data.engines.chart.engine import ChartEngine
from vary.data.engines.chart.glyphs import Lettering
from vary.data.engines.chart.labels import _check_sector
from vary.data.engines.chart.matplotlib_renderer import MatplotlibRenderer, lay_out
from vary.data.engines.chart.reading import read_back, squeeze
from vary.data.engines.chart.sheet import Crowded, Sheet
from vary.data.engines.chart.texts import ChartTexts


@pytest.fixture
def laid_out(engine):
    """Return a sheet and its marks, of the first chart of a kind that fits as it was drawn."""

    def make(kind, labelled):
        options = replace(engine.options, kinds=(kind,), labelled=labelled)
        one = ChartEngine(options, engine.corpus, engine.fonts, engine.renderer)
        for index in range(20):
            rng = sample_rng(7, "chart", index)
            spec = one.compose(index, rng, ChartTexts(one.corpus, "en", rng))
            if not spec.title:
                continue
            try:
                sheet = Sheet(spec, Lettering())
                return sheet, lay_out(sheet)
            except Crowded:
                continue
        raise AssertionError(kind)

    return make


KINDS = ("bar", "bar-horizontal", "grouped", "stacked", "lines", "area", "stacked-area", "pie",
         "donut", "composite")  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("labelled", [0.0, 1.0])
def test_all_kinds_are_read_back(laid_out, kind, labelled):
    sheet, marks = laid_out(kind, labelled)
    assert squeeze(read_back(sheet, marks)) == squeeze(sheet.spec.chart_dict())


def test_a_higher_bar_is_seen(laid_out):
    sheet, marks = laid_out("bar", 0.0)
    at = next(at for at, value in enumerate(sheet.spec.series[0].values) if value > 0)
    x0, y0, x1, y1 = marks[0].rectangles[at]
    marks[0].rectangles[at] = (x0, y0 - 20.0, x1, y1)
    assert squeeze(read_back(sheet, marks)) != squeeze(sheet.spec.chart_dict())


def test_a_bar_that_floats_is_seen(laid_out):
    sheet, marks = laid_out("stacked", 0.0)
    x0, y0, x1, y1 = marks[1].rectangles[0]
    marks[1].rectangles[0] = (x0, y0 - 3.0, x1, y1 - 3.0)
    with pytest.raises(Reject, match="does not stand"):
        read_back(sheet, marks)


def test_an_area_that_floats_is_seen(laid_out):
    sheet, marks = laid_out("stacked-area", 0.0)
    marks[1].lower = marks[1].lower - (0.0, 3.0)
    with pytest.raises(Reject, match="does not stand"):
        read_back(sheet, marks)


def test_a_moved_point_is_seen(laid_out):
    sheet, marks = laid_out("lines", 0.0)
    marks[0].points[0, 1] -= 10.0
    assert squeeze(read_back(sheet, marks)) != squeeze(sheet.spec.chart_dict())


def test_a_wider_sector_is_seen(laid_out):
    sheet, marks = laid_out("donut", 1.0)
    low, high, middle = marks[0].sectors[0]
    marks[0].sectors[0] = (low, high + 30, middle)
    with pytest.raises(Reject, match="label and mark differ"):
        read_back(sheet, marks)


def test_a_number_that_stands_out_of_its_sector_is_refused(laid_out):
    sheet, marks = laid_out("pie", 1.0)
    mark, radius = marks[0], marks[0].radius * 0.72
    mark.sectors[0] = (75, 105, mark.sectors[0][2])
    font = sheet.font(sheet.style.text.label_scale)
    arc_px = radius * math.pi / 6
    widths = {font.width("1" * digits) / arc_px: "1" * digits for digits in range(1, 60)}
    fits = max(width for width in widths if width < 0.8)
    _check_sector(sheet, mark, 0, widths[fits], 0.72)
    # By its width alone it might still do, but not on an arc.
    stands_out = max(width for width in widths if width < 4 / 3)
    assert stands_out > 1.1
    with pytest.raises(Crowded, match="no room for a value"):
        _check_sector(sheet, mark, 0, widths[stands_out], 0.72)


def test_a_wrong_label_is_seen(laid_out):
    sheet, marks = laid_out("bar", 1.0)
    sheet.labels[0, 0].text = "12345678"
    with pytest.raises(Reject, match="label and mark differ"):
        read_back(sheet, marks)


def test_a_wrong_tick_is_seen(laid_out):
    sheet, marks = laid_out("bar", 0.0)
    sheet.value_ticks[0][1].text.text += "!"
    with pytest.raises(Reject, match="tick and place differ"):
        read_back(sheet, marks)


def test_a_moved_tick_is_seen(laid_out):
    sheet, marks = laid_out("bar", 0.0)
    sheet.value_ticks[0][1].text.y += 2.0
    with pytest.raises(Reject, match="tick and place differ"):
        read_back(sheet, marks)


def test_exchanged_names_are_seen(laid_out):
    sheet, marks = laid_out("grouped", 0.0)
    first, second = sheet.legend.texts[:2]
    first.text, second.text = second.text, first.text
    assert list(read_back(sheet, marks)["data"]) != [s.name for s in sheet.spec.series]


def test_exchanged_categories_are_seen(laid_out):
    sheet, marks = laid_out("grouped", 0.0)
    first, second = (tick.text for tick in sheet.category_ticks[:2])
    first.x, second.x = second.x, first.x
    shown = next(iter(read_back(sheet, marks)["data"].values()))
    assert squeeze(next(iter(shown))) == squeeze(sheet.spec.categories[1])


def test_a_chart_without_room_is_rejected(laid_out):
    sheet, _ = laid_out("bar", 1.0)
    spec = sheet.spec
    with pytest.raises(Reject) as caught:
        MatplotlibRenderer().draw(replace(spec, title="long " * 200))
    assert caught.value.reason == "no room for a name"
    small = replace(spec, style=replace(spec.style, width_px=60, height_px=60))
    with pytest.raises(Reject):
        MatplotlibRenderer().draw(small)
