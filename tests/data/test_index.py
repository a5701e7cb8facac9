import json
import random

import numpy as np
import pytest
from typer.testing import CliRunner

import vary.data.index as indexing
from vary.data.index import (
    DUPLICATE,
    LEAK,
    Drop,
    Thresholds,
    index_set,
    read_drop_list,
    shingles,
    signature,
    write_drop_list,
)
from vary.data.schema import Sample, write_samples
from vary.errors import InputError, VaryError

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def english(seed, words=200):
    lot = random.Random(seed)
    return ["".join(lot.choice(LETTERS) for _ in range(lot.randint(2, 9))) for _ in range(words)]


def chinese(seed, characters=300):
    lot = random.Random(seed)
    return "".join(chr(lot.randrange(0x4E00, 0x9000)) for _ in range(characters))


def written(words, width=60):
    """Return words as lines of a page; where a line ends, a long word is hyphenated."""
    lines, line = [], ""
    for whole in words:
        word = whole
        if len(line) + len(word) > width:
            if len(word) > 5:
                line, word = f"{line}{word[:3]}-", word[3:]
            lines.append(line.strip())
            line = ""
        line += word + " "
    return "\n".join([*lines, line.strip()])


@pytest.fixture
def make_set(tmp_path):
    """Return a function that writes texts as a set in shards of two."""

    def make(texts, name="set"):
        folder = tmp_path / name
        folder.mkdir()
        for start in range(0, len(texts), 2):
            samples = [
                Sample(
                    f"pdf/1/{at}",
                    (),
                    "document",
                    "en",
                    "text",
                    text,
                    source=f"file {at}",
                    meta=json.dumps({"key": f"key{at}"}),
                )
                for at, text in enumerate(texts[start : start + 2], start)
            ]
            write_samples(samples, folder / f"part-{start // 2:05d}.parquet")
        return folder

    return make


def test_shingles_know_neither_lines_nor_hyphens_nor_punctuation():
    words = english(1)
    one, other = shingles(written(words, 60)), shingles(written(words, 35).upper())
    assert np.array_equal(one, other)
    text = chinese(1)
    assert np.array_equal(shingles(text), shingles(f"{text[:40]}，\n{text[40:]} 。"))


def test_short_and_empty_texts():
    assert len(shingles("")) == len(shingles(" —\n")) == 0
    assert len(shingles("one")) == 1
    assert not np.array_equal(shingles("one"), shingles("two"))


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_signatures_tell_similarity(share):
    lot = np.random.default_rng(5)
    common = lot.integers(1 << 62, size=int(2000 * share), dtype=np.uint64)
    parts = [lot.integers(1 << 62, size=2000 - len(common), dtype=np.uint64) for _ in range(2)]
    one, other = (signature(np.concatenate([common, part])) for part in parts)
    true = len(common) / (4000 - len(common))
    assert np.mean(one == other) == pytest.approx(true, abs=0.12)


def test_of_near_duplicates_the_first_stays(make_set):
    page, chinese_page = english(1), chinese(2)
    texts = [
        written(page),
        written(english(3)),
        chinese_page,
        written(page, 40),
        written([*page[:-3], "other", "last", "words"]),
        chinese_page[:150] + "改" + chinese_page[151:],
        chinese(4),
        written(page[:100] + english(5, 100)),  # half of it only
    ]
    drops = index_set(make_set(texts))
    assert [(drop.id, drop.reason, drop.partner) for drop in drops] == [
        ("pdf/1/3", DUPLICATE, "pdf/1/0"),
        ("pdf/1/4", DUPLICATE, "pdf/1/0"),
        ("pdf/1/5", DUPLICATE, "pdf/1/2"),
    ]
    assert drops[0].similarity == 1.0
    assert drops[0].source == "file 3"


def test_the_same_page_many_times(make_set):
    drops = index_set(make_set([written(english(1))] * 41))
    assert len(drops) == 40
    assert {drop.partner for drop in drops} == {"pdf/1/0"}


def test_texts_without_letters_are_not_alike(make_set):
    assert index_set(make_set(["", "", "...", "—"])) == []


def test_overlaps_with_evaluation_pages(make_set, tmp_path):
    page, chinese_page = english(1), chinese(2)
    evaluation = tmp_path / "dev"
    (evaluation / "zh").mkdir(parents=True)
    (evaluation / "one.txt").write_text(written(page, 45), encoding="utf-8")
    (evaluation / "zh" / "two.txt").write_text(chinese_page, encoding="utf-8")
    texts = [
        written(english(7)),
        written(english(8, 100) + page[:100]),  # half of the page
        written(page[:60]),  # a small page that lies wholly within
        chinese(9)[:200] + chinese_page[100:],
        written(english(10) + page[:12]),  # a sentence in common
    ]
    drops = index_set(make_set(texts), [evaluation])
    assert [(drop.id, drop.reason, drop.partner) for drop in drops] == [
        ("pdf/1/1", LEAK, "one.txt"),
        ("pdf/1/2", LEAK, "one.txt"),
        ("pdf/1/3", LEAK, "zh/two.txt"),
    ]
    assert drops[0].similarity == pytest.approx(0.5, abs=0.1)
    assert drops[1].similarity == pytest.approx(1.0, abs=0.05)


def test_a_set_is_compared_with_a_set_and_with_one_text(make_set, tmp_path):
    page = written(english(1))
    trained = make_set([written(english(2)), page])
    tested = make_set([page], "test")
    assert [drop.partner for drop in index_set(trained, [tested])] == ["pdf/1/0"]
    (tmp_path / "page.txt").write_text(page, encoding="utf-8")
    assert [drop.partner for drop in index_set(trained, [tmp_path / "page.txt"])] == ["page.txt"]


def test_a_leak_does_not_keep_its_duplicates_from_being_judged(make_set, tmp_path):
    page = written(english(1))
    (tmp_path / "page.txt").write_text(page, encoding="utf-8")
    drops = index_set(make_set([page, page]), [tmp_path / "page.txt"])
    assert [drop.reason for drop in drops] == [LEAK, LEAK]


def test_thresholds_decide(make_set):
    page = english(1)
    folder = make_set([written(page), written(page[:150] + english(2, 50))])
    assert index_set(folder) == []
    assert len(index_set(folder, (), Thresholds(similarity=0.5))) == 1
    with pytest.raises(VaryError, match="overlap"):
        Thresholds(overlap=0)


def test_no_pictures_are_read(make_set, monkeypatch):
    folder = make_set([written(english(1))])
    columns = []
    real = indexing.require

    def spy(module, extra):
        found = real(module, extra)
        if module == "pyarrow.parquet":
            read = found.ParquetFile.iter_batches
            monkeypatch.setattr(
                found.ParquetFile,
                "iter_batches",
                lambda self, *a, **k: columns.extend(k["columns"]) or read(self, *a, **k),
            )
        return found

    monkeypatch.setattr(indexing, "require", spy)
    index_set(folder)
    assert columns == ["id", "text", "source", "meta"]


def test_drop_lists_come_back_as_they_were_written(tmp_path):
    drop = Drop("pdf/1/3", "abc:4", "f.pdf, page 4", LEAK, "一.txt", 0.5)
    write_drop_list([drop], tmp_path / "new" / "drop.jsonl")
    assert read_drop_list(tmp_path / "new" / "drop.jsonl") == {"abc:4": (LEAK, "一.txt")}


@pytest.mark.parametrize(
    "content", ["prose", '{"id": "pdf/1/3"}', "[3]", json.dumps(vars(Drop("a", "", "", "", "", 1)))]
)
def test_drop_lists_of_another_kind_are_refused(tmp_path, content):
    path = tmp_path / "drop.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"drop\.jsonl"):
        read_drop_list(path)
    with pytest.raises(InputError, match=r"gone\.jsonl"):
        read_drop_list(tmp_path / "gone.jsonl")


def test_what_cannot_be_compared_is_named(make_set, tmp_path):
    folder = make_set([written(english(1))])
    with pytest.raises(InputError, match="nowhere"):
        index_set(folder, [tmp_path / "nowhere"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no text"):
        index_set(folder, [tmp_path / "empty"])
    with pytest.raises(InputError, match="no set"):
        index_set(tmp_path / "empty")
    (tmp_path / "gbk.txt").write_bytes("港口".encode("gbk"))
    with pytest.raises(InputError, match=r"gbk\.txt"):
        index_set(folder, [tmp_path / "gbk.txt"])
    (folder / "part-00000.parquet").write_bytes(b"no shard")
    with pytest.raises(InputError, match="part-00000"):
        index_set(folder)


def test_the_command_writes_the_list(make_set, tmp_path):
    import typer

    from vary.cli.data.index import index

    app = typer.Typer()
    app.command()(index)
    page = written(english(1))
    out = tmp_path / "drop.jsonl"
    result = CliRunner().invoke(app, [str(make_set([page, page])), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "1 near duplicate" in result.output
    assert read_drop_list(out) == {"key1": (DUPLICATE, "pdf/1/0")}
