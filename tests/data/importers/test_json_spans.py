import json
import mmap
import random

import pytest

from vary.data.importers.json_spans import JsonShapeError, list_spans, member_spans


def pieces(content, spans):
    return [json.loads(content[start:end]) for start, end in spans]


def random_value(rng, depth):
    kind = rng.randrange(7 if depth else 4)
    if kind == 0:
        return rng.choice([None, True, False, -1.5e-7, 12])
    if kind in {1, 2, 3}:
        return "".join(rng.choice('ab"\\{}[],: \n\té漢\ud83d') for _ in range(rng.randrange(8)))
    if kind in {4, 5}:
        return {f"k{i}" + rng.choice('"]}'): random_value(rng, depth - 1) for i in range(3)}
    return [random_value(rng, depth - 1) for _ in range(rng.randrange(4))]


@pytest.mark.parametrize("seed", range(20))
def test_spans_are_those_of_the_parser_whatever_stands_in_the_file(seed):
    rng = random.Random(seed)
    entries = [random_value(rng, rng.randrange(1, 12)) for _ in range(30)]
    for indent in (None, 2):
        content = json.dumps(entries, indent=indent).encode()
        assert pieces(content, list_spans(content)) == entries
        whole = {"info": entries[0], 'li"st': entries, "more": {"a": 1, "b": entries}, "last": 2}
        content = json.dumps(whole, indent=indent, ensure_ascii=seed % 2 == 0).encode(
            errors="surrogatepass"
        )
        found = member_spans(content, ["more"])
        assert pieces_or_text(content, found["more"]) == [1, entries]


def pieces_or_text(content, spans):
    return [json.loads(content[a:b].decode(errors="surrogatepass")) for a, b in spans]


def test_a_mapped_file_does_as_well(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b'{"x": [1], "data": [{"a": "]"}, "s", 3]}')
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        spans = member_spans(mapped, ["data", "none"])
        assert pieces(mapped, spans["data"]) == [{"a": "]"}, "s", 3]
        assert set(spans) == {"data"}


def test_the_rest_is_not_read_when_all_is_found():
    content = b'{"data": [1, 2], "broken": [}'
    assert len(member_spans(content, ["data"])["data"]) == 2
    with pytest.raises(JsonShapeError, match="byte"):
        member_spans(content, ["other"])


@pytest.mark.parametrize(
    "content", [b'[{"a": 1}, {"b": "x', b"[1, 2", b"[1 2]", b"[1] 2", b"{}", b"[,]", b"[[1, 2, [3]"]
)
def test_files_that_are_cut_off_or_no_lists_are_named_by_the_byte(content):
    with pytest.raises(JsonShapeError, match=r"byte \d+"):
        list_spans(content)


@pytest.mark.parametrize("content", [b"[]", b'{"a" 1}', b"{1: 2}", b'{"data": {1}}', b'{"a": 1'])
def test_objects_that_are_none_are_named_by_the_byte(content):
    with pytest.raises(JsonShapeError, match=r"byte \d+"):
        member_spans(content, ["data"])
