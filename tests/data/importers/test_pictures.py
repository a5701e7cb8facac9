import io

import numpy as np
import pytest
from PIL import Image

from vary.data.engines.base import Reject
from vary.data.importers.pictures import (
    PictureFolders,
    PictureRule,
    prepare_picture,
    read_file,
)
from vary.errors import VaryError

PHOTO = PictureRule(kept_modes=("RGB",), lossy=True)


def decoded(image):
    picture = Image.open(io.BytesIO(image.bytes))
    picture.load()
    assert picture.size == (image.width, image.height)
    return picture


def corner(image):
    return tuple(int(part) for part in np.asarray(decoded(image))[2, 2])


@pytest.mark.parametrize(("kind", "suffix"), [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp")])
def test_a_sound_file_is_kept_as_it_is_under_the_suffix_of_its_format(picture_file, kind, suffix):
    content = picture_file(kind=kind)
    image = prepare_picture(content, "a/b.xyz", PictureRule())
    assert image.bytes == content
    assert (image.path, image.width, image.height) == (f"b.{suffix}", 40, 30)


def test_a_large_picture_is_made_smaller_and_keeps_its_shape(picture_file):
    content = picture_file(size=(3000, 1500))
    image = prepare_picture(content, "a.jpg", PictureRule(max_side_px=500))
    assert (image.width, image.height) == (500, 250)
    assert decoded(image).format == "JPEG"
    assert max(abs(a - b) for a, b in zip(corner(image), (200, 30, 30), strict=True)) < 6
    same = prepare_picture(content, "a.jpg", PictureRule(max_side_px=500))
    assert same.bytes == image.bytes
    smaller = prepare_picture(content, "a.jpg", PictureRule(max_side_px=500, quality=20))
    assert len(smaller.bytes) < len(image.bytes)


def test_own_bytes_are_encoded_anew_where_asked(picture_file):
    content = picture_file(quality=100)
    image = prepare_picture(content, "a.jpg", PictureRule(own_bytes=False))
    assert image.bytes != content
    assert decoded(image).size == (40, 30)


def test_orientation_is_applied(picture_file):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    image = prepare_picture(picture_file(exif=exif), "a.jpg", PictureRule())
    assert (image.width, image.height) == (30, 40)
    assert not decoded(image).getexif().get(0x0112)


@pytest.mark.parametrize(
    ("mode", "color", "kind", "shown"),
    [
        ("CMYK", (0, 255, 255, 0), "JPEG", (255, 0, 0)),
        ("L", 90, "PNG", (90, 90, 90)),
        ("1", 1, "PNG", (255, 255, 255)),
        ("P", 0, "PNG", None),
        ("I;16", 0x5AFF, "PNG", (0x5A, 0x5A, 0x5A)),
        ("LA", (0, 0), "PNG", (255, 255, 255)),
        ("RGBA", (10, 20, 30, 0), "PNG", (255, 255, 255)),
        ("RGBA", (20, 20, 20, 254), "WEBP", (20, 20, 20)),
        ("RGB", (1, 2, 3), "BMP", (1, 2, 3)),
        ("RGB", (1, 2, 3), "TIFF", (1, 2, 3)),
        ("P", 0, "GIF", None),
    ],
)
def test_all_kinds_of_colours_come_out_as_rgb(picture_file, mode, color, kind, shown):
    content = picture_file(mode=mode, color=color, kind=kind, size=(64, 64))
    image = prepare_picture(content, "a", PHOTO)
    assert (decoded(image).mode, image.path) == ("RGB", "a.jpg")
    if shown is not None:
        assert max(abs(a - b) for a, b in zip(corner(image), shown, strict=True)) <= 6


def test_a_transparent_palette_lies_on_white():
    picture = Image.new("P", (32, 32), 0)
    picture.putpalette([10, 20, 30])
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", transparency=0)
    image = prepare_picture(buffer.getvalue(), "a.png", PictureRule())
    assert (image.path, corner(image)) == ("a.png", (255, 255, 255))


def test_grey_files_stay_grey_where_that_is_allowed(picture_file):
    content = picture_file(mode="L", color=9)
    assert prepare_picture(content, "a.jpg", PictureRule()).bytes == content
    assert decoded(prepare_picture(content, "a.jpg", PHOTO)).mode == "RGB"


def animated(kind):
    frames = [Image.new("RGB", (40, 30), (i * 60, 0, 0)) for i in range(3)]
    buffer = io.BytesIO()
    frames[0].save(buffer, format=kind, save_all=True, append_images=frames[1:])
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_animated_pictures_are_dropped(kind):
    with pytest.raises(Reject, match=r"animated picture: a\.x: 3 frames"):
        prepare_picture(animated(kind), "a.x", PictureRule())


def test_a_phones_second_view_is_left_out():
    image = prepare_picture(animated("MPO"), "a.jpg", PictureRule())
    assert decoded(image).format == "JPEG"
    assert corner(image)[0] < 10


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda content: b"", "not a picture"),
        (lambda content: b"<html>not found</html>", "not a picture"),
        (lambda content: content[: len(content) // 2], "broken picture"),
        (lambda content: content[:20], "(broken|not a) picture"),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_files_that_are_damaged_are_dropped(kind, damage, reason):
    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, format=kind)
    with pytest.raises(Reject, match=rf"{reason}: a\.jpg"):
        prepare_picture(damage(buffer.getvalue()), "a.jpg", PictureRule())


@pytest.mark.parametrize("side", [40, 60])
def test_bombs_are_dropped_before_they_are_decoded(picture_file, monkeypatch, recwarn, side):
    # Pillow warns from its own limit on, and refuses from twice that on.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1500)
    content = picture_file(size=(side, side), kind="PNG")
    with pytest.raises(Reject, match=r"too many pixels: a\.png"):
        prepare_picture(content, "a.png", PictureRule(max_megapixels=0.0015))
    assert not recwarn.list


def test_tiny_pictures_are_dropped(picture_file):
    with pytest.raises(Reject, match=r"too small: a\.jpg: 40 x 8"):
        prepare_picture(picture_file(size=(40, 8)), "a.jpg", PictureRule())


def test_colours_without_a_range_are_dropped():
    for values in (np.full((32, 32), 70000, np.int32), np.zeros((32, 32), np.float32)):
        buffer = io.BytesIO()
        Image.fromarray(values).save(buffer, format="TIFF")
        with pytest.raises(Reject, match="colours without a known range"):
            prepare_picture(buffer.getvalue(), "a.tif", PictureRule())


def test_names_are_found_in_roots_by_part_and_by_suffix(tmp_path, put_picture):
    first, coco = tmp_path / "all", tmp_path / "coco"
    a = put_picture(first / "gqa" / "1.jpg")
    b = put_picture(coco / "train2017" / "2.jpg")
    c = put_picture(coco / "3.png", kind="PNG")
    folders = PictureFolders([first, coco])
    assert folders.find("gqa/1.jpg") == a
    assert folders.find("coco/train2017/2.jpg") == b
    assert folders.find("train2017/2.jpg") == b
    assert folders.find("elsewhere\\3.jpg") == c
    with pytest.raises(Reject, match=r"missing picture: coco/train2017/9\.jpg"):
        folders.find("coco/train2017/9.jpg")


@pytest.mark.parametrize(
    "name", ["../a.jpg", "/etc/a.jpg", "c:/a.jpg", "x/../../a.jpg", "a\x00", ""]
)
def test_names_that_lead_out_are_refused(tmp_path, name, put_picture):
    put_picture(tmp_path / "a.jpg")
    with pytest.raises(Reject, match="picture outside of the folders"):
        PictureFolders([tmp_path / "inner"]).find(name)


def test_files_that_are_gone_are_named(tmp_path):
    with pytest.raises(Reject, match="missing picture: b"):
        read_file(tmp_path / "a.jpg", "b")
    with pytest.raises(Reject, match="unreadable picture: b"):
        read_file(tmp_path, "b")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"min_side_px": 0}, "min_side_px 0"),
        ({"max_side_px": 5}, "max_side_px 5: give at least"),
        ({"quality": 0}, "quality 0: give 1 to 100"),
        ({"max_megapixels": 0}, "max_megapixels 0"),
        ({"kept_modes": ("CMYK",)}, "allowed are RGB, L"),
    ],
)
def test_numbers_without_sense_are_named(options, told):
    with pytest.raises(VaryError, match=told):
        PictureRule(**options)
