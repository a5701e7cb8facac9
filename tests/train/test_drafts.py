"""Faults in drafts."""

import numpy as np

from vary.train.drafts import spoil

TEXT = "Seventeen lanterns hung above the market square. " * 4
ALPHABET = "abcdefghijklmnopqrstuvwxyz"


def test_spoiled_drafts():
    rng, same = np.random.default_rng(0), np.random.default_rng(0)
    drafts = [spoil(TEXT, ALPHABET, rng) for _ in range(300)]
    assert drafts == [spoil(TEXT, ALPHABET, same) for _ in range(300)]
    # Seven of ten lines are left as they are; of the others few are untouched by chance.
    assert 0.63 <= sum(draft == TEXT for draft in drafts) / 300 <= 0.78
    lengths = [len(draft) for draft in drafts]
    assert min(lengths) < len(TEXT) < max(lengths) + 1
    assert min(lengths) > 0.8 * len(TEXT)
    assert spoil("", ALPHABET, np.random.default_rng(0)) == ""


def test_good_drafts_have_fewer_faults_but_more_often():
    def faults(**kind):
        rng = np.random.default_rng(0)
        drafts = [spoil(TEXT, ALPHABET, rng, **kind) for _ in range(300)]
        wrong = [sum(a != b for a, b in zip(d, TEXT, strict=False)) for d in drafts]
        return sum(map(bool, wrong)), max(abs(len(d) - len(TEXT)) for d in drafts)

    often, most = faults(is_good=True)
    usual, most_usual = faults()
    assert often > usual
    assert most < most_usual
