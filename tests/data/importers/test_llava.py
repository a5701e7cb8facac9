import json

import pytest

from vary.data.importers.conversations import ConversationsConfig, build_conversations_engine
from vary.data.importers.llava import LlavaConfig, build_llava_engine
from vary.data.schema import Message
from vary.errors import InputError, VaryError


def talk(*turns):
    return [{"from": role, "value": text} for role, text in turns]


ASK = [("human", "What is it?\n<image>"), ("gpt", "A cat."), ("human", "Sure?"), ("gpt", "Yes.")]


@pytest.fixture
def engine(tmp_path, write_json):
    def build(*entries, **options):
        path = write_json(tmp_path / "llava.json", list(entries))
        return build_llava_engine(LlavaConfig(source=path, **options))

    return build


def test_a_conversation_keeps_its_turns_and_the_place_of_its_picture(
    engine, make, tmp_path, put_picture
):
    path = put_picture(tmp_path / "coco" / "train2017" / "000000033471.jpg")
    entry = {"id": "000000033471", "image": "coco/train2017/000000033471.jpg",
             "conversations": talk(*ASK)}  # fmt: skip
    made = engine(entry, licence="CC-BY-4.0")
    sample = make(made, 0)
    assert sample.messages == (
        Message("user", "What is it?\n<image>"), Message("assistant", "A cat."),
        Message("user", "Sure?"), Message("assistant", "Yes."),
    )  # fmt: skip
    assert (sample.kind, sample.format, sample.text) == ("conversation", "answer", "")
    assert (sample.source, sample.id) == ("llava.json; CC-BY-4.0", "llava/0/0")
    assert json.loads(sample.meta) == {"source_id": "000000033471"}
    assert sample.images[0].bytes == path.read_bytes()
    assert (len(made), made.length_hint(0)) == (1, len("A cat.Yes."))


def test_pictures_lie_in_several_roots(engine, make, tmp_path, put_picture):
    put_picture(tmp_path / "x" / "gqa" / "images" / "1.jpg")
    put_picture(tmp_path / "y" / "textvqa" / "train_images" / "2.png", kind="PNG")
    entries = [
        {"id": n, "image": name, "conversations": talk(("human", "<image>\nHm?"), ("gpt", "Ah."))}
        for n, name in enumerate(["gqa/images/1.jpg", "textvqa/train_images/2.jpg", "vg/3.jpg"])
    ]
    made = engine(*entries, images=(tmp_path / "x", tmp_path / "y" / "textvqa"))
    assert make(made, 0).images[0].path == "1.jpg"
    assert make(made, 1).images[0].path == "2.png"
    assert make(made, 2) == ("missing picture", "vg/3.jpg")


def test_text_alone_has_no_picture_and_may_be_left_out(engine, make):
    entry = {"id": "s1", "model": "gpt-4", "conversations": talk(("human", "Hi"), ("gpt", "Ho"))}
    sample = make(engine(entry), 0)
    assert (sample.images, len(sample.messages)) == ((), 2)
    assert json.loads(sample.meta) == {"source_id": "s1", "model": "gpt-4"}
    assert make(engine(entry, text_only=False), 0) == ("names no picture", "llava.json, entry 0")


def test_what_has_no_place_is_named(engine, make):
    turns = talk(("human", "Hi"), ("gpt", "Ho"))
    turns[1]["weight"] = 0
    sample = make(engine({"id": 1, "score": 3, "conversations": turns}), 0)
    assert json.loads(sample.meta)["unmapped"] == ["score", "turn.weight"]


def test_a_missing_placeholder_is_put_in_and_named(engine, make, tmp_path, put_picture):
    put_picture(tmp_path / "a.jpg")
    entry = {"id": 1, "image": ["a.jpg", "a.jpg"],
             "conversations": talk(("human", "Same?"), ("gpt", "Yes"))}  # fmt: skip
    sample = make(engine(entry), 0)
    assert sample.messages[0].content == "<image>\n<image>\nSame?"
    assert len(sample.images) == 2
    assert json.loads(sample.meta)["mended"] == ["placeholder put in"]


@pytest.mark.parametrize(
    ("entry", "reason", "told"),
    [
        ({"conversations": []}, "no turns", "entry 0"),
        ({"text": "x"}, "no turns", "entry 0"),
        ({"conversations": ["Hi"]}, "turn is no object", "turn 0: str"),
        ({"conversations": talk(("human", "a"), ("bing", "b"))}, "unknown role", "turn 1: 'bing'"),
        ({"conversations": [{"from": 3, "value": "x"}]}, "unknown role", "turn 0: 3"),
        ({"conversations": [{"from": "human", "value": ["x"]}]}, "turn without text",
         "value is list"),
        ({"conversations": talk(("human", "a"), ("gpt", " "))}, "empty turn", "turn 1 (assistant)"),
        ({"conversations": talk(("gpt", "a"), ("human", "b"))}, "turns in odd order",
         "assistant user"),
        ({"conversations": talk(("system", "a"))}, "turns in odd order", "system"),
        ({"conversations": talk(("human", "a"))}, "turns in odd order", "user"),
        ({"conversations": talk(("human", "<image>"), ("gpt", "b"))},
         "placeholders and pictures differ", "1 <image>, 0 pictures"),
        ({"image": 5, "conversations": talk(*ASK)}, "picture without a name", "int"),
        ({"image": "a/../../b.jpg", "conversations": talk(*ASK)},
         "picture outside of the folders", "b.jpg"),
    ],
)  # fmt: skip
def test_what_cannot_be_mapped_is_a_named_reject(engine, make, entry, reason, told):
    assert make(engine(entry), 0)[0] == reason
    assert told in make(engine(entry), 0)[1]


def test_odd_turns_are_mended_where_asked(engine, make):
    turns = talk(("gpt", "0"), ("system", "S"), ("human", "a"), ("human", "b"), ("gpt", "c"),
                 ("gpt", "d"), ("human", "e"))  # fmt: skip
    mended = make(engine({"conversations": turns}, odd_turns="mend"), 0)
    assert [m.content for m in mended.messages] == ["a\n\nb", "c\n\nd"]
    assert json.loads(mended.meta)["mended"] == ["turns in odd order"]
    alone = engine({"conversations": talk(("human", "a"))}, odd_turns="mend")
    assert make(alone, 0)[0] == "turns in odd order"


def test_other_roles_are_mapped_where_told(engine, make):
    entry = {"conversations": talk(("human", "a"), ("bing", "b"))}
    made = engine(entry, roles={"bing": "assistant"})
    assert make(made, 0).messages[1] == Message("assistant", "b")
    with pytest.raises(VaryError, match="'bing' -> 'robot'"):
        engine(entry, roles={"bing": "robot"})
    with pytest.raises(VaryError, match="odd_turns 'keep'"):
        engine(entry, odd_turns="keep")


def test_past_the_end_there_is_nothing(engine, make):
    made = engine({"conversations": talk(("human", "a"), ("gpt", "b"))})
    assert make(made, 1) == ("past the end of the source", "it has 1 entries")
    assert made.length_hint(1) == 0


def test_configuration_names_files_by_hash_and_no_places(engine, tmp_path):
    made = engine({"conversations": talk(*ASK)}, images=(tmp_path,))
    config = made.config()
    assert list(config["files"]) == ["llava.json"]
    assert len(config["files"]["llava.json"]) == 64
    assert str(tmp_path) not in json.dumps(config)
    with pytest.raises(InputError, match="give the JSON file"):
        build_llava_engine(LlavaConfig(source=tmp_path))


def test_conversations_of_several_files_and_layouts(tmp_path, make, write_json):
    write_json(
        tmp_path / "a.json", [{"id": "x", "conversations": talk(("human", "1"), ("gpt", "2"))}]
    )
    lines = [
        {"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "3"},
                      {"role": "assistant", "content": "4"}]},
        {"id": "y", "image": "a.jpg", "items": talk(*ASK)},
    ]  # fmt: skip
    (tmp_path / "b.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    engine = build_conversations_engine(ConversationsConfig(source=tmp_path))
    assert len(engine) == 3
    first, second = make(engine, 0), make(engine, 1)
    assert (first.source, second.source) == ("a.json", "b.jsonl")
    assert [message.role for message in second.messages] == ["system", "user", "assistant"]
    assert json.loads(second.meta)["source_id"] == "0"
    assert make(engine, 2) == ("names a picture", "b.jsonl, entry 1: a.jpg; import it as llava")
    assert engine.config()["files"].keys() == {"a.json", "b.jsonl"}


def test_conversations_in_gbk_need_their_encoding(tmp_path, make):
    path = tmp_path / "a.jsonl"
    entry = {"conversations": talk(("human", "你好"), ("gpt", "您好，有什么可以帮您？"))}
    path.write_bytes(json.dumps(entry, ensure_ascii=False).encode("gbk"))
    with pytest.raises(InputError, match=r"a\.jsonl: not in utf-8"):
        build_conversations_engine(ConversationsConfig(source=path))
    engine = build_conversations_engine(ConversationsConfig(source=path, encoding="gbk"))
    assert make(engine, 0).messages[0].content == "你好"


def test_a_folder_without_conversations_is_named(tmp_path):
    with pytest.raises(InputError, match=r"holds no \*\.json"):
        build_conversations_engine(ConversationsConfig(source=tmp_path))
    with pytest.raises(VaryError, match="give reject or mend"):
        ConversationsConfig(source=tmp_path, odd_turns="x")
