"""Seconds to score 10,000 pages in all text metrics but METEOR, beside nltk and jieba.

    python benchmarks/scoring.py [--pairs 10000] [--workers 2] [--check]

Half of the pages are English, half Chinese, 3,000 characters each, made here from words drawn by
Zipf's law; what was "read" has the errors of a recogniser at 0 to 10 %: characters exchanged, lost
and doubled, gaps lost, now and then a line. They are scored as `vary eval` scores them: by
`text_metrics` over a pool of processes.

nltk's edit distance fills its table in Python, in seconds a page, so that it and the others are
timed on `--sample` pages of each language on one core, and multiplied. 3.10.4 refuses texts of more
than 2,000 characters, unless it is told otherwise, as here. `--check` exits with 1 where
scoring takes longer than 180 seconds for each 10,000 pairs, start of the processes included; it
asks for 2,000 pairs or more.
"""

import argparse
import os
import random
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib import import_module
from itertools import accumulate

import jieba
import nltk
from rich.console import Console
from rich.table import Table

from vary.eval.metrics import bleu, edit_distance, text_metrics, word_pair, word_set_overlap
from vary.eval.metrics.text import Measured
from vary.eval.pooled import Failure, score_all

NUM_CHARACTERS = 3000
LIMIT_S = 180.0
LIMIT_PAIRS = 10_000
MIN_CHECKED_PAIRS = 2000
LINE = 80
"""Characters of a line of English; half as many of Chinese."""

ENGLISH = (
    "the of and to in a is that for it as was with be by on not he his but at are this have from "
    "or had an they which one you were all her she there would their we him been has when who will "
    "no more if out so up said what its about than into them can only other time new some could "
    "these two may first then do any like my now over such our man me even most made after also "
    "did many off before must well back through years much where your way down should because long "
    "each just state those people too mr how little good make world still see own work men day get "
    "here old life both between being under three never know same last another while us might "
    "great year since against go came right used take states himself few house use during without "
    "place american around however home small found thought went say part once high general upon "
    "school every does got united left number course war until always away something fact water "
    "less public put thing almost hand enough far took head yet better set told nothing night end "
    "vision language vocabulary document character recognition experiment parameter evaluation "
    "3.5 1,024 2023 (see Fig. 2), e.g. well-known"
)
CHINESE = (
    "的 了 是 在 我 有 和 就 不 人 都 一 这 上 也 很 到 说 要 去 你 会 着 没有 看 好 自己 "
    "他们 我们 这个 中国 可以 时候 因为 所以 问题 工作 社会 发展 经济 国家 政府 研究 技术 "
    "系统 方法 结果 数据 模型 学习 训练 测试 语言 文字 图像 视觉 识别 文档 表格 公式 图表 "
    "词汇 字符 参数 实验 评估 分析 信息 网络 计算机 人工智能 神经网络 机器学习 深度学习 "
    "自然语言处理 市场 企业 管理 生产 产品 质量 服务 教育 文化 历史 科学 环境 能源 水平 重要 "
    "主要 基本 具体 进行 提高 实现 通过 根据 按照 关于 对于 由于 如果 虽然 但是 而且 或者 "
    "以及 其中 之间 以后 以前 目前 现在 今年 去年 第一 第二 许多 一些 非常 已经 正在 应该 "
    "必须 能够 需要 认为 表示 指出 发现 提出 建立 形成 产生 影响 作用 关系 条件 过程 阶段 "
    "方面 情况 地区 北京 上海 大学 学生 老师 孩子 生活 家庭 健康 医院 法律 权利 责任 魑魅 "
    "鹡鸰 邬令宇 黎星野 OCR PDF 3.5% 2023"
)
MARKS = {"en": (". ", ", "), "zh": ("。", "，")}


def page(language: str, rng: random.Random) -> str:
    """Return a page of `NUM_CHARACTERS` characters, cut into lines.

    Args:
        language: ``en`` or ``zh``.
        rng: what is drawn from.
    """
    words = (ENGLISH if language == "en" else CHINESE).split()
    frequencies = list(accumulate(1 / (rank + 2) for rank in range(len(words))))
    gap, width = (" ", LINE) if language == "en" else ("", LINE // 2)
    text, line = "", ""
    while len(text) < NUM_CHARACTERS:
        [word] = rng.choices(words, cum_weights=frequencies)
        line += word + (rng.choice(MARKS[language]) if rng.random() < 0.1 else gap)
        if len(line) >= width:
            text += line.rstrip() + "\n"
            line = ""
    return text[:NUM_CHARACTERS]


def misread(text: str, rate: float, rng: random.Random) -> str:
    """Return what a recogniser makes of a page that errs in this share of its characters."""
    lines = [line for line in text.splitlines() if rng.random() >= rate / 4]
    out: list[str] = []
    for character in "\n".join(lines):
        draw = rng.random() / rate if rate else 1.0
        if draw < 0.6:
            out.append(rng.choice(text))
        elif draw < 0.8:
            continue
        elif draw < 1:
            out.append(character * 2)
        else:
            out.append(character)
    return "".join(out)


def make_pairs(number: int, seed: int) -> list[tuple[str, str]]:
    """Return pairs of (what was read, what stands there), English and Chinese by turns."""
    pairs = []
    for index in range(number):
        rng = random.Random(f"{seed} {index}")
        truth = page("zh" if index % 2 else "en", rng)
        pairs.append((misread(truth, rng.uniform(0, 0.1), rng), truth))
    return pairs


def score_pair(pair: tuple[str, str]) -> dict[str, Measured]:
    """Return all metrics of a pair but METEOR."""
    return text_metrics(*pair)


def nltk_words(prediction: str, truth: str) -> tuple[list[str], list[str]]:
    """Return the words of both texts as the published scripts get them."""
    if any("\u4e00" <= character <= "\u9fa5" for character in truth):
        return jieba.lcut(prediction), jieba.lcut(truth)
    return prediction.split(), truth.split()


def nltk_sets(prediction: str, truth: str) -> None:
    """Compute precision, recall and F1 of words as the published scripts do."""
    sets = tuple(map(set, reversed(nltk_words(prediction, truth))))
    for metric in (nltk.precision, nltk.recall, nltk.f_measure):
        metric(*sets)


def nltk_bleu(prediction: str, truth: str) -> None:
    """Compute BLEU as the published scripts do."""
    words, true_words = nltk_words(prediction, truth)
    nltk.translate.bleu([true_words], words)


Call = Callable[[str, str], object]
ROWS: list[tuple[str, Call | None, Call]] = [
    ("edit distance", nltk.edit_distance, edit_distance),
    ("words", nltk_words, word_pair),
    ("words, F1", nltk_sets, lambda read, true: word_set_overlap(*word_pair(read, true))),
    ("words, BLEU", nltk_bleu, lambda read, true: bleu(*word_pair(read, true))),
    ("all eleven metrics", None, text_metrics),
]


def seconds_per_page(call: Call, pairs: list[tuple[str, str]]) -> float:
    """Return the mean of processor seconds of a call for a pair, what it loads aside."""
    call("字", "字")
    start = time.process_time()
    for pair in pairs:
        call(*pair)
    return (time.process_time() - start) / len(pairs)


def side_by_side(pairs: list[tuple[str, str]], sample: int) -> Table:
    """Return a table of milliseconds a page, on one core, of nltk and jieba and of ours.

    Args:
        pairs: English and Chinese by turns.
        sample: pages of each language for nltk's edit distance; all else is timed on 50.
    """
    table = Table("one core, ms a page", "nltk, jieba: en", "zh", "ours: en", "zh")
    for name, theirs, ours in ROWS:
        cells = []
        for call in (theirs, ours):
            number = sample if call is nltk.edit_distance else 50
            for half in (pairs[0::2], pairs[1::2]):
                told = f"{1000 * seconds_per_page(call, half[:number]):,.2f}" if call else ""
                cells.append(told)
        table.add_row(name, *cells)
    return table


def nltk_seconds(pairs: list[tuple[str, str]], sample: int) -> float:
    """Return the mean seconds a page of nltk's edit distance, F1 and BLEU on one core."""
    halves = pairs[0::2], pairs[1::2]
    means = [
        seconds_per_page(nltk.edit_distance, half[:sample])
        + seconds_per_page(nltk_sets, half[:20])
        + seconds_per_page(nltk_bleu, half[:20])
        for half in halves
    ]
    return sum(means) / len(means)


def main() -> int:
    """Time both, print them side by side, and return 1 where the limit is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--pairs", type=int, default=LIMIT_PAIRS)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--sample", type=int, default=2, help="pages a language for nltk; 0: none")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--check", action="store_true", help="exit with 1 above the limit")
    arguments = parser.parse_args()
    if arguments.check and arguments.pairs < MIN_CHECKED_PAIRS:
        parser.error(f"--check asks for {MIN_CHECKED_PAIRS} pairs or more")
    console = Console()
    pairs = make_pairs(max(arguments.pairs, 2), arguments.seed)
    before, start = os.times(), time.perf_counter()
    results = score_all(score_pair, pairs, arguments.workers)
    seconds, after = time.perf_counter() - start, os.times()
    cpu = sum(after[:4]) - sum(before[:4])
    num_failed = sum(isinstance(result, Failure) for result in results)
    limit = LIMIT_S * len(pairs) / LIMIT_PAIRS
    console.print(
        f"{len(pairs)} pairs of {NUM_CHARACTERS} characters, {arguments.workers} processes: "
        f"{seconds:.1f} s, {1000 * seconds / len(pairs):.2f} ms a pair; {cpu:.1f} s of processors; "
        f"{num_failed} failed; limit {limit:.1f} s"
    )
    if arguments.sample:
        # `nltk.metrics` is another module as an attribute.
        vars(import_module("nltk.metrics.distance"))["MAX_DISTANCE_INPUT_LEN"] = sys.maxsize
        warnings.simplefilter("ignore")  # nltk's, of n-grams that do not occur
        with tempfile.TemporaryDirectory() as cache:
            jieba.setLogLevel("WARNING")
            jieba.dt.tmp_dir = cache
            jieba.initialize()
            console.print(side_by_side(pairs, arguments.sample))
            theirs = nltk_seconds(pairs, arguments.sample)
        console.print(
            f"nltk's edit distance, F1 and BLEU alone, from {arguments.sample} pages of each "
            f"language: {theirs:.2f} s a pair, {theirs * len(pairs) / 3600 / arguments.workers:.1f}"
            f" h for {len(pairs)} pairs on {arguments.workers} cores"
        )
    return int(arguments.check and (seconds > limit or num_failed > 0))


if __name__ == "__main__":
    sys.exit(main())
