"""What a drawn sheet shows, read back from its artists."""

from typing import Any

from vary.data.engines.base import Reject
from vary.data.engines.chart.marks import Marks
from vary.data.engines.chart.sheet import Sheet
from vary.data.engines.chart.spec import chart_dict


def read_back(sheet: Sheet, marks: list[Marks]) -> dict[str, Any]:
    """Return title and data that the artists show, in the form of the target, breaks as spaces.

    Raises:
        Reject: a label tells another value than its mark, or a tick another than its place.
    """
    spec = sheet.spec
    categories = _categories(sheet)
    rows = []
    for number, (series, mark) in enumerate(zip(spec.series, marks, strict=True)):
        shown = {at: series.form.format(value) for at, value in mark.values().items()}
        for at in shown if spec.labels else ():
            label = sheet.labels.get((number, at)) or sheet.sector_names.get(at)
            told = "" if label is None else label.get_text()
            if not squeeze(told).endswith(squeeze(shown[at])):
                raise Reject("label and mark differ", f"{told!r} at {shown[at]!r}")
        rows.append([shown[at] for at in sorted(shown)])
    if not spec.labels:
        _check_ticks(sheet)
    names = [""] if len(spec.series) == 1 else [t.get_text() for t in sheet.legend.get_texts()]
    title = "" if sheet.title is None else sheet.title.get_text()
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
            texts = [sheet.sector_names[at].get_text() for at in sorted(sheet.sector_names)]
            beside = (0, 0) not in sheet.labels
            told = [values.form.format(value) if beside else "" for value in values.values]
            return [text.removesuffix(end) for text, end in zip(texts, told, strict=True)]
        return [text.get_text() for text in sheet.legend.get_texts()]
    axis = sheet.axes.yaxis if sheet.spec.horizontal else sheet.axes.xaxis
    places = zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True)
    return [text.get_text() for _, text in sorted(places, key=lambda pair: pair[0])]


def _check_ticks(sheet: Sheet) -> None:
    """Refuse ticks whose text is not their place: values are read from them."""
    for number, axis in enumerate(sheet.spec.axes):
        axes = sheet.axis_of(number)
        drawn = axes.xaxis if sheet.spec.horizontal else axes.yaxis
        for place, text in zip(drawn.get_ticklocs(), drawn.get_ticklabels(), strict=True):
            if text.get_text() != axis.form.format(float(place)):
                raise Reject("tick and place differ", f"{text.get_text()!r} at {place}")
        if len(drawn.get_ticklocs()) < 2:
            raise Reject("too few ticks to read values from")
