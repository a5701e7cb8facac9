import io
import json
import pickle
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vary.data.importers.pairs import PairsConfig, build_pairs_engine
from vary.errors import InputError


def build(source, **options):
    return build_pairs_engine(PairsConfig(source=source, **options))


@pytest.fixture
def coco(tmp_path, write_json, put_picture):
    """COCO's folder with captions of two pictures, one of which is not there."""
    put_picture(tmp_path / "coco" / "train2017" / "000000000009.jpg", size=(64, 48))
    images = [
        {"id": 9, "file_name": "000000000009.jpg", "license": 2, "height": 48, "width": 64},
        {"id": 25, "file_name": "000000000025.jpg", "license": 9, "flickr_url": "http://x"},
    ]
    captions = [
        {"image_id": 9, "id": 661611, "caption": "A cat \n sits.  "},
        {"image_id": 25, "id": 2, "caption": "A dog."},
        {"image_id": 9, "id": 3, "caption": "Cat on a mat", "rating": 1},
        {"image_id": 9, "id": 4, "caption": " "},
        {"image_id": 77, "id": 5, "caption": "Nothing."},
    ]
    licences = [{"url": "http://creativecommons.org", "id": 2, "name": "CC BY-NC 2.0"}]
    whole = {"info": {"year": 2017}, "licenses": licences, "images": images,
             "annotations": captions}  # fmt: skip
    write_json(tmp_path / "coco" / "annotations" / "captions_train2017.json", whole)
    return tmp_path / "coco"


def test_every_caption_of_coco_is_a_sample(coco, make):
    engine = build(coco)
    assert len(engine) == 5
    sample = make(engine, 0)
    assert (sample.kind, sample.format, sample.text) == ("natural", "caption", "A cat sits.")
    assert sample.messages == ()
    assert sample.source == "captions_train2017.json; CC BY-NC 2.0"
    assert json.loads(sample.meta) == {
        "source_id": "661611", "image_id": "9", "licence": "CC BY-NC 2.0",
        "photo": "000000000009.jpg",
    }  # fmt: skip
    assert make(engine, 1) == ("missing picture", "000000000025.jpg")
    assert json.loads(make(engine, 2).meta)["unmapped"] == ["rating"]
    assert make(engine, 3)[0] == "no caption"
    place = "captions_train2017.json, annotations entry 4"
    assert make(engine, 4) == ("caption of no picture", f"{place}: image_id 77")


def test_one_caption_for_each_picture_is_drawn_by_lot(coco, make):
    engine = build(coco / "annotations" / "captions_train2017.json", one_caption=True)
    assert len(engine) == 3
    texts = {made.text for seed in range(12) if (made := make(engine, 0, seed)) and
             not isinstance(made, tuple)}  # fmt: skip
    assert texts == {"A cat sits.", "Cat on a mat"}
    assert make(engine, 0, 3) == make(engine, 0, 3)


def write_tar(path, members, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", **options) as archive:
        for number, (name, content) in enumerate(members):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.mtime = 1.5 + number  # not a whole number: a pax header, as webdataset writes
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture
def members(picture_file):
    told = {"caption": "not this", "url": "http://a/1", "key": "000000000", "punsafe": 0.1,
            "status": "success", "phash": "x"}  # fmt: skip
    return [
        ("000000000.jpg", picture_file()), ("000000000.txt", b"A red field\n"),
        ("000000000.json", json.dumps(told).encode()),
        ("000000001.txt", b"Nothing to see"), ("000000001.json", b"{}"),
        ("000000002.png", picture_file(kind="PNG")),
        ("000000002.json", json.dumps({"caption": "From its JSON"}).encode()),
        ("000000003.jpg", b"<html>"), ("000000003.txt", b"Not a picture"),
        (f"sub/{'n' * 120}.jpg", picture_file()), (f"sub/{'n' * 120}.txt", b"A long name"),
        ("._5.txt", b"x"), ("5.JPG", picture_file()), ("5.txt", b"Upper case"), ("5.cls", b"1"),
    ]  # fmt: skip


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_pairs_of_archives(tmp_path, make, members, form):
    write_tar(tmp_path / "a" / "00000.tar", members, format=form)
    write_tar(tmp_path / "a" / "00001.tar", members[:3], format=form)
    engine = build(tmp_path / "a")
    assert len(engine) == 7
    sample = make(engine, 0)
    assert (sample.text, sample.source) == ("A red field", "00000.tar")
    assert sample.images[0].bytes == members[0][1]
    assert json.loads(sample.meta) == {
        "source_id": "000000000", "key": "000000000", "url": "http://a/1", "punsafe": 0.1,
        "unmapped": ["phash"],
    }  # fmt: skip
    assert make(engine, 1) == ("no picture", "00000.tar, 000000001: .json, .txt")
    assert (make(engine, 2).text, make(engine, 2).images[0].path) == (
        "From its JSON", "000000002.png",
    )  # fmt: skip
    assert make(engine, 3)[0] == "not a picture"
    assert make(engine, 4).text == "A long name"
    assert make(engine, 5).text == "Upper case"
    assert json.loads(make(engine, 5).meta)["unmapped"] == ["member.cls"]
    assert make(engine, 6).source == "00001.tar"
    assert engine.length_hint(0) == 60
    assert engine.config()["files"].keys() == {"00000.tar", "00001.tar"}


def test_of_a_damaged_archive_the_sound_part_is_taken_and_the_rest_named(tmp_path, make, members):
    path = write_tar(tmp_path / "a.tar", members[:2] + members[9:11], format=tarfile.GNU_FORMAT)
    whole = path.read_bytes()
    second = whole.index(b"sub/") // 512 * 512
    for end in (second - 100, second, second + 600):
        path.write_bytes(whole[:end])
        engine = build(path)
        assert make(engine, 0).text == "A red field"
        assert make(engine, 1)[0] == "damaged archive"
        assert len(engine) == 2
    path.write_bytes(b"hello" * 1000)
    assert make(build(path), 0)[1] == "a.tar: from byte 0 on"


def test_archives_that_hold_nothing_or_are_packed_are_named(tmp_path):
    with pytest.raises(InputError, match="hold nothing"):
        build(write_tar(tmp_path / "a.tar", []))
    write_tar(tmp_path / "b.tar.gz", [("a.txt", b"x")])
    (tmp_path / "b.tar.gz").rename(tmp_path / "b.tar")
    (tmp_path / "c.tar").write_bytes(b"\x1f\x8b...")
    with pytest.raises(InputError, match=r"c\.tar: is packed with gzip"):
        build(tmp_path / "c.tar")


def write_parquet(path, columns, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, **options)
    return path


def test_rows_that_hold_their_pictures(tmp_path, make, picture_file):
    content = picture_file()
    path = write_parquet(
        tmp_path / "00000.parquet",
        {
            "jpg": [content, None, content, content, b"x"],
            "caption": ["One", "Two", None, "Four", "Five"],
            "status": ["success", "failed_to_download", "success", "success", "success"],
            "error_message": [None, "404", None, None, None],
            "key": ["0", "1", "2", "3", "4"],
            "url": ["http://a"] * 5,
            "similarity": [0.3, None, float("nan"), 0.2, 0.1],
            "exif": ["{}"] * 5,
        },
        row_group_size=2,
    )
    engine = build(path)
    assert len(engine) == 5
    sample = make(engine, 0)
    assert (sample.text, sample.images[0].path, sample.images[0].bytes) == ("One", "0.jpg", content)
    assert json.loads(sample.meta) == {
        "source_id": "0", "key": "0", "url": "http://a", "similarity": 0.3, "unmapped": ["exif"],
    }  # fmt: skip
    reason = ("not downloaded", "00000.parquet, row 1: failed_to_download; 404")
    assert make(engine, 1) == reason
    assert make(engine, 2)[0] == "no caption"
    assert make(engine, 4)[0] == "not a picture"
    # In any order, and in another process.
    assert [make(engine, at) for at in (3, 1, 0)][1:] == [reason, sample]
    assert make(pickle.loads(pickle.dumps(engine)), 0) == sample


def test_structs_of_bytes_and_path_and_other_columns_of_captions(tmp_path, make, picture_file):
    images = [{"bytes": picture_file(kind="PNG"), "path": "x/y.png"}]
    path = write_parquet(tmp_path / "a.parquet", {"image": images, "alt": ["Red"], "n": [1]})
    with pytest.raises(InputError, match=r"no column of captions among image, alt, n"):
        build(path)
    sample = make(build(path, caption_key="alt"), 0)
    assert (sample.text, sample.images[0].path) == ("Red", "y.png")


def test_files_beside_the_list_of_img2dataset(tmp_path, make, put_picture):
    put_picture(tmp_path / "00003" / "000030000.jpg")
    write_parquet(
        tmp_path / "00003.parquet",
        {"key": ["000030000", "000030001"], "caption": ["Here", "Gone"], "url": ["a", "b"]},
    )
    engine = build(tmp_path)
    assert (make(engine, 0).text, make(engine, 0).images[0].path) == ("Here", "000030000.jpg")
    assert make(engine, 1) == ("missing picture", "00003/000030001.jpg")


def test_addresses_alone_are_rejected_with_the_way_out(tmp_path, make):
    path = write_parquet(
        tmp_path / "laion.parquet",
        {"URL": ["http://a/1.jpg", None], "TEXT": ["alt", "alt"],
         "top_caption": ["a red car", "b"], "all_captions": [["a"], ["b"]]},
    )  # fmt: skip
    engine = build(path)
    assert make(engine, 0) == (
        "no picture: download with img2dataset first", "laion.parquet, row 0: http://a/1.jpg",
    )  # fmt: skip
    assert make(engine, 1)[0] == "no picture"


def test_other_sources_are_named(tmp_path, write_json):
    with pytest.raises(InputError, match="no such file or folder"):
        build(tmp_path / "none")
    with pytest.raises(InputError, match=r"holds no \.tar, \.parquet or captions"):
        build(tmp_path)
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(InputError, match=r"give a \.json of COCO"):
        build(tmp_path / "a.txt")
    (tmp_path / "a.parquet").write_text("x")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        build(tmp_path)
    with pytest.raises(InputError, match='lists no "annotations"'):
        build(write_json(tmp_path / "c.json", {"images": [{"id": 1, "file_name": "a"}]}))
