"""Turn an image into vision tokens, and see where on the page a token looks.

Run: python examples/vocabulary_tokens.py
"""

import torch

from vary.vocabulary import ViTDetConfig, ViTDetVocabulary

# A small network, so that this takes a second; `ViTDetConfig()` alone is the paper's size.
SMALL = ViTDetConfig(
    image_size=256,
    hidden_size=64,
    num_hidden_layers=2,
    num_attention_heads=2,
    window_size=7,
    global_blocks=[1],
    out_channels=32,
    merge_channels=[64, 128],
)


def main() -> None:
    """Print sizes, and how far a token changes when one corner of the image does."""
    torch.manual_seed(0)
    vocabulary = ViTDetVocabulary(SMALL).eval()
    num_parameters = sum(parameter.numel() for parameter in vocabulary.parameters())
    print(f"{num_parameters:,} parameters, untrained")

    page = torch.zeros(1, 3, 256, 256)
    marked = page.clone()
    marked[..., :64, :64] = 1.0
    with torch.inference_mode():
        blank_tokens = vocabulary(page).last_hidden_state
        marked_tokens = vocabulary(marked).last_hidden_state
        wide_tokens = vocabulary(torch.zeros(1, 3, 128, 512)).last_hidden_state
    rows, columns = SMALL.token_grid(256, 256)
    print(f"256 x 256 px: {tuple(blank_tokens.shape)}, {rows} rows of {columns} tokens")
    print(f"128 x 512 px: {tuple(wide_tokens.shape)}, positions interpolated")

    print("change of each token when the upper left corner is marked:")
    change = (marked_tokens - blank_tokens).norm(dim=-1).reshape(rows, columns)
    for row in change / change.max():
        print("  " + " ".join(f"{value:.2f}" for value in row.tolist()))


if __name__ == "__main__":
    main()
