import hashlib
import json

import numpy as np
import pytest

from vary.data.engines.base import Reject
from vary.data.importers.records import TextFile, clean, open_list, open_members
from vary.errors import InputError, VaryError

ENTRIES = [{"a": "1,2"}, {"b": "漢字"}]


def test_lists_and_lines_are_read_alike(tmp_path):
    listed, lines = tmp_path / "a.json", tmp_path / "b.jsonl"
    listed.write_text(json.dumps(ENTRIES, ensure_ascii=False), encoding="utf-8-sig")
    lines.write_text(
        "\n\n".join(json.dumps(e, ensure_ascii=False) for e in ENTRIES), encoding="utf-8"
    )
    for path in (listed, lines):
        records = open_list(path)
        assert [records.entry(at) for at in range(len(records))] == ENTRIES
        assert records.file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert open_list(lines).place(1) == "b.jsonl, entry 1"


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "big5"])
def test_another_encoding_is_read_where_it_is_named(tmp_path, encoding):
    path = tmp_path / "a.json"
    # In these the second byte of a character may be a bracket or a backslash.
    entries = [*ENTRIES, {"功": "許功蓋 \\ {["}]
    path.write_bytes(json.dumps(entries, ensure_ascii=False).encode(encoding))
    with pytest.raises(
        InputError, match=r"a\.json: not in utf-8 .*give its encoding \(gb18030 for GBK"
    ):
        open_list(path)
    records = open_list(path, encoding)
    assert [records.entry(at) for at in range(len(records))] == entries


def test_a_wrong_encoding_is_named(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b'["\xff\xff"]')
    with pytest.raises(InputError, match="not in gb18030"):
        open_list(path, "gb18030")
    with pytest.raises(VaryError, match="encoding 'chinese7'"):
        TextFile(path, "chinese7")


def test_entries_that_cannot_be_used_are_rejected_one_by_one(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('[{"a": 1}, tru, [1], {"b" 1}, "s", {"c": "\\ud83d!"}]')
    records = open_list(path)
    assert len(records) == 6
    assert records.entry(0) == {"a": 1}
    assert records.entry(5) == {"c": "\ufffd!"}
    for at, reason in [(1, "no JSON"), (2, "no object: a.json, entry 2: list"), (3, "no JSON"),
                       (4, "no object")]:  # fmt: skip
        with pytest.raises(Reject, match=reason):
            records.entry(at)


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "is empty"), (b"\xef\xbb\xbf", "is empty"), (b"[]", "holds no entries"),
     (b'[{"a": 1', "neither a JSON list nor"), (b"hello", "neither a JSON list nor")],
)  # fmt: skip
def test_files_that_are_no_list_are_named(tmp_path, content, told):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.json: {told}"):
        open_list(path)


def test_a_missing_file_and_a_list_for_an_object_are_named(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        open_list(tmp_path / "none.json")
    path = tmp_path / "a.json"
    path.write_text("[1]")
    with pytest.raises(InputError, match="not the JSON that was expected"):
        open_members(path, ["data"])


def test_clean_replaces_lone_surrogates_alone():
    assert clean({"a\udc00": ["\ud83d", "😀", 1, None]}) == {"a\ufffd": ["\ufffd", "😀", 1, None]}


def test_places_alone_are_held(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n' * 1000)
    records = open_list(path)
    assert records.spans.dtype == np.int64
    assert records.file.held is None
