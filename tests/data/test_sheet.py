"""Contact sheets of samples of every kind, as a picture and as a page."""

import io
import json
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from vary.data import sheet
from vary.data.engines.page.engine import PageConfig, build_page_engine
from vary.data.fonts import FontLibrary
from vary.data.manifest import Manifest, Rejected, ShardRecord
from vary.data.schema import EncodedImage, Message, Sample
from vary.data.shards import Run, generate
from vary.data.sheet import contact_sheet, draw_sample, some_samples, target_text
from vary.data.sheet_page import MAX_CHARS, sheet_page
from vary.errors import VaryError

HOSTILE = "</pre><script>alert(1)</script><img src=http://a.b/c.png onerror=x>\x1b[31m\u202e"


@pytest.fixture(scope="module")
def made(tmp_path_factory, text_folder, font_folder):
    folder = tmp_path_factory.mktemp("made") / "set"
    config = PageConfig(text_folder, (font_folder,), dpi=(72, 80), sizes=("slide", "book"))
    generate(partial(build_page_engine, config), Run(folder, count=5, seed=2, shard_size=3))
    return folder


def test_a_sheet_shows_all_samples(made):
    samples = some_samples(made, 1, 4)
    assert [sample.id for sample in samples] == [f"page/2/{index}" for index in (1, 2, 3, 4)]
    assert contact_sheet(samples).width > contact_sheet(samples[:1]).width
    with pytest.raises(VaryError, match="no sample to show"):
        contact_sheet(some_samples(made, 5, 4))


def test_boxes_are_drawn_around_the_words(made):
    sample = some_samples(made, 0, 1)[0]
    plain = np.asarray(draw_sample(sample, boxes=False))
    boxed = np.asarray(draw_sample(sample))
    assert plain.shape == boxed.shape
    changed = (plain != boxed).any(2)
    word = sample.words[0]
    assert changed[word.y0 - 1, word.x0 : word.x1].all()
    # The ink of the word itself stays as it is.
    assert not changed[word.y0 : word.y1, word.x0 : word.x1].any()
    with pytest.raises(VaryError, match="has 1 images, number 3"):
        draw_sample(sample, image=3)


def encoded(color, size=(60, 40), mode="RGB"):
    file = io.BytesIO()
    Image.new(mode, size, color).save(file, format="PNG")
    return EncodedImage(file.getvalue(), "a.png", *size)


def sample(**changes):
    plain = Sample("x/1/0", (encoded("white"),), "document", "en", "text", "one word")
    return replace(plain, **changes)


MANIFEST = Manifest(
    "x", {}, 1, 10, {}, 10, (ShardRecord("part-00000.parquet", 0, 10, {HOSTILE: 3}, 1, "0"),)
)
TALK = (Message("user", "<image>\nWhat is it?"), Message("assistant", "A square."))


def test_conversations_are_shown_with_their_speakers():
    talk = sample(kind="conversation", format="answer", text="", messages=TALK)
    assert target_text(talk) == "user: <image>\nWhat is it?\n\nassistant: A square."
    page = sheet_page("set", MANIFEST, [talk])
    assert "&lt;image&gt;" in page
    assert "<h3>assistant</h3><pre>A square.</pre>" in page


@pytest.mark.parametrize("number", [0, 1, 2, 6])
def test_every_image_of_a_sample_is_shown(number):
    colors = [(250 - 40 * at, 0, 30 * at) for at in range(number)]
    many = sample(images=tuple(map(encoded, colors)))
    assert sheet_page("set", MANIFEST, [many]).count("<img src=") == number
    pixels = np.asarray(contact_sheet([many])).reshape(-1, 3)
    for color in colors[: sheet.MAX_PICTURES]:
        assert (pixels == color).all(1).sum() > 1000


def test_targets_stand_on_the_picture():
    with_text, without = (np.asarray(contact_sheet([sample(text=t)])) for t in ("word " * 60, ""))
    assert with_text.shape[1] == without.shape[1]
    dark = [(picture[:, sheet.CELL_PX[0] :] < 60).all(2).sum() for picture in (with_text, without)]
    assert dark[0] > 3 * dark[1]


def test_long_targets_are_cut_and_say_so():
    long = sample(text="word " * 10_000)
    assert contact_sheet([long]).height < 2 * sheet.CELL_PX[1]
    page = sheet_page("set", MANIFEST, [long])
    assert f"and {50_000 - MAX_CHARS:,} characters more" in page


def test_broken_images_and_see_through_ones_are_shown():
    broken = sample(images=(EncodedImage(b"none", "broken.png", 5, 5),))
    assert contact_sheet([broken]).width > 500
    assert "broken.png: cannot be decoded" in sheet_page("set", MANIFEST, [broken])
    clear = sample(images=(encoded((0, 0, 0, 0), mode="RGBA"),))
    assert (np.asarray(draw_sample(clear)) == 255).all()


def test_hostile_texts_stay_texts():
    hostile = sample(
        id=HOSTILE, text=HOSTILE, source=HOSTILE, meta=json.dumps({HOSTILE: HOSTILE}),
        messages=(Message(HOSTILE, HOSTILE),),
    )  # fmt: skip
    page = sheet_page(HOSTILE, MANIFEST, [hostile], [Rejected(1, HOSTILE, HOSTILE, HOSTILE)])

    class Tags(HTMLParser):
        found = []

        def handle_starttag(self, tag, attrs):
            self.found.append((tag, dict(attrs)))

    Tags().feed(page)
    assert "script" not in {tag for tag, _ in Tags.found}
    pictures = [attributes["src"] for tag, attributes in Tags.found if tag == "img"]
    assert len(pictures) == 1
    assert pictures[0].startswith("data:image/webp;base64,")
    policies = [a["content"] for _, a in Tags.found if a.get("http-equiv")]
    assert policies[0].startswith("default-src 'none'")
    assert "\x1b" not in page
    assert "\u202e" not in page
    contact_sheet([hostile], {HOSTILE: 1})


def test_reasons_of_drops_have_examples():
    rejects = [Rejected(at, f"x/1/{at}", HOSTILE, f"detail {at}") for at in range(3)]
    page = sheet_page("set", MANIFEST, [sample()], rejects)
    assert "Dropped" in page
    assert "x/1/2: detail 2" in page


def test_without_a_font_that_has_the_glyphs_the_sheet_says_so(monkeypatch):
    monkeypatch.setattr("vary.data.fonts.system_font_folders", list)
    writer = sheet._Writer(["港口"])
    assert "no font found" in writer.remarks[0]
    contact_sheet([sample(text="港口")])


def test_the_font_with_the_most_glyphs_is_taken(monkeypatch, font_folder):
    library = FontLibrary.discover([font_folder])
    monkeypatch.setattr(FontLibrary, "discover", lambda: library)
    remark = sheet._Writer(["a b 港"]).remarks[0]
    assert remark.startswith("1 characters have no glyph in")
    assert "U+6E2F" in remark


def test_chinese_is_wrapped_at_any_character():
    writer = sheet._Writer(["港" * 50])
    lines = list(writer._wrapped("港" * 50, 100))
    assert "".join(lines) == "港" * 50
    assert len(lines) > 5
    words = list(writer._wrapped("several plain words that are wrapped", 100))
    assert all(not line.startswith(" ") for line in words)
    assert "".join(words) == "several plain words that are wrapped"


def test_an_empty_choice_is_told(made):
    with pytest.raises(VaryError, match="no sample to show"):
        some_samples(made, 5, 4)
