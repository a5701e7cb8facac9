import json
import os
import pathlib
import pickle
import shutil
import tarfile
from functools import partial

import numpy as np
import pytest

from vary.data.engines.base import Reject, make_sample
from vary.data.engines.pdf import inventory as inventories
from vary.data.engines.pdf.config import PdfConfig
from vary.data.engines.pdf.engine import build_pdf_engine
from vary.data.recipe import build_value
from vary.data.shards import Run, generate, iterate_set, read_rejects
from vary.data.verifying import verify_set
from vary.errors import InputError, VaryError

from .conftest import SENTENCES

SEED = 3


@pytest.fixture(scope="module")
def library(make_pdf, prose, tmp_path_factory, pymupdf):
    """A folder with a book of 10 pages, a paper of 2, and documents that cannot be read."""
    folder = tmp_path_factory.mktemp("library")
    pages = [prose([f"Page {number} of the book.", *SENTENCES]) for number in range(1, 11)]
    make_pdf(folder / "book.pdf", pages)
    make_pdf(folder / "sub" / "paper.pdf", [prose(["The paper.", *SENTENCES])] * 2)
    make_pdf(
        folder / "locked.pdf", [prose()], encryption=pymupdf.PDF_ENCRYPT_AES_128, user_pw="secret"
    )
    (folder / "prose.pdf").write_bytes(b"this is no PDF " * 9)
    shutil.copy(folder / "book.pdf", folder / "sub" / "same book.pdf")
    entry = {"file": "book.pdf", "licence": "CC0-1.0", "repo": "some/where"}
    (folder / "META.json").write_text(json.dumps([entry]), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def options(library, cache):
    return {"min_characters": 20, "min_type_px": 1.0, "long_side_px": (300, 400), "cache": cache}


@pytest.fixture(scope="module")
def engine(library, options):
    return build_pdf_engine(PdfConfig((library,), **options))


def test_each_page_has_an_index_and_each_content_counts_once(engine):
    # 10 pages, 2, and one index for each of the two that cannot be read.
    assert len(engine) == 14
    places = {engine.inventory.page(index) for index in range(14)}
    assert len(places) == 14
    assert sorted(document.place.name for document in engine.inventory.documents) == [
        "book.pdf",
        "locked.pdf",
        "prose.pdf",
        "sub/paper.pdf",
    ]


def test_a_sample_tells_where_it_comes_from(engine):
    samples = {}
    for index in range(len(engine)):
        try:
            sample = make_sample(engine, SEED, index)
        except Reject:
            continue
        samples[sample.source] = sample
    sample = samples["book.pdf, page 4, CC0-1.0"]
    assert (sample.kind, sample.language, sample.format) == ("document", "en", "text")
    assert sample.text.startswith("Page 4 of the book.\n\nThe harbour")
    meta = json.loads(sample.meta)
    assert meta["page"] == 4
    assert meta["origin"] == {"repo": "some/where"}
    assert meta["key"] == f"{meta['document']}:4"
    assert 300 <= max(sample.images[0].width, sample.images[0].height) <= 400
    assert "sub/paper.pdf, page 1" in samples
    assert len(samples) == 12


def test_documents_that_cannot_be_read_are_counted_and_named(engine):
    told = {}
    for index in range(len(engine) + 1):
        try:
            make_sample(engine, SEED, index)
        except Reject as reject:
            told[reject.reason] = reject.detail
    assert told.keys() == {"encrypted document", "damaged document", "no page left"}
    assert told["encrypted document"].startswith("locked.pdf")
    assert told["damaged document"].startswith("prose.pdf")


def test_the_same_index_gives_the_same_bytes_in_another_process(engine):
    copy = pickle.loads(pickle.dumps(engine))
    index = next(i for i in range(14) if not engine.inventory.page(i)[0].reason)
    assert make_sample(copy, SEED, index) == make_sample(engine, SEED, index)
    assert make_sample(engine, SEED + 1, index).text == make_sample(engine, SEED, index).text


def test_length_hints_are_near(engine):
    for index in range(len(engine)):
        try:
            sample = make_sample(engine, SEED, index)
        except Reject:
            continue
        assert engine.length_hint(index) == pytest.approx(len(sample.text), rel=0.05)
    assert engine.length_hint(len(engine)) == 0


def test_listed_order_follows_the_documents(library, options):
    engine = build_pdf_engine(PdfConfig((library,), order="listed", **options))
    found = [engine.inventory.page(index) for index in range(14)]
    assert [(document.place.name, page) for document, page in found[:3]] == [
        ("book.pdf", 0),
        ("book.pdf", 1),
        ("book.pdf", 2),
    ]
    assert found[13][0].place.name == "sub/paper.pdf"


def test_the_configuration_names_inputs_by_hash_and_not_by_place(
    library, options, engine, tmp_path
):
    shutil.copytree(library, tmp_path / "elsewhere")
    moved = build_pdf_engine(PdfConfig((tmp_path / "elsewhere",), **options))
    assert moved.config() == engine.config()
    assert str(library) not in json.dumps(engine.config())
    (tmp_path / "elsewhere" / "prose.pdf").unlink()
    fewer = build_pdf_engine(PdfConfig((tmp_path / "elsewhere",), **options))
    assert fewer.config()["documents"] != engine.config()["documents"]


def test_patterns_choose_documents(library, options):
    config = PdfConfig((library,), include=("*.pdf",), exclude=("sub/*", "[lp]*"), **options)
    assert len(build_pdf_engine(config)) == 10
    with pytest.raises(InputError, match="no PDF"):
        build_pdf_engine(PdfConfig((library,), include=("nothing*",), **options))


def test_members_of_an_archive_are_the_files(library, options, tmp_path):
    with tarfile.open(tmp_path / "some.tar", "w") as archive:
        archive.add(library / "book.pdf", "in/book.pdf")
    engine = build_pdf_engine(PdfConfig((tmp_path / "some.tar",), order="listed", **options))
    assert len(engine) == 10
    sample = make_sample(engine, SEED, 2)
    assert sample.source == "some.tar/in/book.pdf, page 3"
    assert sample.text.startswith("Page 3 of the book.")


def test_a_document_is_looked_into_once(library, options, engine, monkeypatch):
    monkeypatch.setattr(inventories, "sha256_of", lambda place: pytest.fail("hashed again"))
    again = build_pdf_engine(PdfConfig((library,), **options))
    assert again.config() == engine.config()
    assert again._guard._process is None  # no worker was needed


def test_a_cache_that_cannot_be_written_is_done_without(library, options, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    config = PdfConfig((library / "book.pdf",), **(options | {"cache": tmp_path / "file"}))
    assert len(build_pdf_engine(config)) == 10


def test_a_document_that_changes_stops_the_run(library, options, tmp_path):
    path = shutil.copy(library / "book.pdf", tmp_path / "book.pdf")
    engine = build_pdf_engine(PdfConfig((tmp_path / "book.pdf",), **options))
    os.utime(path, ns=(1, 1))
    with pytest.raises(InputError, match="changed"):
        make_sample(engine, SEED, 0)
    path.unlink()
    with pytest.raises(InputError, match="gone"):
        make_sample(engine, SEED, 0)


def test_what_is_on_the_drop_list_is_rejected_for_its_reason(library, options, engine, tmp_path):
    document = engine.inventory.documents[0]
    line = {
        "id": "pdf/1/5",
        "key": f"{document.sha256}:2",
        "source": "book.pdf, page 2",
        "reason": "overlaps evaluation",
        "partner": "dev/7.txt",
        "similarity": 0.9,
    }
    drop = tmp_path / "drop.jsonl"
    drop.write_text(json.dumps(line) + "\n", encoding="utf-8")
    filtered = build_pdf_engine(PdfConfig((library,), order="listed", drop=drop, **options))
    make_sample(filtered, SEED, 0)
    with pytest.raises(Reject) as caught:
        make_sample(filtered, SEED, 1)
    assert caught.value.reason == "overlaps evaluation"
    assert "dev/7.txt" in caught.value.detail
    assert filtered.config()["drop"] != engine.config()["drop"]


def test_a_set_is_sound_and_equal_whoever_makes_it(library, options, tmp_path):
    build = partial(build_pdf_engine, PdfConfig((library,), **options))
    one = generate(build, Run(tmp_path / "one", 14, SEED, 5, workers=1))
    two = generate(build, Run(tmp_path / "two", 14, SEED, 5, workers=2))
    assert one == two
    assert one.samples == 12
    assert list(verify_set(tmp_path / "one")) == []
    assert len(read_rejects(tmp_path / "one")) == 2
    assert len({sample.text for sample in iterate_set(tmp_path / "one")}) == 11


def test_recipes_build_the_configuration(library):
    fields = {"sources": [str(library)], "dpi": [72, 100], "drop": None}
    config = build_value(PdfConfig, fields, "options")
    assert config.sources == (library,)
    assert config.dpi == (72, 100)


@pytest.mark.parametrize(
    "wrong",
    [
        {"language": "de"},
        {"target": "markdown"},
        {"image": "gif"},
        {"order": "random"},
        {"sources": ()},
        {"long_side_px": (1024, 512)},
        {"dpi": (10, 20)},
        {"quality": 0},
        {"min_characters": 9000},
        {"max_hidden": 1.5},
        {"cpu_s": 0},
        {"memory_mib": 16},
    ],
)
def test_wrong_options_are_named(wrong, tmp_path):
    with pytest.raises(VaryError, match=next(iter(wrong))):
        PdfConfig(**({"sources": (tmp_path,)} | wrong))


def long_document(pages):
    """Return a document of many pages, a line of text on each."""
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {pages} /MediaBox [0 0 595 842] /Kids ["
        + " ".join(f"{4 + 2 * number} 0 R" for number in range(pages))
        + "] /Resources << /Font << /F 3 0 R >> >> >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number in range(pages):
        text = f"BT /F 11 Tf 72 700 Td (Page {number} of the many pages that it has.) Tj ET"
        objects.append(f"<< /Type /Page /Parent 2 0 R /Contents {5 + 2 * number} 0 R >>")
        objects.append(f"<< /Length {len(text)} >>\nstream\n{text}\nendstream")
    data, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(data))
        data += f"{number} 0 obj\n{content}\nendobj\n".encode()
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    head = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    trailer = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\n"
    return bytes(data) + f"{head}{trailer}startxref\n{len(data)}\n%%EOF\n".encode()


def test_ten_thousand_pages_cost_little_memory(pymupdf, options, tmp_path):
    (tmp_path / "long.pdf").write_bytes(long_document(10_000))
    engine = build_pdf_engine(PdfConfig((tmp_path / "long.pdf",), **options))
    assert len(engine) == 10_000
    lot = np.random.default_rng(1)
    for index in lot.integers(10_000, size=40).tolist():
        _, page = engine.inventory.page(index)
        assert make_sample(engine, SEED, index).text.startswith(f"Page {page} of")
    status = f"/proc/{engine._guard._process.pid}/status"
    with pathlib.Path(status).open(encoding="utf-8") as file:
        peak_kib = next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    assert peak_kib < 400 * 1024


def test_the_command_makes_a_set_of_all_pages(library, cache, tmp_path):
    import typer
    from typer.testing import CliRunner

    from vary.cli.data.pdf import pdf

    app = typer.Typer()
    app.command()(pdf)
    arguments = [str(library), "--out", str(tmp_path / "set"), "--seed", "1"]
    arguments += ["--min-characters", "20", "--cache", str(cache), "--target", "paragraphs"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "12 samples" in result.output
    assert "1 dropped: encrypted document" in result.output
    assert len(list(iterate_set(tmp_path / "set"))) == 12
