import numpy as np
import pytest
import torch
from PIL import Image
from transformers.models.auto.image_processing_auto import AutoImageProcessor

from vary.model import ImageRule, VaryConfig, VaryImageProcessor


def noise(width: int, height: int, seed: int = 3) -> Image.Image:
    rng = np.random.Generator(np.random.PCG64(seed))
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize("resample", ["bilinear", "bicubic"])
def test_resize_is_pillows_with_mean_and_std_of_imagenet(resample):
    picture = noise(50, 70)
    rule = ImageRule("resize", 32, 48, resample=resample)
    pixels = VaryImageProcessor([rule])(picture)["pixel_values"]
    kernel = Image.Resampling[resample.upper()]
    expected = np.asarray(picture.resize((48, 32), kernel), dtype=np.float64) / 255
    expected = (expected - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    assert pixels.shape == (1, 3, 32, 48)
    assert pixels.dtype == torch.float32
    assert np.allclose(pixels[0].permute(1, 2, 0).numpy(), expected, atol=1e-5)


def test_without_antialias_only_the_nearest_pixels_count():
    picture = noise(32, 64)
    rule = ImageRule("resize", 16, 8, antialias=False)
    # Reduced four times, a pixel is the mean of the middle two by two of its four by four.
    given = np.asarray(picture, dtype=np.float64).reshape(16, 4, 8, 4, 3)
    expected = given[:, 1:3, :, 1:3].mean(axis=(1, 3))
    assert np.abs(rule.pixels(picture) - expected).max() <= 0.5
    assert np.abs(ImageRule("resize", 16, 8).pixels(picture) - expected).max() > 20
    assert ImageRule(**rule.to_dict()).antialias is False
    assert "antialias" not in ImageRule("resize", 16, 8).to_dict()
    with pytest.raises(ValueError, match="antialias=False is for mode 'resize'"):
        ImageRule("crop", 8, 8, antialias=False)


def test_own_mean_and_std():
    rule = ImageRule("resize", 8, 8, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    white = VaryImageProcessor([rule])(Image.new("RGB", (5, 5), "white"))["pixel_values"]
    assert torch.allclose(white, torch.ones(1, 3, 8, 8))


@pytest.mark.parametrize(
    ("size", "width", "scaled"),
    [
        ((40, 16), 64, 40),
        ((64, 16), 64, 64),
        ((65, 16), 96, 65),
        ((1, 16), 32, 1),
        ((80, 32), 64, 40),
        ((20, 8), 64, 40),
        ((500, 16), 128, 128),
    ],
)
def test_strips_are_scaled_to_the_height_and_padded_with_white(size, width, scaled):
    rule = ImageRule("strip", 16, 128, step_px=32)
    pixels = rule.pixels(Image.new("RGB", size, "black"))
    assert pixels.shape == (16, width, 3)
    assert (pixels[:, :scaled] == 0).all()
    assert (pixels[:, scaled:] == 255).all()


def test_strip_of_the_right_height_is_untouched():
    strip = np.asarray(noise(64, 16))
    assert np.array_equal(ImageRule("strip", 16, 128, step_px=32).pixels(strip), strip)


def test_widest_strip_may_be_no_multiple_of_the_step():
    assert ImageRule("strip", 16, 72, step_px=32).pixels(noise(70, 16)).shape == (16, 72, 3)


def test_grey_arrays_and_palette_pictures_become_rgb():
    rule = ImageRule("resize", 4, 4)
    assert rule.pixels(np.zeros((9, 7), np.uint8)).shape == (4, 4, 3)
    assert rule.pixels(Image.new("P", (9, 7))).shape == (4, 4, 3)


def test_batch_is_padded_with_white_and_remembers_sizes():
    processor = VaryImageProcessor([{"mode": "strip", "height": 16, "width": 128, "step_px": 32}])
    batch = processor([noise(20, 16), noise(90, 16)])
    alone = processor(noise(20, 16))
    assert batch["pixel_values"].shape == (2, 3, 16, 96)
    assert batch["image_sizes"].tolist() == [[16, 32], [16, 96]]
    assert torch.equal(batch["pixel_values"][:1, :, :, :32], alone["pixel_values"])
    white = (1 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    padding = batch["pixel_values"][0, :, :, 32:]
    assert torch.allclose(padding, white[:, None, None].expand_as(padding), atol=1e-5)


def test_each_vocabulary_has_its_own_pixels():
    processor = VaryImageProcessor([ImageRule("resize", 64, 64), ImageRule("resize", 28, 28)])
    features = processor([noise(50, 70)] * 2)
    assert features["pixel_values"].shape == (2, 3, 64, 64)
    assert features["pixel_values_2"].shape == (2, 3, 28, 28)
    assert features["image_sizes"].tolist() == [[64, 64]] * 2


@pytest.mark.parametrize("load", [VaryImageProcessor, AutoImageProcessor])
def test_json_and_back(tmp_path, load):
    rules = [ImageRule("strip", 48, 1536), ImageRule("resize", 28, 28, resample="bicubic")]
    VaryImageProcessor(rules).save_pretrained(tmp_path)
    VaryConfig().save_pretrained(tmp_path)
    back = load.from_pretrained(tmp_path)
    assert isinstance(back, VaryImageProcessor)
    assert [rule.to_dict() for rule in back.rules] == [rule.to_dict() for rule in rules]


def test_default_is_the_papers():
    (rule,) = VaryImageProcessor().rules
    assert (rule.mode, rule.height, rule.width) == ("resize", 1024, 1024)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"mode": "fit"}, "mode must be one of resize, strip, canvas, crop, got 'fit'"),
        (
            {"resample": "nearest"},
            "resample must be one of bilinear, bicubic, lanczos, got 'nearest'",
        ),
    ],
)
def test_values_that_cannot_be(fields, said):
    with pytest.raises(ValueError, match=said):
        ImageRule(**fields)


def test_each_vocabulary_has_its_own_sizes():
    rules = [ImageRule("resize", 32, 32), ImageRule("strip", 16, 128, step_px=32)]
    features = VaryImageProcessor(rules)([noise(20, 16), noise(90, 16)])
    assert features["image_sizes"].tolist() == [[32, 32]] * 2
    assert features["image_sizes_2"].tolist() == [[16, 32], [16, 96]]


def test_misspelt_arguments_are_refused():
    processor = VaryImageProcessor([ImageRule("resize", 8, 8)])
    assert processor(noise(9, 9), return_tensors="pt")["pixel_values"].shape == (1, 3, 8, 8)
    with pytest.raises(TypeError, match="unexpected keyword argument 'reszie'"):
        processor(noise(9, 9), reszie=False)


@pytest.mark.parametrize(
    ("size", "shape", "scale"),
    [
        ((30, 20), (32, 32), (1, 1)),
        ((64, 96), (96, 64), (1, 1)),
        ((200, 96), (64, 128), (0.64, 0.64)),
    ],
)
def test_a_canvas_is_left_as_it_is_unless_it_is_too_large(size, shape, scale):
    rule = ImageRule("canvas", 96, 128, step_px=32)
    picture = np.zeros((size[1], size[0]), np.uint8)
    pixels = rule.pixels(picture)
    assert pixels.shape == (*shape, 3)
    across, down = rule.scale(*size)
    assert (across, down) == pytest.approx(scale, abs=0.01)
    ink = pixels[..., 0] < 128
    assert ink.sum() == pytest.approx(size[0] * across * size[1] * down, rel=0.05)
    assert ink[: int(size[1] * down) - 1, : int(size[0] * across) - 1].all()


def test_the_scale_of_other_modes():
    assert ImageRule("resize", 64, 128).scale(256, 32) == (0.5, 2.0)
    assert ImageRule("strip", 48, 512).scale(100, 24) == (2.0, 2.0)


@pytest.mark.parametrize("size", [(50, 70), (70, 50), (41, 41), (9, 300)])
def test_crop_is_the_middle_as_transformers_cuts_it(size):
    clip = pytest.importorskip("transformers.models.clip.image_processing_pil_clip")
    theirs = clip.CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=28)
    rule = ImageRule(
        "crop", 28, 28, resize_px=32, resample="bicubic", mean=theirs.image_mean,
        std=theirs.image_std,
    )  # fmt: skip
    picture = noise(*size)
    expected = theirs(picture, return_tensors="pt")["pixel_values"]
    assert torch.allclose(VaryImageProcessor([rule])(picture)["pixel_values"], expected, atol=1e-5)
    back = ImageRule(**rule.to_dict())
    assert np.array_equal(back.pixels(picture), rule.pixels(picture))
    assert rule.scale(50, 100) == (0.64, 0.64)


def test_a_crop_larger_than_its_picture():
    with pytest.raises(ValueError, match=r"a crop of 32x28 px is larger than .* resize_px 30"):
        ImageRule("crop", 32, 28, resize_px=30)
    assert ImageRule("crop", 32, 28).resize_px == 32
