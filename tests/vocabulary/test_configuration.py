import json

import pytest

from vary.vocabulary import ViTDetConfig
from vary.vocabulary.configuration import as_pair


def test_defaults_are_the_papers():
    config = ViTDetConfig()
    assert config.grid_size == (64, 64)
    assert config.token_size == 1024
    assert config.token_grid(1024, 1024) == (16, 16)
    assert config.window_size == (14, 14)
    assert config.global_blocks == [2, 5, 8, 11]


def test_json_and_back_keeps_pairs(make_config, tmp_path):
    config = make_config()
    config.save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "config.json").read_text())
    assert saved["model_type"] == "vary_vitdet"
    assert saved["image_size"] == [16, 96]
    back = ViTDetConfig.from_pretrained(tmp_path)
    for name in ("image_size", "patch_size", "window_size"):
        assert getattr(back, name) == getattr(config, name)
        assert isinstance(getattr(back, name), tuple)
    assert back.ctc_alphabet == " abc"
    assert back.to_dict() == config.to_dict()


@pytest.mark.parametrize("value", [3, [3, 3], (3, 3)])
def test_pair_of_one_number_or_two(value):
    assert as_pair(value, "window_size") == (3, 3)


@pytest.mark.parametrize("value", [0, -1, [], [1], [1, 2, 3], [1, 0], [1.5, 2]])
def test_no_pair(value):
    with pytest.raises(ValueError, match="window_size must be one or two positive integers"):
        as_pair(value, "window_size")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hidden_size": 30}, "hidden_size 30 is not a multiple of num_attention_heads 4"),
        ({"image_size": (16, 100)}, r"image_size \(16, 100\) is not a multiple of patch_size"),
        ({"global_blocks": [2]}, r"global_blocks \[2\] names a block outside 0..1"),
        ({"global_blocks": [-1]}, "names a block outside"),
        ({"positions": "crop"}, "positions must be 'interpolate' or 'slice', got 'crop'"),
        ({"stem": "linear"}, "stem must be 'patch' or 'conv', got 'linear'"),
        ({"merge_channels": [16]}, r"merge_channels must be two widths, got \[16\]"),
        ({"patch_size": 0}, "patch_size must be one or two positive integers, got 0"),
        ({"window_size": (2, 5, 1)}, "window_size must be"),
    ],
)
def test_values_that_cannot_be(make_config, changes, said):
    with pytest.raises(ValueError, match=said):
        make_config(**changes)


@pytest.mark.parametrize(("height", "width"), [(15, 96), (16, 95), (0, 96)])
def test_image_that_is_no_whole_number_of_patches(make_config, height, width):
    said = f"an image of {height}x{width} px is not a whole number of 8x8 px patches"
    with pytest.raises(ValueError, match=said):
        make_config().token_grid(height, width)


@pytest.mark.parametrize(("height", "width"), [(24, 96), (16, 104)])
def test_image_beyond_sliced_positions(make_config, height, width):
    with pytest.raises(ValueError, match=f"{height}x{width} px is larger than 16x96 px"):
        make_config().patch_grid(height, width)
    assert make_config(positions="interpolate").patch_grid(height, width)


@pytest.mark.parametrize(
    ("size", "tokens"), [((16, 96), (1, 3)), ((16, 8), (1, 1)), ((8, 40), (1, 2))]
)
def test_grid_of_tokens_rounds_up(make_config, size, tokens):
    assert make_config().token_grid(*size) == tokens
