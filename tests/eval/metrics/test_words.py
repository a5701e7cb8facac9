import subprocess
import sys
import time

import jieba
import pytest

from vary.errors import MissingExtraError
from vary.eval.metrics import contains_chinese, split_words, word_pair
from vary.eval.metrics.chinese_words import chinese_cutter
from vary.eval.metrics.words import as_symbols

TEXTS = [
    "",
    "视觉词表决定了模型能看见什么",
    "我们用 Vary-tiny 训练了 10 个 epoch，学习率 5e-5，F1 达到 86.00%。",
    "她说：\r\n“C++和AT&T的3.5%”\n\n完了",
    "的的的的的的的的的的的的",
    "黎星野和邬令宇写了万语千言",
    "視覺詞彙表決定了模型能看見什麼",
    "龥龤鿕鿖鿿㐀\U00020001豈",
    "魑魅魍魉龘靐齉齾爨癵",
    "a\x00b\ud800字 \u3000 末",
    "ひらがなのテストと漢字です",
    "一" * 300,
    "".join(chr(code) for code in range(0x4E00, 0x9FD6, 7)),
    "".join(chr(code) + chr(0x9FD5 - code + 0x4E00) for code in range(0x4E00, 0x9FD6, 13)),
]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    own = jieba.Tokenizer()
    own.tmp_dir = str(tmp_path_factory.mktemp("jieba"))
    return own


@pytest.mark.parametrize("text", TEXTS)
def test_chinese_is_cut_as_jieba_cuts_it(text, tokenizer):
    words = chinese_cutter().cut(text)
    assert words == tokenizer.lcut(text)
    assert "".join(words) == text


def test_a_loop_takes_time_linear_in_its_length():
    start = time.process_time()
    words = chinese_cutter().cut("的" * 300_000)
    assert time.process_time() - start < 10  # jieba itself takes minutes
    assert "".join(words) == "的" * 300_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", False),
        ("Latin, ελληνικά, кириллица", False),
        ("ひらがな カタカナ 한국어", False),
        ("，。！「」１２ＡＢ", False),
        ("字", True),
        ("a 字 b", True),
        ("\u3007", True),
        ("\u3400", True),
        ("\u4dbf", True),
        ("\u4e00", True),
        ("\u9fff", True),
        ("\uf900", True),
        ("\U00020000", True),
        ("\U0002ebf0", True),
        ("\U0002f800", True),
        ("\U000323af", True),
        ("\u33ff", False),
        ("\ua000", False),
        ("\U0001f600", False),
    ],
)
def test_what_counts_as_chinese(text, expected):
    assert contains_chinese(text) is expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" \n\u3000", []),
        ("It's one, two.", ["It's", "one,", "two."]),
        ("视觉\n词\n表", ["视觉", "词表"]),
        ("用 Vary 模型", ["用", "Vary", "模型"]),
        ("用Vary模型", ["用", "Vary", "模型"]),
        ("vision language 模型", ["vision", "language", "模型"]),
        ("对。 好", ["对", "。", "好"]),
    ],
)
def test_words(text, words):
    assert split_words(text) == words


def test_a_line_end_within_a_word_does_not_cut_it():
    text = "人工智能决定了模型能看见什么"
    for place in range(1, len(text)):
        assert split_words(text[:place] + "\n" + text[place:]) == split_words(text)


def test_chinese_in_either_text_decides_for_both():
    assert word_pair("don't", "字") == (["don", "'", "t"], ["字"])
    assert word_pair("字", "don't") == (["字"], ["don", "'", "t"])
    assert word_pair("don't", "do") == (["don't"], ["do"])


def test_long_white_space_takes_no_time():
    start = time.process_time()
    assert split_words(" " * 500_000 + "x" + " " * 500_000 + "字") == ["x", "字"]
    assert time.process_time() - start < 10


def test_symbols_are_equal_where_words_are():
    one, other = as_symbols(["a", "bb", "a", "c"], ["bb", "d", "a"])
    assert len(one) == 4
    assert len(other) == 3
    assert one[0] == one[2] == other[2]
    assert one[1] == other[0]
    assert len({one[0], one[1], one[3], other[1]}) == 4


def test_without_jieba_the_way_out_is_told(monkeypatch):
    from vary.eval.metrics import chinese_words

    chinese_words._load.cache_clear()
    monkeypatch.setitem(sys.modules, "jieba", None)
    try:
        with pytest.raises(MissingExtraError, match="eval"):
            split_words("字")
    finally:
        chinese_words._load.cache_clear()


def test_cutting_says_nothing_and_leaves_no_file(tmp_path):
    code = "from vary.eval.metrics import split_words; assert len(split_words('视觉模型')) == 2"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={"PATH": "", "TMPDIR": str(tmp_path), "PYTHONPATH": ":".join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not list(tmp_path.iterdir())
