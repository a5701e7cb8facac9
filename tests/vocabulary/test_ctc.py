import pytest
import torch

from vary.vocabulary.ctc import CTCHead, decode_greedy, encode_targets


def logits(*lines: str, classes: str = "-ab ") -> torch.Tensor:
    """Return scores whose best class at each column is the one written there."""
    best = torch.tensor([[classes.index(character) for character in line] for line in lines])
    return torch.nn.functional.one_hot(best, len(classes)).float() * 9


@pytest.mark.parametrize(
    ("path", "text", "columns"),
    [
        ("----", "", []),
        ("ab--", "ab", [0, 1]),
        ("aabb", "ab", [0, 2]),
        ("a-a-", "aa", [0, 2]),
        ("-aa-", "a", [1]),
        ("a b-", "a b", [0, 1, 2]),
        ("aba-", "aba", [0, 1, 2]),
    ],
)
def test_greedy_decoding(path, text, columns):
    ((decoded, places, certainties),) = decode_greedy(logits(path), "ab ")
    assert decoded == text
    assert places == columns
    assert len(certainties) == len(text)
    assert all(0.99 < certainty <= 1 for certainty in certainties)


def test_greedy_decoding_of_a_batch():
    assert [line[0] for line in decode_greedy(logits("a-b-", "--  "), "ab ")] == ["ab", " "]


def test_certainty_is_that_of_the_best_column_of_a_run():
    scores = logits("aaa-")
    scores[0, 1] *= 0.2
    scores[0, 0] *= 0.1
    ((_, columns, (certainty,)),) = decode_greedy(scores, "ab ")
    assert columns == [0]
    assert certainty == pytest.approx(float(scores[0, 2].softmax(-1).max()))


def test_targets():
    flat, lengths = encode_targets(["ab", "", "b a"], "ab ")
    assert flat.tolist() == [1, 2, 2, 3, 1]
    assert lengths.tolist() == [2, 0, 3]
    assert flat.dtype == lengths.dtype == torch.long


def test_targets_of_nothing():
    flat, lengths = encode_targets(["", ""], "ab")
    assert flat.dtype == torch.long
    assert (flat.tolist(), lengths.tolist()) == ([], [0, 0])
    assert lengths.dtype == encode_targets([], "ab")[1].dtype == torch.long


def test_targets_outside_the_alphabet():
    with pytest.raises(ValueError, match="not in the CTC alphabet: 'x' '中'"):
        encode_targets(["a中", "xb"], "ab")


def test_what_is_encoded_is_decoded():
    alphabet = "ab 中"
    flat, _ = encode_targets(["a中 bb"], alphabet)
    path = [part for number in flat.tolist() for part in (number, 0)]
    scores = torch.nn.functional.one_hot(torch.tensor([path]), 5).float()
    assert decode_greedy(scores, alphabet)[0][0] == "a中 bb"


def test_head_reads_columns():
    head = CTCHead(rows=2, channels=3, num_classes=5)
    features = torch.randn(4, 2, 7, 3)
    assert head(features).shape == (4, 7, 5)
    changed = features.clone()
    changed[:, 1, 3, 0] += 1
    moved = (head(changed) - head(features)).abs().sum((0, 2))
    assert (moved > 0).tolist() == [False, False, False, True, False, False, False]


def test_head_on_no_strip():
    with pytest.raises(ValueError, match="strips of 2 rows of patches, got 3"):
        CTCHead(2, 3, 5)(torch.randn(1, 3, 7, 3))


def line_head(columns=1):
    torch.manual_seed(0)
    return CTCHead(3, 8, 5, columns).double()


def test_a_line_on_a_page_is_read_like_the_strip_that_it_fills():
    head = line_head()
    pages = torch.randn(2, 9, 12, 8, dtype=torch.float64)
    boxes = torch.tensor([[0.0, 3.0, 12.0, 6.0], [0.0, 6.0, 12.0, 9.0]])
    logits = head.on_lines(pages, torch.tensor([1, 0]), boxes)
    strips = torch.stack([pages[1, 3:6], pages[0, 6:9]])
    assert torch.allclose(logits, head(strips), atol=1e-5)
    assert not torch.allclose(logits, head(strips.flip(0)), atol=1e-2)


def test_what_stands_beside_a_line_is_blank():
    logits = line_head().on_lines(
        torch.randn(1, 3, 12, 8, dtype=torch.float64),
        torch.tensor([0]),
        torch.tensor([[4.0, 0.0, 8.0, 3.0]]),
    )
    named = logits.softmax(-1)[0, :, 1:].sum(-1)
    assert (named[:3] < 1e-6).all() and (named[9:] < 1e-6).all()
    assert (named[4:8] > 1e-3).all()


def test_lines_between_rows_are_sampled_between_them():
    head = line_head()
    page = torch.arange(9.0, dtype=torch.float64)[None, :, None, None].expand(1, 9, 6, 8)
    kept = []
    head.norm.register_forward_pre_hook(lambda _, given: kept.append(given[0]))
    head.on_lines(page, torch.tensor([0]), torch.tensor([[0.0, 1.5, 6.0, 4.5]]))
    rows = kept[0][0, 0].view(3, 8)[:, 0]
    assert rows.tolist() == pytest.approx([1.5, 2.5, 3.5], abs=1e-5)


def test_there_may_be_several_columns_for_each_patch():
    head = line_head(columns=3)
    assert head(torch.randn(2, 3, 4, 8, dtype=torch.float64)).shape == (2, 12, 5)
    page = torch.randn(1, 5, 4, 8, dtype=torch.float64)
    box = torch.tensor([[2.0, 0.0, 4.0, 3.0]])
    logits = head.on_lines(page, torch.tensor([0]), box)
    assert logits.shape == (1, 12, 5)
    assert (logits[0, :4, 1:] < -1e3).all() and (logits[0, 6:, 1:] > -1e3).all()


def test_half_precision_finds_the_rows():
    head = line_head().float()
    page = torch.randn(1, 64, 4, 8)
    box, first = torch.tensor([[0.0, 61.0, 4.0, 64.0]]), torch.tensor([0])
    exact = head.on_lines(page, first, box)
    with torch.autocast("cpu", torch.bfloat16):
        near = head.on_lines(page.bfloat16(), first, box)
    assert torch.allclose(exact, near.float(), atol=0.1)


def test_a_narrow_head_has_few_parameters_and_the_same_form():
    wide, narrow = CTCHead(3, 16, 5000), CTCHead(3, 16, 5000, rank=8)
    features = torch.randn(2, 3, 7, 16)
    assert narrow(features).shape == wide(features).shape == (2, 7, 5000)
    sizes = [sum(p.numel() for p in head.parameters()) for head in (wide, narrow)]
    assert sizes[1] < sizes[0] / 4
