import json
import re

import pytest
from PIL import Image

from vary.data.engines.base import Reject
from vary.data.schema import EncodedImage, Sample, read_samples
from vary.data.shards import Run, generate
from vary.errors import InputError
from vary.eval.data import (
    extract_pictures,
    load_pages,
    picture_name,
    read_json,
    shard_prompts,
)
from vary.eval.records import Prompt


def png(width: int) -> bytes:
    import io

    file = io.BytesIO()
    Image.new("L", (width, 8), 255).save(file, format="PNG")
    return file.getvalue()


class PageLikeEngine:
    """Makes four pages; one is rejected, one is empty, one says which document it is of."""

    name = "like"

    def sample(self, index, rng):
        if index == 2:
            raise Reject("two")
        image = EncodedImage(png(10 + index), "0.png", 10 + index, 8)
        meta = '{"document": "book", "columns": 2, "body_pt": 11.4}' if index == 3 else "{}"
        text = "" if index == 1 else f"page {index}"
        return Sample("", (image,), "document", "en", "text", text, meta=meta)

    def length_hint(self, index):
        return 6

    def config(self):
        return {}


@pytest.fixture
def generated(tmp_path):
    folder = tmp_path / "set"
    generate(PageLikeEngine, Run(folder, 4, 7, 4))
    return folder


def test_a_folder_of_pictures_and_texts(make_pages):
    folder = make_pages({"b": "two\nlines", "sub/a": "视觉", "empty": ""})
    pages = {page.id: page for page in load_pages(folder)}
    assert list(pages) == ["b", "empty", "sub/a"]
    assert pages["b"].truth == "two\nlines"
    assert pages["sub/a"].image == str((folder / "sub/a.png").resolve())
    assert pages["sub/a"].groups == {"language": "zh"}
    assert pages["b"].groups == {"language": "other"}
    assert pages["empty"].groups == {}
    assert not any(page.reason for page in pages.values())


def test_a_picture_is_taken_before_a_pdf_of_its_name(make_pages):
    folder = make_pages({"a": "x"})
    (folder / "a.pdf").write_bytes(b"%PDF-1.4")
    assert load_pages(folder)[0].image.endswith("a.png")
    (folder / "a.png").unlink()
    assert load_pages(folder)[0].image.endswith("a.pdf")


def test_the_first_suffix_of_the_texts_counts(make_pages):
    folder = make_pages({"a": "text"})
    (folder / "a.md").write_text("# markdown", encoding="utf-8")
    assert load_pages(folder)[0].truth == "text"
    assert load_pages(folder, suffixes=(".md", ".txt"))[0].truth == "# markdown"


def test_a_text_without_a_picture_counts_as_missing(make_pages):
    folder = make_pages({"a": "x", "b": "y"})
    (folder / "b.png").unlink()
    (folder / "README.md").write_text("About these pages.", encoding="utf-8")
    (folder / "notice.txt").write_text("A page that happens to be called so.", encoding="utf-8")
    pages = load_pages(folder)
    assert [page.id for page in pages] == ["a", "b", "notice"]
    assert pages[1].reason == "no picture lies beside b.txt"


def test_pictures_without_a_text_are_named(make_pages):
    folder = make_pages({"a": "x", "b": "y"})
    (folder / "b.txt").unlink()
    with pytest.raises(InputError, match=r"1 pictures have no text \(b\.png\).*add a \.txt"):
        load_pages(folder)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "nowhere", "no such file or folder"),
        (lambda folder: folder, r"holds no \.txt or \.md files"),
    ],
)
def test_no_data(make, message, tmp_path):
    with pytest.raises(InputError, match=message):
        load_pages(make(tmp_path))


def test_a_text_that_is_not_utf8_is_named(make_pages):
    folder = make_pages({"a": "x"})
    (folder / "a.txt").write_bytes("Stra\xdfe".encode("latin-1"))
    with pytest.raises(InputError, match=r"a\.txt: is not UTF-8"):
        load_pages(folder)


def test_meta_gives_documents_languages_and_groups(make_pages):
    meta = [
        {"id": "a", "document": "book", "lang": "en", "columns": 2},
        {"id": "b", "path": "x/book.pdf"},
        {"id": "elsewhere", "document": "other"},
    ]
    folder = make_pages({"a": "one", "b": "两页", "c": "three"}, meta)
    pages = {page.id: page for page in load_pages(folder, ["columns"])}
    assert pages["a"].document == "book"
    assert pages["a"].groups == {"language": "en", "columns": "2"}
    assert pages["b"].document == "x/book.pdf"
    assert pages["b"].groups == {"language": "zh"}
    assert pages["c"].document == ""


def test_a_name_in_meta_that_two_pages_share_is_of_neither(make_pages):
    folder = make_pages({"en/1": "one", "zh/1": "two"}, [{"id": "1", "document": "book"}])
    assert [page.document for page in load_pages(folder)] == ["", ""]
    meta = [{"id": "en/1", "document": "a"}, {"id": "en/1", "document": "b"}]
    (folder / "META.json").write_text(json.dumps(meta), encoding="utf-8")
    with pytest.raises(InputError, match="id 'en/1' comes twice"):
        load_pages(folder)


def test_names_that_are_no_utf8_are_told(make_pages):
    folder = make_pages({"a": "x"})
    try:
        (folder / "caf\udce9.txt").write_text("x", encoding="utf-8")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    with pytest.raises(InputError, match="its name is no UTF-8; rename it"):
        load_pages(folder)


def test_a_set_of_another_form_is_refused(generated):
    with pytest.raises(InputError, match=r"like/7/0: a document in the format text, not a page as"):
        load_pages(generated, form="markdown")


def test_meta_may_lie_above_the_folder(make_pages):
    folder = make_pages({"en/a": "one"}, [{"id": "a", "document": "book"}])
    assert load_pages(folder / "en")[0].document == "book"


def test_an_unknown_group_is_named(make_pages):
    folder = make_pages({"a": "one"}, [{"id": "a"}])
    with pytest.raises(InputError, match=r"--group-by colour: no such key in .*META\.json"):
        load_pages(folder, ["colour"])


def fox(folder, rows, name="en_page_ocr.json"):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps(rows), encoding="utf-8")
    return folder / name


def fox_row(name, text):
    turns = [{"from": "human", "value": "<image>\nOCR"}, {"from": "gpt", "value": text}]
    return {"image": name, "len": 3, "conversations": turns}


def test_fox(tmp_path):
    root = tmp_path / "focus_benchmark_test"
    english = fox(root, [fox_row("en_1.png", "FREEDOM"), fox_row("en_2.png", "gone")])
    fox(root, [fox_row("cn_1.png", "自由")], "cn_page_ocr.json")
    (root / "en_pdf_png").mkdir()
    Image.new("L", (8, 8)).save(root / "en_pdf_png" / "en_1.png")
    pages = load_pages(english)
    assert [page.id for page in pages] == ["en_page_ocr/en_1", "en_page_ocr/en_2"]
    assert pages[0].image == str((root / "en_pdf_png" / "en_1.png").resolve())
    assert pages[0].groups == {"language": "en"}
    assert pages[1].reason == "picture en_2.png is missing"
    both = load_pages(root)
    assert [page.id for page in both][2:] == ["cn_page_ocr/cn_1"]
    assert both[2].groups == {"language": "zh"}


@pytest.mark.parametrize("rows", [[], {"a": 1}, [{"image": "a.png"}], [1]])
def test_fox_files_that_are_none(rows, tmp_path):
    with pytest.raises(InputError, match=r"en_page_ocr\.json"):
        load_pages(fox(tmp_path, rows))


def test_duplicate_ids_are_named(tmp_path):
    file = fox(tmp_path, [fox_row("a.png", "x"), fox_row("a.png", "y")])
    with pytest.raises(InputError, match="1 ids come twice"):
        load_pages(file)


def test_a_generated_set(generated, tmp_path):
    pages = load_pages(generated)
    assert [page.id for page in pages] == ["like/7/0", "like/7/1", "like/7/3"]
    assert [page.truth for page in pages] == ["page 0", "", "page 3"]
    assert [page.document for page in pages] == ["", "", "book"]
    out = tmp_path / "out"
    extract_pictures(generated, out)
    widths = [Image.open(out / page.image).width for page in pages]
    assert widths == [10, 11, 13]


def test_a_generated_set_is_told_apart_by_its_meta(generated):
    pages = load_pages(generated, ("columns", "body_pt"))
    assert pages[0].groups == {"language": "en"}
    assert pages[-1].groups == {"language": "en", "columns": "2", "body_pt": "11"}
    with pytest.raises(InputError, match=r"--group-by colour: .*nor in the samples' meta"):
        load_pages(generated, ("colour",))


def test_pictures_are_written_once_and_mended(generated, tmp_path):
    out = tmp_path / "out"
    extract_pictures(generated, out)
    first, second, _ = sorted((out / "images").iterdir())
    before = second.stat().st_mtime_ns
    first.write_bytes(b"torn")
    extract_pictures(generated, out)
    assert Image.open(first).size[1] == 8
    assert second.stat().st_mtime_ns == before


def test_prompts_of_a_generated_set(generated):
    def make(sample):
        return Prompt("", (), "Read.", sample.text.upper())

    prompts = list(shard_prompts(make, generated))
    assert [prompt.truth for prompt in prompts] == ["PAGE 0", "", "PAGE 3"]
    assert prompts[0].id == "like/7/0"
    assert [prompt.images for prompt in prompts] == [(p.image,) for p in load_pages(generated)]


def test_a_sample_of_two_pictures_is_no_page(generated, monkeypatch):
    sample = next(read_samples(generated / "part-00000.parquet"))
    double = Sample(**{**vars(sample), "images": sample.images * 2})
    monkeypatch.setattr("vary.eval.data.iterate_set", lambda folder: iter([double]))
    with pytest.raises(InputError, match="has 2 pictures"):
        load_pages(generated)


def test_picture_names_differ_where_ids_do():
    names = {picture_name(name, 0, ".png") for name in ("a/b", "a-b", "a b", "x" * 200, "x" * 201)}
    assert len(names) == 5
    assert all(re.fullmatch(r"[\w.-]{1,100}", name) for name in names)


@pytest.mark.parametrize("text", ["{", '{"a": NaN}', '"\xff', '{"a": 1e999}', '{"a": 1, "a": 2}'])
def test_json_that_is_none(text, tmp_path):
    file = tmp_path / "a.json"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"a\.json: no JSON"):
        read_json(file)
