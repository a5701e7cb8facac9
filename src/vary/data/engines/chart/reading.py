"""What a laid-out sheet shows, read back from the pixels of its marks and its texts."""

from typing import Any

from vary.data.engines.base import Reject
from vary.data.engines.chart.marks import EXACT_PX, Marks, read_values
from vary.data.engines.chart.sheet import Sheet, Tick
from vary.data.engines.chart.spec import chart_dict


def read_back(sheet: Sheet, marks: list[Marks]) -> dict[str, Any]:
    """Return title and data that a sheet shows, in the form of the target, breaks as spaces.

    Raises:
        Reject: a label tells another value than its mark, or a tick another than its place.
    """
    spec = sheet.spec
    categories = _categories(sheet)
    rows = []
    for number, series in enumerate(spec.series):
        values = read_values(sheet, marks, number)
        shown = {at: series.form.format(value) for at, value in values.items()}
        for at in shown if spec.labels else ():
            label = sheet.labels.get((number, at)) or sheet.sector_names.get(at)
            told = "" if label is None else label.text
            if not squeeze(told).endswith(squeeze(shown[at])):
                raise Reject("label and mark differ", f"{told!r} at {shown[at]!r}")
        rows.append([shown[at] for at in sorted(shown)])
    if not spec.labels:
        _check_ticks(sheet)
    names = [""] if len(spec.series) == 1 else [text.text for text in sheet.legend.texts]
    title = "" if sheet.title is None else sheet.title.text
    return chart_dict(title, names, categories, rows)


def squeeze(value: Any) -> Any:
    """Return a text, or a dict of texts, without white space: lines are broken to fit."""
    if isinstance(value, dict):
        return {squeeze(name): squeeze(inner) for name, inner in value.items()}
    return "".join(value.split())


def _categories(sheet: Sheet) -> list[str]:
    """Return the names that stand at the categories' places, in their order."""
    if sheet.spec.round:
        if sheet.sector_names:
            values = sheet.spec.series[0]
            texts = [sheet.sector_names[at].text for at in sorted(sheet.sector_names)]
            beside = (0, 0) not in sheet.labels
            told = [values.form.format(value) if beside else "" for value in values.values]
            return [text.removesuffix(end) for text, end in zip(texts, told, strict=True)]
        return [text.text for text in sheet.legend.texts]
    by_place = sorted(sheet.category_ticks, key=lambda tick: _place(sheet, tick, None))
    return [tick.text.text for tick in by_place]


def _check_ticks(sheet: Sheet) -> None:
    """Refuse ticks whose text is not their place: values are read from them."""
    for number, axis in enumerate(sheet.spec.axes):
        for tick in sheet.value_ticks[number]:
            place = _place(sheet, tick, number)
            slack = EXACT_PX * (axis.high - axis.low)
            if tick.text.text != axis.form.format(tick.place) or abs(place - tick.place) > slack:
                raise Reject("tick and place differ", f"{tick.text.text!r} at {place}")
        if len(sheet.value_ticks[number]) < 2:
            raise Reject("too few ticks to read values from")


def _place(sheet: Sheet, tick: Tick, number: int | None) -> float:
    """Return where a tick's text stands: the value there, or the number of the category."""
    if number is None:
        scale, along = sheet.categories, not sheet.spec.horizontal
    else:
        scale, along = sheet.values(number), sheet.spec.horizontal
    return float(scale.value(tick.text.x if along else tick.text.y))
