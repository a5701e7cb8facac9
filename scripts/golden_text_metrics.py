"""Write the golden cases of the text metrics: tests/eval/metrics/golden/text.json.

The expected values come from nltk, rouge_score, jieba, and from plain implementations below that
share nothing with the package: tables filled cell by cell, sets and counts in fractions, Chinese
told by the names of characters. METEOR needs WordNet 3.0 (`python -m nltk.downloader wordnet`).

    python scripts/golden_text_metrics.py [--out FILE]
"""

import argparse
import json
import logging
import random
import tempfile
import unicodedata
import warnings
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import jieba  # type: ignore[import-untyped]
import nltk  # type: ignore[import-untyped]
from nltk.translate.meteor_score import meteor_score  # type: ignore[import-untyped]
from rouge_score.rouge_scorer import RougeScorer  # type: ignore[import-untyped]

ENGLISH = (
    "The vocabulary of a vision language model decides what it can see: a page of dense text needs "
    "tokens that carry every character, and a photograph needs far fewer of them."
)
CHINESE = (
    "视觉词表决定了模型能看见什么：一页密集的文字需要能够承载每个字符的词元，"
    "而一张照片只需要很少的词元。"
)
MIXED = "我们用 Vary-tiny 训练了 10 个 epoch，学习率 5e-5，在 OCR 任务上的 F1 达到 86.00%。"
LONG_SEED = 20231


def noisy(text: str, seed: int, rate: float) -> str:
    """Return the text with characters exchanged, lost and doubled."""
    rng = random.Random(seed)
    out = []
    for character in text:
        draw = rng.random()
        if draw < rate:
            out.append(rng.choice(text))
        elif draw < 1.5 * rate:
            continue
        elif draw < 2 * rate:
            out.append(character * 2)
        else:
            out.append(character)
    return "".join(out)


def long_text(pieces: Sequence[str], seed: int, length: int) -> str:
    """Return a text of about this length, drawn from pieces with some of them more often."""
    rng = random.Random(seed)
    weights = [1 / (rank + 1) for rank in range(len(pieces))]
    text = ""
    while len(text) < length:
        text += rng.choices(pieces, weights)[0]
    return text


LONG_ENGLISH = long_text([word + " " for word in ENGLISH.split()], LONG_SEED, 1500)
LONG_CHINESE = long_text([CHINESE[i : i + 3] for i in range(0, 48, 3)], LONG_SEED, 1200)

# Why, prediction, truth.
PAIRS = [
    ("two empty texts", "", ""),
    ("nothing was read", "", "one two three four"),
    ("all is invented", "one two three four", ""),
    ("nothing was read of Chinese", "", "视觉词表"),
    ("only white space was read", " \n\t ", "one two three four"),
    ("both are white space", " \n", "\u3000\t"),
    ("white space against nothing", "  ", ""),
    ("one word, right", "word", "word"),
    ("one word, wrong", "ward", "word"),
    ("two words, right: too few for BLEU", "two words", "two words"),
    ("four words, right", "one two three four", "one two three four"),
    ("four words, one wrong", "one two free four", "one two three four"),
    ("case counts", "One Two Three Four five", "one two three four five"),
    ("punctuation stays with its word", "one, two. three; four!", "one two three four"),
    ("order exchanged", "three four one two", "one two three four"),
    ("order reversed", "e d c b a", "a b c d e"),
    ("the lines exchanged", "second line here now\nfirst line", "first line\nsecond line here now"),
    ("a word repeated in the answer", "the the the the the the", "the cat sat on the mat"),
    ("a word repeated in the truth", "the cat", "the the the cat cat"),
    ("a loop", "to be or not " * 12, "to be or not to be that is the question"),
    ("the truth ten times", "a page of text here " * 10, "a page of text here"),
    ("the answer stops early", ENGLISH[:60], ENGLISH),
    ("the answer goes on", ENGLISH + " And it is very large indeed, is it not?", ENGLISH),
    ("white space runs are one space", "a  b\n\n c\td e", "a b c d e"),
    ("white space at the ends", "  a b c d  ", "a b c d"),
    ("no-break and wide spaces are white space", "a\u00a0b\u3000c d", "a b c d"),
    ("words joined", "onetwo three four five", "one two three four five"),
    ("a word cut in two", "vocab ulary of a model", "vocabulary of a model"),
    ("a hyphen at a line's end", "vocabu-\nlary of a model", "vocabulary of a model"),
    ("an English sentence, right", ENGLISH, ENGLISH),
    ("an English sentence, few errors", noisy(ENGLISH, 1, 0.02), ENGLISH),
    ("an English sentence, many errors", noisy(ENGLISH, 2, 0.15), ENGLISH),
    ("stems match in METEOR", "cats running quickly home", "cat run quick home"),
    ("synonyms match in METEOR", "the car is big and fast", "the automobile is large and quick"),
    ("numbers", "12.5 % of 1,024 tokens", "12.6 % of 1,024 tokens"),
    ("a formula", r"\( E = mc^2 \) holds", r"\( E = mc^{2} \) holds"),
    ("Markdown", "# Title\n\n- one\n- two", "# Title\n\n* one\n* two"),
    ("a letter with a combining accent", "cafe\u0301 au lait chaud", "café au lait chaud"),
    ("combining accents on both sides", "e\u0301e\u0300", "e\u0300e\u0301"),
    ("a ligature", "of\ufb01cial text of state", "official text of state"),
    ("Cyrillic look-alikes", "vосаbulаry of a model", "vocabulary of a model"),
    ("Greek", "το λεξιλόγιο της όρασης", "το λεξιλόγιο της όρασης."),
    ("right to left", "مفردات الرؤية هنا الآن", "مفردات الرؤية هنا"),
    ("an emoji of several code points", "a 👩‍🔬 here now then", "a 👩 here now then"),
    ("Hangul is cut at white space", "시각 어휘 모델 입니다", "시각 어휘 모델입니다"),
    ("kana alone is cut at white space", "ひらがな の テスト です", "ひらがな の テスト です"),
    ("Japanese with ideographs is cut by jieba", "視覚語彙のテストです", "視覚語彙のテスト"),
    ("one Chinese character, right", "字", "字"),
    ("one Chinese character, wrong", "学", "字"),
    ("a Chinese sentence, right", CHINESE, CHINESE),
    ("a Chinese sentence, few errors", noisy(CHINESE, 3, 0.03), CHINESE),
    ("a Chinese sentence, many errors", noisy(CHINESE, 4, 0.2), CHINESE),
    (
        "a line ends within a Chinese word",
        "视觉词\n表决定了模\n型能看见什么",
        "视觉词表决定了模型能看见什么",
    ),
    (
        "gaps between Chinese and Latin",
        "用Vary训练10轮，学习率5e-5",
        "用 Vary 训练 10 轮，学习率 5e-5",
    ),
    (
        "gaps between Latin words in Chinese",
        "用 vision language model 读取文字",
        "用 visionlanguage model 读取文字",
    ),
    ("traditional for simplified", "視覺詞彙表決定了模型", "视觉词汇表决定了模型"),
    ("full-width letters and digits", "ＯＣＲ 任务 １２３ 完成", "OCR 任务 123 完成"),
    ("full-width punctuation", "一页,密集的文字.完成了", "一页，密集的文字。完成了"),
    ("Chinese repeated", "的的的的的的的的的的", "我们的模型的词表"),
    ("a Chinese loop", "视觉词表" * 12, "视觉词表决定了模型能看见什么"),
    ("mixed, right", MIXED, MIXED),
    ("mixed, few errors", noisy(MIXED, 5, 0.04), MIXED),
    ("mixed, many errors", noisy(MIXED, 6, 0.2), MIXED),
    ("Chinese read for English", "这是一页文字", "This is a page of text"),
    ("English read for Chinese", "This is a page of text", "这是一页文字"),
    ("one Chinese character in an English answer", ENGLISH + "的", ENGLISH),
    ("one Chinese character in an English truth", ENGLISH, ENGLISH.replace("page", "页")),
    ("extension A", "㐀㐁㐂 丁丂七", "㐀㐁㐃 丁丂七"),
    ("extension B alone", "\U00020001\U00020002 \U00020003", "\U00020001\U00020002\U00020004"),
    ("compatibility ideographs", "\uf900\uf901 文字", "\uf900\uf902 文字"),
    ("the zero of dates", "二〇二三年十二月", "二O二三年十二月"),
    ("names that stand in no dictionary", "黎星野和邬令宇写了万语", "黎星野和邬令字写了万语"),
    ("NUL and controls", "a\x00b c\x07 d e f", "ab c d e f"),
    ("the replacement character", "a \ufffd c d e", "a b c d e"),
    ("a BOM", "\ufeffone two three four", "one two three four"),
    ("very long English", noisy(LONG_ENGLISH, 7, 0.03), LONG_ENGLISH),
    ("very long Chinese", noisy(LONG_CHINESE, 8, 0.03), LONG_CHINESE),
    ("long against short", LONG_ENGLISH, LONG_ENGLISH[:200]),
]


def is_chinese(text: str) -> bool:
    """Return whether a character is an ideograph by its name, or the zero of dates."""
    kinds = ("CJK UNIFIED IDEOGRAPH-", "CJK COMPATIBILITY IDEOGRAPH-", "IDEOGRAPHIC NUMBER ZERO")
    return any(unicodedata.name(character, "").startswith(kinds) for character in text)


def words_of(text: str, cut: bool) -> list[str]:
    """Return the words of a text; where jieba cuts, gaps beside ideographs are closed first."""
    if not cut:
        return text.split()
    parts = text.split()
    joined = parts[0] if parts else ""
    for before, part in pairwise(parts):
        gap = "" if is_chinese(before[-1]) or is_chinese(part[0]) else " "
        joined += gap + part
    return [word for word in jieba.lcut(joined) if word.strip()]


def distance_table(first: Sequence[str], second: Sequence[str]) -> int:
    """Return the Levenshtein distance, cell by cell."""
    row = list(range(len(second) + 1))
    for i, one in enumerate(first, start=1):
        above, row = row, [i]
        for j, other in enumerate(second, start=1):
            row.append(min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (one != other)))
    return row[-1]


def common_table(first: Sequence[str], second: Sequence[str]) -> int:
    """Return the length of the longest common subsequence, cell by cell."""
    row = [0] * (len(second) + 1)
    for one in first:
        above, row = row, [0]
        for j, other in enumerate(second, start=1):
            row.append(above[j - 1] + 1 if one == other else max(above[j], row[j - 1]))
    return row[-1]


def shares(common: int, predicted: int, true: int) -> list[float]:
    """Return precision, recall and F1; all 1 where both are empty, all 0 where one is."""
    if not predicted and not true:
        return [1.0, 1.0, 1.0]
    if not common:
        return [0.0, 0.0, 0.0]
    precision, recall = Fraction(common, predicted), Fraction(common, true)
    f1 = 2 * precision * recall / (precision + recall)
    return [float(precision), float(recall), float(f1)]


class Words:
    """A tokenizer for rouge_score that hands it words that are cut already."""

    def tokenize(self, text: str) -> list[str]:
        """Return the words of a JSON list."""
        words: list[str] = json.loads(text)
        return words


def expected(prediction: str, truth: str) -> dict[str, Any]:
    """Return metric -> value."""
    cut = is_chinese(prediction) or is_chinese(truth)
    words, true_words = words_of(prediction, cut), words_of(truth, cut)
    gap = "" if is_chinese(truth) else " "
    read, true = gap.join(prediction.split()), gap.join(truth.split())
    errors = distance_table(read, true)
    assert errors == nltk.edit_distance(read, true)
    of_sets = shares(len(set(words) & set(true_words)), len(set(words)), len(set(true_words)))
    bags = Counter(words), Counter(true_words)
    of_bags = shares((bags[0] & bags[1]).total(), len(words), len(true_words))
    common = common_table(words, true_words)
    rouge = shares(common, len(words), len(true_words))
    if words or true_words:
        scorer = RougeScorer(["rougeL"], tokenizer=Words())
        by_google = scorer.score(json.dumps(true_words), json.dumps(words))["rougeL"]
        assert max(abs(a - b) for a, b in zip(rouge, by_google, strict=True)) < 1e-12
    is_nothing = not words and not true_words
    return {
        "edit_distance": errors / max(len(read), len(true), 1),
        "precision": of_sets[0],
        "recall": of_sets[1],
        "f1": of_sets[2],
        "bag_precision": of_bags[0],
        "bag_recall": of_bags[1],
        "bag_f1": of_bags[2],
        "bleu": 1.0 if is_nothing else nltk.translate.bleu([true_words], words),
        "rouge_l": rouge[2],
        "rouge_l_recall": rouge[1],
        "cer": [errors, len(true)],
        "wer": [distance_table(words, true_words), len(true_words)],
        "meteor": 1.0 if is_nothing else meteor_score([true_words], words),
        "words": [words, true_words] if len(words) < 80 else None,
    }


def by_script(prediction: str, truth: str, mode: str) -> dict[str, float | None] | None:
    """Return what a published script gives: None for a dropped page, None values for an error."""
    short = {"fox": 0, "got": 1, "nougat": 4}[mode]
    if min(len(prediction), len(truth)) < short:
        return None
    if mode == "nougat" or not any("\u4e00" <= c <= "\u9fa5" for c in prediction + truth):
        answer, label = prediction.split(), truth.split()
    else:
        answer, label = jieba.lcut(prediction), jieba.lcut(truth)
    hypothesis, reference = (answer, label) if mode == "nougat" else (label, answer)
    longer = max(len(prediction), len(truth))
    return {
        "edit_distance": nltk.edit_distance(prediction, truth) / longer if longer else None,
        "f1": nltk.f_measure(set(reference), set(hypothesis)),
        "precision": nltk.precision(set(reference), set(hypothesis)),
        "recall": nltk.recall(set(reference), set(hypothesis)),
        "bleu": nltk.translate.bleu([reference], hypothesis),
        "meteor": meteor_score([reference], hypothesis),
    }


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    folder = Path(__file__).parents[1] / "tests" / "eval" / "metrics" / "golden"
    parser.add_argument("--out", type=Path, default=folder / "text.json")
    out = parser.parse_args().out
    jieba.setLogLevel(logging.WARNING)
    warnings.simplefilter("ignore")  # nltk's, of n-grams that do not occur
    cases = []
    with tempfile.TemporaryDirectory() as cache:
        jieba.dt.tmp_dir = cache
        for why, prediction, truth in PAIRS:
            modes = {mode: by_script(prediction, truth, mode) for mode in ("fox", "got", "nougat")}
            cases.append(
                {
                    "why": why,
                    "prediction": prediction,
                    "truth": truth,
                    **expected(prediction, truth),
                    "modes": modes,
                }
            )
    lines = ",\n".join(json.dumps(case, ensure_ascii=True) for case in cases)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    print(f"{len(cases)} cases in {out}")


if __name__ == "__main__":
    main()
