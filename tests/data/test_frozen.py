import io
import json
from dataclasses import replace

import pytest
from PIL import Image

from vary.data.engines.page.draw import encode_png
from vary.data.frozen import (
    check_fonts,
    hash_samples,
    hash_set,
    hash_texts,
    judge,
    read_card,
)
from vary.data.recipe import FontFile, Frozen, SetHashes
from vary.data.schema import Message, Sample
from vary.data.shards import Run, file_sha256, generate
from vary.errors import InputError

PUBLISHED = SetHashes(3, "text", "pixels")
VERSIONS = {"numpy": "2", "pillow": "12"}


def frozen(**changes):
    return Frozen(whole=PUBLISHED, first=PUBLISHED, versions=VERSIONS, **changes)


@pytest.fixture
def samples(picture):
    """Two samples with a picture each."""
    return [
        Sample(f"s/{at}", (picture(at),), "document", "en", "text", f"page {at}") for at in (0, 1)
    ]


@pytest.fixture
def picture():
    return lambda shade: encode_png(Image.new("L", (4, 3), shade), f"{shade}.png")


def test_hashes_are_of_ids_targets_and_pixels(samples, picture):
    first, second = samples
    known = hash_samples(samples)
    assert known.samples == 2
    assert hash_samples(iter(samples)) == known
    said = hash_samples([first, replace(second, text="page 2")])
    assert (said.text_sha256 != known.text_sha256, said.pixels_sha256) == (
        True,
        known.pixels_sha256,
    )
    assert hash_samples([first, replace(second, id="t")]).text_sha256 != known.text_sha256
    turned = [first, replace(second, messages=(Message("user", "?"),))]
    assert hash_samples(turned).text_sha256 != known.text_sha256
    drawn = hash_samples([first, replace(second, images=(picture(7),))])
    assert (drawn.text_sha256, drawn.pixels_sha256 != known.pixels_sha256) == (
        known.text_sha256,
        True,
    )


def test_hashes_do_not_depend_on_how_a_picture_is_packed(samples):
    first = samples[0]
    file = io.BytesIO()
    Image.open(io.BytesIO(first.images[0].bytes)).save(file, format="PNG", compress_level=0)
    other = replace(first.images[0], bytes=file.getvalue(), path="other.png")
    assert other.bytes != first.images[0].bytes
    assert hash_samples([replace(first, images=(other,))]) == hash_samples([first])


def test_texts_hash_alike_without_their_pictures(samples, tmp_path, monkeypatch):
    turns = (Message("user", "<image>\nWhat?"), Message("assistant", "“Page 1”\u2028"))
    talk = replace(samples[1], text="", kind="conversation", format="answer", messages=turns)

    class Told:
        name = "told"

        def config(self):
            return {}

        def length_hint(self, index):
            return 1

        def sample(self, index, rng):
            return (samples[0], talk)[index % 2]

    generate(Told, Run(tmp_path / "set", 5, 1, shard_size=2))
    known = hash_set(tmp_path / "set")
    monkeypatch.setattr(Image, "open", None)  # no picture is decoded
    assert hash_texts(tmp_path / "set") == replace(known, pixels_sha256="")
    for shard in (tmp_path / "set").glob("*.parquet"):
        shard.unlink()
    with pytest.raises(InputError):
        hash_texts(tmp_path / "set")


def test_the_published_set_is_known():
    verdict = judge(frozen(), PUBLISHED, VERSIONS)
    assert (verdict.same_text, verdict.same_pixels) == (True, True)
    assert verdict.message == "frozen set, as published"


def test_other_pixels_name_the_versions_that_differ():
    found = replace(PUBLISHED, pixels_sha256="other")
    verdict = judge(frozen(), found, {"numpy": "2", "pillow": "11", "jpg": "3"})
    assert (verdict.same_text, verdict.same_pixels) == (True, False)
    assert "scores may differ in the third digit" in verdict.message
    assert "jpg absent -> 3, pillow 12 -> 11" in verdict.message
    assert "numpy" not in verdict.message
    assert "processor" in judge(frozen(), found, VERSIONS).message


@pytest.mark.parametrize("change", [{"text_sha256": "other"}, {"samples": 2}])
def test_other_texts_are_another_test(change):
    verdict = judge(frozen(), replace(PUBLISHED, **change), VERSIONS)
    assert not verdict.same_text
    assert "another test" in verdict.message


def test_fonts_of_a_frozen_set_are_found_by_name_and_hash(font_folder):
    digest = file_sha256(font_folder / "aileron.ttf")
    check_fonts("set", frozen(fonts={"aileron.ttf": FontFile(digest)}), [font_folder])
    check_fonts("set", frozen(), [font_folder / "none"])


@pytest.mark.parametrize(
    ("file", "told"),
    [("lost.otf", "not found"), ("aileron.ttf", "another file of this name was found")],
)
def test_missing_fonts_are_named_with_hash_and_package(font_folder, file, told):
    fonts = {file: FontFile("12ab", "fonts-lost")}
    with pytest.raises(InputError) as caught:
        check_fonts("pages", frozen(fonts=fonts), [font_folder])
    message = str(caught.value)
    assert f"{file} (sha256 12ab, Debian package fonts-lost; {told})" in message
    assert "apt install fonts-lost" in message
    assert "options.fonts" in message


@pytest.mark.parametrize(("content", "told"), [("{", "not a readable"), ("[]", "not a readable")])
def test_cards_that_cannot_be_read_are_named(tmp_path, content, told):
    with pytest.raises(InputError, match=r"no card\.json"):
        read_card(tmp_path)
    (tmp_path / "card.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=told):
        read_card(tmp_path)
    (tmp_path / "card.json").write_text(json.dumps({"name": "a"}), encoding="utf-8")
    assert read_card(tmp_path) == {"name": "a"}
