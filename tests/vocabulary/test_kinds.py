"""The kind head tells pictures apart by the spread of patch features."""

import numpy as np
import pytest
import torch

from vary.vocabulary import ViTDetConfig, ViTDetVocabulary
from vary.vocabulary.kinds import KindHead


@pytest.fixture
def features():
    return torch.from_numpy(np.random.default_rng(0).normal(2, 3, (4, 3, 10, 5))).float()


def test_the_spread_is_mean_and_deviation_without_padding(features):
    own = features[:, :, :7].numpy()
    features[:, :, 7:] = 1e6
    spread = KindHead.spread(features, 7).numpy()
    assert spread.shape == (KindHead.width(5),)
    np.testing.assert_allclose(spread[:5], own.mean((0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(spread[5:10], own.std((0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(spread[10:], own.mean((1, 2)).std(0), rtol=1e-4)


def test_a_picture_narrower_than_a_patch_has_one_column(features):
    torch.testing.assert_close(KindHead.spread(features, 0), KindHead.spread(features, 1))


def test_the_head_tells_what_it_was_made_to(features):
    head = KindHead(5, 2)
    with torch.no_grad():
        head.classify.weight.zero_()
        head.classify.weight[1, 5:10] = 1.0  # the second kind is that of large spread
        head.classify.bias.copy_(torch.tensor([5.0, 0.0]))
    assert head(features, 10).argmax() == 1
    assert head(features * 0.01, 10).argmax() == 0


def test_only_a_vocabulary_that_names_kinds_has_the_head(tmp_path):
    sizes = {
        "image_size": 32, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1,
        "window_size": 2, "global_blocks": [0], "out_channels": 6, "merge_channels": [4, 4],
    }  # fmt: skip
    assert ViTDetVocabulary(ViTDetConfig(**sizes)).kind_head is None
    vocabulary = ViTDetVocabulary(ViTDetConfig(**sizes, kinds=("document", "natural")))
    vocabulary.save_pretrained(tmp_path)
    again = ViTDetVocabulary.from_pretrained(tmp_path)
    assert again.config.kinds == ["document", "natural"]
    kept, given = again.kind_head.classify.weight, vocabulary.kind_head.classify.weight
    torch.testing.assert_close(kept, given)
