import sys
from types import SimpleNamespace

import pytest

from vary.errors import MissingExtraError, MissingResourceError, VaryError
from vary.eval.metrics import meteor, text_metrics
from vary.eval.metrics.meteor import load_wordnet


class FakeWordNet:
    """Knows that a car is an auto, and big is vast."""

    groups = (("car", "auto", "automobile", "motor_car"), ("big", "vast"))

    def synsets(self, word):
        return [
            SimpleNamespace(lemmas=lambda group=group: [self.lemma(name) for name in group])
            for group in self.groups
            if word in group
        ]

    def lemma(self, name):
        return SimpleNamespace(name=lambda: name)


def score(matches, chunks, predicted, true):
    precision, recall = matches / predicted, matches / true
    mean = precision * recall / (0.9 * precision + 0.1 * recall)
    return mean * (1 - 0.5 * (chunks / matches) ** 3)


@pytest.mark.parametrize(
    ("prediction", "truth", "expected"),
    [
        ("", "", 1.0),
        ("", "a b", 0.0),
        ("a b", "", 0.0),
        ("a b", "c d", 0.0),
        ("a b c d", "a b c d", score(4, 1, 4, 4)),
        ("A B c d", "a b c d", score(4, 1, 4, 4)),  # case is left aside
        ("c d a b", "a b c d", score(4, 2, 4, 4)),
        ("a b", "a b c d", score(2, 1, 2, 4)),
        ("a b c d", "a b", score(2, 1, 4, 2)),
        ("cats run", "cat running", score(2, 1, 2, 2)),  # stems
        ("the car is big", "the auto is vast", score(4, 1, 4, 4)),  # synonyms
        # By then words are stems: "automobil" is in no group.
        ("the car is big", "the automobile is vast", score(3, 2, 4, 4)),
        ("the van is big", "the auto is vast", score(3, 2, 4, 4)),
        ("视觉 词表 模型", "视觉 词表", score(2, 1, 3, 2)),
    ],
)
def test_values_worked_out_by_hand(prediction, truth, expected):
    value = meteor(prediction.split(), truth.split(), wordnet=FakeWordNet())
    assert value == pytest.approx(expected, abs=1e-12)


@pytest.fixture
def no_wordnet(monkeypatch):
    nltk_data = pytest.importorskip("nltk.data")
    corpus = pytest.importorskip("nltk.corpus")
    from nltk.corpus.reader.wordnet import WordNetCorpusReader
    from nltk.corpus.util import LazyCorpusLoader

    monkeypatch.setattr(nltk_data, "path", [])
    unloaded = LazyCorpusLoader("wordnet", WordNetCorpusReader, None)
    monkeypatch.setattr(corpus, "wordnet", unloaded)
    load_wordnet.cache_clear()
    yield
    load_wordnet.cache_clear()


def test_without_wordnet_one_line_says_how_to_get_it(no_wordnet, capfd):
    with pytest.raises(MissingResourceError, match=r"python -m nltk.downloader wordnet") as caught:
        meteor(["a"], ["b"])
    assert isinstance(caught.value, VaryError)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_without_wordnet_the_other_metrics_run(no_wordnet):
    assert text_metrics("a b c d", "a b c d")["f1"] == 1.0
    with pytest.raises(MissingResourceError):
        text_metrics("a b c d", "a b c d", with_meteor=True)


def test_without_nltk_the_way_out_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "nltk.translate.meteor_score", None)
    with pytest.raises(MissingExtraError, match="eval"):
        meteor(["a"], ["b"], wordnet=FakeWordNet())
