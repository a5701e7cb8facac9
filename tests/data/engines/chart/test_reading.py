"""What is read back comes from the artists: where those are changed, the reading changes."""

from dataclasses import replace

import pytest

from vary.data.engines.base import Reject, sample_rng
from vary.data.engines.chart.engine import ChartEngine
from vary.data.engines.chart.matplotlib_renderer import MatplotlibRenderer, _lay_out
from vary.data.engines.chart.reading import read_back, squeeze
from vary.data.engines.chart.sheet import Crowded, Sheet, default_settings
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
                with default_settings():
                    sheet = Sheet(spec)
                    return sheet, _lay_out(sheet)
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


def test_a_moved_bar_is_seen(laid_out):
    sheet, marks = laid_out("bar", 0.0)
    patch = marks[0].rectangles[0]
    patch.set_height(patch.get_height() * 1.5)
    assert squeeze(read_back(sheet, marks)) != squeeze(sheet.spec.chart_dict())


def test_a_bar_that_floats_is_seen(laid_out):
    sheet, marks = laid_out("stacked", 0.0)
    patch = marks[1].rectangles[0]
    patch.set_y(patch.get_y() * 1.5)
    with pytest.raises(Reject, match="does not stand"):
        read_back(sheet, marks)


def test_a_moved_point_is_seen(laid_out):
    sheet, marks = laid_out("lines", 0.0)
    values = [2 * value for value in sheet.spec.series[0].values]
    marks[0].handle.set_ydata(values)
    assert squeeze(read_back(sheet, marks)) != squeeze(sheet.spec.chart_dict())


def test_a_wider_sector_is_seen(laid_out):
    sheet, marks = laid_out("donut", 1.0)
    marks[0].handle[0].set_theta2(marks[0].handle[0].theta2 + 30)
    with pytest.raises(Reject, match="label and mark differ"):
        read_back(sheet, marks)


def test_a_wrong_label_is_seen(laid_out):
    sheet, marks = laid_out("bar", 1.0)
    sheet.labels[0, 0].set_text("12345678")
    with pytest.raises(Reject, match="label and mark differ"):
        read_back(sheet, marks)


def test_a_wrong_tick_is_seen(laid_out):
    sheet, marks = laid_out("bar", 0.0)
    sheet.axes.set_yticks(sheet.spec.axes[0].ticks, [f"{t}!" for t in sheet.spec.axes[0].ticks])
    with pytest.raises(Reject, match="tick and place differ"):
        read_back(sheet, marks)


def test_exchanged_names_are_seen(laid_out):
    sheet, marks = laid_out("grouped", 0.0)
    texts = sheet.legend.get_texts()
    first, second = texts[0].get_text(), texts[1].get_text()
    texts[0].set_text(second)
    texts[1].set_text(first)
    assert list(read_back(sheet, marks)["data"]) != [s.name for s in sheet.spec.series]


def test_a_chart_without_room_is_rejected(laid_out):
    sheet, _ = laid_out("bar", 1.0)
    spec = sheet.spec
    with pytest.raises(Reject) as caught:
        MatplotlibRenderer().draw(replace(spec, title="long " * 200))
    assert caught.value.reason == "no room for a name"
    small = replace(spec, style=replace(spec.style, width_px=60, height_px=60))
    with pytest.raises(Reject):
        MatplotlibRenderer().draw(small)
