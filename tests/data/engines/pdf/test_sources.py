import io
import json
import tarfile

import pytest

from vary.data.engines.pdf.sidecar import told_of
from vary.data.engines.pdf.sources import find_places, sha256_of
from vary.errors import InputError


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "pdfs"
    for name in ("b.pdf", "a.PDF", "deep/er/c.pdf", "notes.md"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode() * 3)
    return folder


def archive(path, members):
    with tarfile.open(path, "w") as file:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return path


def names(*sources):
    return [place.name for place in find_places(sources)]


def test_folders_are_gone_through_by_name(folder):
    assert names(folder) == ["a.PDF", "b.pdf", "deep/er/c.pdf"]


def test_files_come_in_the_order_given(folder):
    assert names(folder / "b.pdf", folder / "a.PDF") == ["b.pdf", "a.PDF"]


def test_lists_name_files_beside_them(folder):
    (folder / "list.txt").write_text("# a comment\n\nb.pdf\ndeep/er/c.pdf\n", encoding="utf-8")
    assert names(folder / "list.txt") == ["b.pdf", "deep/er/c.pdf"]
    (folder / "list.txt").write_text("gone.pdf\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"gone\.pdf"):
        names(folder / "list.txt")


def test_members_of_archives_are_read_where_they_lie(tmp_path):
    content = b"%PDF one" * 1000
    path = archive(tmp_path / "some.tar", {"x/one.pdf": content, "two.txt": b"-", "3.pdf": b"3"})
    places = list(find_places((path,)))
    assert [place.name for place in places] == ["some.tar/x/one.pdf", "some.tar/3.pdf"]
    with path.open("rb") as file:
        file.seek(places[0].offset)
        assert file.read(places[0].size) == content
    (tmp_path / "one.pdf").write_bytes(content)
    alone = next(find_places((tmp_path / "one.pdf",)))
    assert sha256_of(places[0]) == sha256_of(alone) != sha256_of(places[1])


def test_a_cut_archive_is_refused_and_named(tmp_path):
    path = archive(tmp_path / "cut.tar", {"a.pdf": b"a" * 5000, "b.pdf": b"b" * 5000})
    path.write_bytes(b"\1" + path.read_bytes()[1:300])
    with pytest.raises(InputError, match=r"cut\.tar"):
        names(path)


@pytest.mark.parametrize("name", ["papers.tar.gz", "papers.tgz"])
def test_packed_archives_are_refused_with_a_way_out(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x1f\x8b")
    with pytest.raises(InputError, match="unpack"):
        names(tmp_path / name)


def test_missing_sources_are_named(tmp_path):
    with pytest.raises(InputError, match=r"no\.pdf"):
        names(tmp_path / "no.pdf")


def told(source, name):
    return told_of(next(place for place in find_places((source,)) if place.name == name))


def test_the_sidecar_above_a_folder_tells_of_its_documents(folder):
    entries = [
        {"file": "other/b.pdf", "licence": "none"},
        {"file": "pdfs/b.pdf", "licence": "CC BY  4.0", "repo": "some/where", "pages": 3},
    ]
    (folder.parent / "MANIFEST.json").write_text(json.dumps(entries), encoding="utf-8")
    found = told(folder, "b.pdf")
    assert found.licence == "CC BY 4.0"
    assert found.origin == (("repo", "some/where"),)
    assert told(folder, "deep/er/c.pdf").licence == ""


def test_the_nearest_sidecar_counts(folder):
    (folder / "META.json").write_text('{"c": {"license": "far"}}', encoding="utf-8")
    (folder / "deep" / "META.json").write_text('{"c.pdf": {"license": "near"}}', encoding="utf-8")
    assert told(folder, "deep/er/c.pdf").licence == "near"


def test_a_sidecar_tells_of_members_of_an_archive(tmp_path):
    archive(tmp_path / "some.tar", {"x/one.pdf": b"1"})
    entry = {"path": "x/one.pdf", "licence": "CC0"}
    (tmp_path / "META.json").write_text(json.dumps([entry]), encoding="utf-8")
    assert told(tmp_path / "some.tar", "some.tar/x/one.pdf").licence == "CC0"


@pytest.mark.parametrize("content", ["no json", "[1, 2]", "3", '{"b.pdf": 7}', "\0"])
def test_sidecars_of_another_kind_tell_nothing(folder, content):
    (folder / "META.json").write_text(content, encoding="utf-8")
    assert told(folder, "b.pdf").licence == ""
