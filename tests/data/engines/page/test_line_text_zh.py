import numpy as np
import pytest

from vary.data.corpus import Paragraph, TextCorpus
from vary.data.engines.page.alphabets import chinese_alphabet
from vary.data.engines.page.breaking import NO_LINE_START, is_cjk
from vary.data.engines.page.line_text_zh import ChineseLineTexts, fold_chinese, is_chinese
from vary.data.engines.page.lines_of import line_texts, paragraphs_in
from vary.errors import InputError

KINDS = ["running", "heading", "figures", "identifiers", "reference", "scattered"]
PROSE = [
    "清晨的渡口很安静，老船工把缆绳解开，等第一位客人上船。“今天有雾，”他说，“慢一点走。”",
    "組件的 props 是唯讀的；如果需要修改，請使用 Vue 3.2 的狀態管理，並參考第 47 頁的說明。",
    "二〇一九年，全县粮食产量达到１２３４５吨，比上年增长百分之三。",
]


def rng(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def corpus(*texts: str) -> TextCorpus:
    return TextCorpus([Paragraph(text, "a.txt") for text in texts or PROSE])


@pytest.fixture(scope="module")
def texts() -> ChineseLineTexts:
    return ChineseLineTexts(corpus())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("num_chars", [1, 12, 42])
def test_every_kind_gives_text(texts, kind, num_chars):
    made = [getattr(texts, kind)(rng(seed), num_chars) for seed in range(60)]
    assert all(text.strip() for text in made)
    assert len(set(made)) > 10
    assert made[:3] == [getattr(texts, kind)(rng(seed), num_chars) for seed in range(3)]


def test_drawn_texts_are_allowed_and_mostly_chinese(texts):
    drawn = [texts.draw(rng(seed), 40) for seed in range(300)]
    assert set("".join(drawn)) <= set(chinese_alphabet())
    assert all(text == " ".join(text.split()) for text in drawn)
    assert np.mean([is_chinese(text) for text in drawn]) > 0.8
    assert 25 < np.median([len(text) for text in drawn]) < 70


def test_running_text_begins_with_no_closing_mark(texts):
    drawn = [texts.draw(rng(seed), 12) for seed in range(300)]
    cut = [text for text in drawn if text[0] in NO_LINE_START]
    assert len(cut) < 0.1 * len(drawn)


def test_characters_by_lot_come_from_the_whole_alphabet(texts):
    made = "".join(texts.scattered(rng(seed), 40) for seed in range(400))
    seen = {character for character in made if is_cjk(character)}
    assert len(seen) > 0.7 * len(list(filter(is_cjk, chinese_alphabet())))


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("使用 Vue 的组件", "使用Vue的组件"),
        ("第一章 总则", "第一章 总则"),
        ("第一条\u3000为了", "第一条 为了"),
        ("版本 Vue 3 和", "版本Vue 3和"),
        ("１２３ＡＢｃ，", "123ABc，"),
        ("价格￥５０", "价格¥50"),
        ("plain English words", "plain English words"),
        ("", ""),
    ],
)
def test_texts_are_folded_to_what_is_seen(text, folded):
    assert fold_chinese(text) == folded


def test_an_alphabet_is_kept_to():
    texts = ChineseLineTexts(corpus("甲乙丙丁" * 20), alphabet=" 甲乙丙丁")
    drawn = {character for seed in range(60) for character in texts.draw(rng(seed), 20)}
    assert drawn <= set(" 甲乙丙丁")


@pytest.mark.parametrize(
    ("text", "alphabet"), [("All happy families are alike.", None), ("春眠不覺曉", " abc一二")]
)
def test_other_texts_are_refused(text, alphabet):
    with pytest.raises(InputError, match=r"are Chinese and \d+ in the alphabet of lines"):
        ChineseLineTexts(corpus(text * 5), alphabet)


def test_texts_of_lines_follow_the_language():
    both = corpus(*PROSE, "Measure twice, cut once.", "The harbour lies open to the north.")
    chinese, english = paragraphs_in(both, "zh"), paragraphs_in(both, "en")
    assert [len(part.paragraphs) for part in (chinese, english)] == [3, 2]
    assert isinstance(line_texts(chinese, "zh"), ChineseLineTexts)
    drawn = line_texts(english, "en", chinese_alphabet())
    assert not any(is_cjk(c) for seed in range(100) for c in drawn.draw(rng(seed), 30))
    with pytest.raises(InputError, match="no paragraph for lines in 'zh'"):
        paragraphs_in(english, "zh")
