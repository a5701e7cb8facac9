"""A contact sheet as one HTML file: pictures with boxes, targets beside, and what was dropped.

Texts of a set are hostile input: see `vary.markup`.
"""

import base64
import io
import json
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from vary.data.manifest import Manifest, Rejected
from vary.data.schema import Sample
from vary.data.sheet import draw_sample
from vary.errors import InputError
from vary.markup import Html, document, tag

MAX_PX = (1000, 1400)
# A longer text is cut: a page of a browser with megabytes in one element stands still.
MAX_CHARS = 20_000
_EXAMPLES = 3
_STYLE_FILE = "sheet.css"


def sheet_page(
    title: str,
    manifest: Manifest,
    samples: Sequence[Sample],
    rejects: Sequence[Rejected] = (),
    *,
    boxes: bool = True,
) -> str:
    """Return the HTML file of some samples of a set.

    Args:
        title: of the page, such as the name of the set's folder.
        manifest: of the set.
        samples: those to show.
        rejects: all of the set's; some of each reason are named.
        boxes: draw the words' boxes.
    """
    style = Path(__file__).with_name(_STYLE_FILE).read_text(encoding="utf-8")
    told = (
        f"Engine {manifest.engine}, seed {manifest.seed}: {manifest.samples:,} samples of "
        f"{manifest.count:,} indices; {len(samples)} of them here."
    )
    body = tag(
        "body",
        tag("h1", title),
        tag("p", told),
        *(_article(sample, boxes=boxes) for sample in samples),
        _dropped(manifest, rejects),
    )
    return document(title, style, body)


def _article(sample: Sample, *, boxes: bool) -> Html:
    facts = [sample.kind, sample.format, sample.language, sample.source]
    pictures = [_figure(sample, at, boxes=boxes) for at in range(len(sample.images))]
    return tag(
        "article",
        tag("h2", sample.id),
        tag("p", " · ".join(fact for fact in facts if fact), class_="facts"),
        tag(
            "div",
            tag("div", *pictures, class_="pictures") if pictures else None,
            tag("div", *_targets(sample), class_="target"),
            class_="pair" if pictures else "alone",
        ),
        _meta(sample),
    )


def _targets(sample: Sample) -> list[Html]:
    parts = [tag("pre", _cut(sample.text))] if sample.text else []
    for turn in sample.messages:
        parts += [tag("h3", turn.role), tag("pre", _cut(turn.content))]
    return parts or [tag("p", "(no text)", class_="facts")]


def _cut(text: str) -> str:
    more = len(text) - MAX_CHARS
    return text if more <= 0 else f"{text[:MAX_CHARS]}\n... and {more:,} characters more"


def _figure(sample: Sample, number: int, *, boxes: bool) -> Html:
    image = sample.images[number]
    try:
        picture = draw_sample(sample, boxes=boxes, image=number)
    except InputError as error:
        return tag("p", str(error), class_="alert")
    picture.thumbnail(MAX_PX, Image.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, format="WEBP", quality=75)
    encoded = base64.b64encode(file.getvalue()).decode("ascii")
    return tag(
        "figure",
        tag("img", src=f"data:image/webp;base64,{encoded}", alt=f"image {number + 1}"),
        tag("figcaption", f"{image.path}, {image.width} × {image.height} px"),
    )


def _meta(sample: Sample) -> Html | None:
    if sample.meta in {"", "{}"}:
        return None
    try:
        shown = json.dumps(json.loads(sample.meta), ensure_ascii=False, indent=1)
    except ValueError:
        shown = sample.meta
    return tag("details", tag("summary", "meta"), tag("pre", _cut(shown)))


def _dropped(manifest: Manifest, rejects: Sequence[Rejected]) -> Html | None:
    if not manifest.rejects:
        return None
    rows = []
    for reason, number in sorted(manifest.rejects.items(), key=lambda item: -item[1]):
        examples = [line for line in rejects if line.reason == reason][:_EXAMPLES]
        told = "\n".join(f"{line.id}: {line.detail}" for line in examples)
        rows.append(tag("tr", tag("td", reason), tag("td", f"{number:,}"), tag("td", _cut(told))))
    head = tag("tr", *(tag("th", name) for name in ("reason", "indices", "such as")))
    return tag("section", tag("h2", "Dropped"), tag("table", head, *rows))
