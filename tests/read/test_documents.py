import struct
import zlib

import numpy as np
import pypdfium2 as pdfium
import pytest
from PIL import Image

from vary.errors import InputError, VaryError
from vary.read.documents import (
    Document,
    DocumentConfig,
    PixelDocument,
    open_document,
    parse_pages,
    select_pages,
)


def png_header(width: int, height: int) -> bytes:
    """Return a PNG that says how large it is and holds next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def only_page(source) -> np.ndarray:
    with open_document(source) as document:
        assert document.num_pages == 1
        image = document.page(1)
    assert image.mode == "RGB"
    return np.asarray(image)


def refusal(source, *words: str) -> str:
    """Return the message of a refusal, which has to name the input and the given words."""
    with pytest.raises(InputError) as caught:
        open_document(source).page(1)
    message = str(caught.value)
    for word in (str(source), *words):
        assert word in message, message
    return message


@pytest.fixture
def corner(tmp_path):
    """Return a white picture with a black upper left quarter."""
    image = Image.new("RGB", (40, 20), "white")
    image.paste("black", (0, 0, 20, 10))
    return image


def assert_is_corner(pixels: np.ndarray, tolerance: int = 0) -> None:
    assert pixels.shape == (20, 40, 3)
    assert pixels[2:8, 2:18].max() <= tolerance
    assert pixels[12:, :].min() >= 255 - tolerance
    assert pixels[:, 22:].min() >= 255 - tolerance


# -- PDF ---------------------------------------------------------------------------------------


def test_a_pdf_page_is_rendered_large_enough_to_read(tmp_path, draw_page, write_pdf):
    path = write_pdf(tmp_path / "a.pdf", [draw_page(["Hello"], (612, 792))])
    with open_document(path) as document:
        assert document.page(1).size == (1530, 1980)
        assert document.name == str(path)
        assert not document.note


@pytest.mark.parametrize(
    ("size_pt", "dpi"),
    [((595, 842), 169.3), ((144, 72), 300), ((1684, 2384), 120), ((14400, 14400), 25)],
)
def test_the_resolution_follows_the_sheet(tmp_path, size_pt, dpi):
    pdf = pdfium.PdfDocument.new()
    pdf.new_page(*size_pt)
    pdf.save(str(tmp_path / "a.pdf"))
    with open_document(tmp_path / "a.pdf") as document:
        assert document.page(1).size[0] == pytest.approx(size_pt[0] * dpi / 72, abs=2)


def test_a_pdf_is_known_by_its_content(tmp_path, draw_page, write_pdf):
    path = write_pdf(tmp_path / "scan.png", [draw_page(["Hello"])] * 2)
    assert open_document(path).num_pages == 2


def test_a_pdf_with_a_password(tmp_path, draw_page, write_pdf):
    path = write_pdf(tmp_path / "a.pdf", [draw_page([])], has_password=True)
    refusal(path, "password", "save a copy without")


def test_a_pdf_of_no_pages(tmp_path, write_pdf):
    refusal(write_pdf(tmp_path / "a.pdf", []), "has no pages", "make it again")


@pytest.mark.parametrize("share", [0.01, 0.5, 0.98])
def test_a_truncated_pdf(tmp_path, draw_page, write_pdf, share):
    path = write_pdf(tmp_path / "a.pdf", [draw_page(["Hello"])])
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    refusal(path, "truncated", "copy or download")


def test_a_pdf_without_its_end_says_so(tmp_path, draw_page, write_pdf):
    path = write_pdf(tmp_path / "a.pdf", [draw_page(["Hello"])])
    path.write_bytes(path.read_bytes().removesuffix(b"%%EOF\n"))
    with open_document(path) as document:
        assert "may be cut off" in document.note
        document.page(1)


def test_a_broken_page_does_not_hide_the_others(tmp_path, draw_page, write_pdf):
    path = write_pdf(tmp_path / "a.pdf", [draw_page(["one"]), None, draw_page(["three"])])
    with open_document(path) as document:
        assert document.num_pages == 3
        with pytest.raises(InputError, match=r"page is damaged.*save it again"):
            document.page(2)
        assert np.asarray(document.page(3)).min() < 100


# -- images ------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "tiff", "gif", "bmp", "ppm", "jp2"])
def test_image_formats(tmp_path, corner, ending):
    path = tmp_path / f"a.{ending}"
    corner.save(path, **({"quality": 95} if ending in {"jpg", "webp"} else {}))
    assert_is_corner(only_page(path), tolerance=40)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "LAB", "HSV", "YCbCr"])
def test_modes_in_memory(corner, mode):
    image = corner if mode != "LAB" else Image.new("LAB", corner.size, (255, 128, 128))
    if mode == "LAB":
        image.paste((0, 128, 128), (0, 0, 20, 10))
    assert_is_corner(only_page(image.convert(mode)), tolerance=3)


def test_cmyk(tmp_path, corner):
    corner.convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.mode == "CMYK"
    assert_is_corner(only_page(tmp_path / "a.jpg"), tolerance=12)


@pytest.mark.parametrize("white", [65535, 4095])
@pytest.mark.parametrize("ending", ["png", "tiff"])
def test_16_bit(tmp_path, corner, white, ending):
    grey = np.asarray(corner.convert("L")).astype(np.uint16) // 255 * white
    Image.fromarray(grey).save(tmp_path / f"a.{ending}")
    with Image.open(tmp_path / f"a.{ending}") as image:
        assert image.mode.startswith("I")
    assert_is_corner(only_page(tmp_path / f"a.{ending}"))


@pytest.mark.parametrize("white", [1.0, 255.0, 65535.0])
def test_float_tiff(tmp_path, corner, white):
    grey = np.asarray(corner.convert("L")).astype(np.float32) / 255 * white
    Image.fromarray(grey).save(tmp_path / "a.tiff")
    assert_is_corner(only_page(tmp_path / "a.tiff"))


def test_a_palette_with_transparency_lies_on_white(tmp_path, corner):
    image = corner.convert("L").point(lambda value: 0 if value == 0 else 1).convert("L")
    image = Image.frombytes("P", image.size, image.tobytes())
    image.putpalette([0, 0, 0, 10, 20, 30])
    image.save(tmp_path / "a.png", transparency=1)
    assert_is_corner(only_page(tmp_path / "a.png"))


def test_half_transparent_ink_becomes_grey(tmp_path):
    Image.new("RGBA", (4, 4), (0, 0, 0, 128)).save(tmp_path / "a.png")
    assert only_page(tmp_path / "a.png").mean() == pytest.approx(127, abs=1)


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (3, Image.Transpose.ROTATE_180),
        (6, Image.Transpose.ROTATE_90),
        (8, Image.Transpose.ROTATE_270),
    ],
)
@pytest.mark.parametrize("ending", ["jpg", "png", "tiff"])
def test_exif_rotation(tmp_path, corner, orientation, turn, ending):
    exif = Image.Exif()
    exif[0x0112] = orientation
    corner.transpose(turn).save(tmp_path / f"a.{ending}", exif=exif)
    assert_is_corner(only_page(tmp_path / f"a.{ending}"), tolerance=40)


def test_every_frame_of_a_tiff_is_a_page(tmp_path):
    frames = [Image.new("L", (10 + index, 10), 60 * index) for index in range(4)]
    frames[0].save(tmp_path / "a.tiff", save_all=True, append_images=frames[1:])
    with open_document(tmp_path / "a.tiff") as document:
        assert document.num_pages == 4
        for number in (3, 1, 4, 2):
            page = document.page(number)
            assert page.size == (9 + number, 10)
            assert page.getpixel((0, 0)) == (60 * (number - 1),) * 3


@pytest.mark.parametrize("ending", ["gif", "webp", "png"])
def test_of_an_animation_the_first_frame_is_read_and_said_so(tmp_path, corner, ending):
    others = [Image.new("RGB", corner.size, colour) for colour in ("red", "blue")]
    corner.save(
        tmp_path / f"a.{ending}",
        save_all=True,
        append_images=others,
        **{"lossless": True} if ending == "webp" else {},
    )
    with open_document(tmp_path / f"a.{ending}") as document:
        assert document.num_pages == 1
        assert "first of its 3 frames" in document.note
        assert_is_corner(np.asarray(document.page(1)))


def test_oversampled_images_are_reduced(tmp_path):
    image = Image.new("L", (300, 200), 255)
    document = PixelDocument(image, DocumentConfig(max_page_pixels=20_000))
    assert document.page(1).size == (150, 100)


# -- bad input ---------------------------------------------------------------------------------


def test_a_missing_file(tmp_path):
    refusal(tmp_path / "none.pdf", "no such file", "check the path")


def test_an_empty_file(tmp_path):
    (tmp_path / "a.png").touch()
    refusal(tmp_path / "a.png", "is empty", "copy or download")


def test_a_folder_is_no_document(tmp_path):
    refusal(tmp_path, "folder", "give one of its files")


@pytest.mark.parametrize("ending", ["png", "jpg", "tiff", "webp", "gif"])
def test_a_truncated_image(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=r"(truncated|damaged).*again"):
        open_document(path).page(1)


def test_text_renamed_png(tmp_path):
    (tmp_path / "a.png").write_text("Grüße, this is no picture.", encoding="utf-8")
    refusal(tmp_path / "a.png", "plain text", ".png", "readable are PDF, PNG")


def test_another_kind_of_file(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04\xff\xfe\x00" * 20)
    refusal(tmp_path / "a.zip", "neither a PDF nor an image", "readable are PDF, PNG")


def test_a_postscript_picture_is_not_handed_to_a_program(tmp_path):
    (tmp_path / "a.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n")
    refusal(tmp_path / "a.eps", "readable are PDF, PNG")


@pytest.mark.parametrize("side", [30_000, 9_500])
def test_a_huge_image_is_refused_by_its_header(tmp_path, side, monkeypatch):
    (tmp_path / "a.png").write_bytes(png_header(side, side))

    def fail(*_):
        raise AssertionError("the image was decoded")

    monkeypatch.setattr(Image.Image, "load", fail)
    refusal(tmp_path / "a.png", "at most 80 million pixels", "make it smaller")


def test_a_huge_frame_is_refused_too(tmp_path):
    frames = [Image.new("1", (10, 10)), Image.new("1", (200, 200))]
    frames[0].save(tmp_path / "a.tiff", save_all=True, append_images=frames[1:])
    document = open_document(tmp_path / "a.tiff", DocumentConfig(max_image_pixels=1000))
    document.page(1)
    with pytest.raises(InputError, match="200 x 200"):
        document.page(2)


@pytest.mark.parametrize("shape", [(0, 5), (4,), (4, 4, 2), (4, 4, 3, 1)])
def test_an_array_that_is_no_image(shape):
    with pytest.raises(InputError, match="is no image"):
        open_document(np.zeros(shape, dtype=np.uint8))


@pytest.mark.parametrize(
    "array",
    [
        np.full((4, 4), 255, np.uint8),
        np.full((4, 4, 1), 255, np.uint8),
        np.full((4, 4, 3), 255, np.uint8),
        np.ones((4, 4), bool),
        np.ones((4, 4, 3), np.float32),
        np.full((4, 4), 65535, np.uint16),
    ],
)
def test_arrays(array):
    assert only_page(array).min() == 255


# -- page ranges -------------------------------------------------------------------------------


class TenPages(Document):
    name, num_pages = "ten.pdf", 10

    def page(self, number):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("pages", "numbers"),
    [
        (None, list(range(1, 11))),
        ("3", [3]),
        ("1-3", [1, 2, 3]),
        ("9-", [9, 10]),
        (" 7 - 8 , 2 , 8", [2, 7, 8]),
        ([5, 2, 5], [2, 5]),
    ],
)
def test_page_ranges(pages, numbers):
    assert select_pages(pages, TenPages()) == numbers


@pytest.mark.parametrize("pages", ["11", "1-11", "11-", "3,999999999", [0], [11]])
def test_a_page_past_the_end_names_the_number_of_pages(pages):
    with pytest.raises(InputError, match=r"ten\.pdf: page \d+ .* pages 1 to 10; choose among"):
        select_pages(pages, TenPages())


@pytest.mark.parametrize("text", ["", "0", "-3", "x", "3-1", "1,,2", "1-2-3", "1.5"])
def test_page_ranges_that_are_not_understood(text):
    with pytest.raises(VaryError, match="write 3, 1-5"):
        parse_pages(text)
