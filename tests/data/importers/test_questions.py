import json

import pytest

from vary.data.importers.chartqa import ChartQaConfig, build_chartqa_engine
from vary.data.importers.docvqa import DocVqaConfig, build_docvqa_engine, most_common
from vary.errors import InputError, VaryError

PREFIX = "Answer the following questions using a single word or phrase:"


def question(number, **changes):
    entry = {
        "questionId": 337 + number, "question": f"what is {number}?", "image": "documents/p_1.png",
        "question_types": ["handwritten", "form"], "docId": 279, "data_split": "train",
        "ucsf_document_id": "xnbl0037", "ucsf_document_page_no": "1",
        "answers": ["1/8/93", "1/8/1993"],
    }  # fmt: skip
    return {key: value for key, value in {**entry, **changes}.items() if value is not None}


@pytest.fixture
def docvqa(tmp_path, write_json, put_picture):
    put_picture(tmp_path / "documents" / "p_1.png", kind="PNG")

    def build(*entries, **options):
        data = {"dataset_name": "SP-DocVQA", "dataset_version": "1.0", "data": list(entries)}
        write_json(tmp_path / "train_v1.0_withQT.json", data)
        return build_docvqa_engine(DocVqaConfig(source=tmp_path, **options))

    return build


def test_a_question_on_a_document(docvqa, make):
    engine = docvqa(question(0, note="x"))
    sample = make(engine, 0)
    assert [(m.role, m.content) for m in sample.messages] == [
        ("user", f"<image>\n{PREFIX} what is 0?"), ("assistant", "1/8/93"),
    ]  # fmt: skip
    assert (sample.kind, sample.format, sample.text, sample.source) == (
        "document", "answer", "", "train_v1.0_withQT.json",
    )  # fmt: skip
    assert json.loads(sample.meta) == {
        "source_id": "337", "answers": ["1/8/93", "1/8/1993"], "document": 279, "split": "train",
        "page": "1", "ucsf_document_id": "xnbl0037", "question_types": ["handwritten", "form"],
        "unmapped": ["note"],
    }  # fmt: skip
    assert (sample.images[0].path, engine.length_hint(0)) == ("p_1.png", 6)


def test_the_most_common_answer_may_be_the_target(docvqa, make):
    answers = ["a", "B", "b", "c"]
    assert most_common(answers) == "B"
    assert make(docvqa(question(0, answers=answers)), 0).messages[1].content == "a"
    engine = docvqa(question(0, answers=answers), answer="common")
    assert make(engine, 0).messages[1].content == "B"


def test_the_questions_of_a_page_are_one_conversation_where_asked(docvqa, make):
    engine = docvqa(
        question(0), question(1, image="documents/other.png"), question(2),
        question(3, answers=[]), by_picture=True,
    )  # fmt: skip
    assert len(engine) == 3
    sample = make(engine, 0)
    assert [m.content for m in sample.messages] == [
        f"<image>\n{PREFIX} what is 0?", "1/8/93", "what is 2?", "1/8/93",
    ]  # fmt: skip
    meta = json.loads(sample.meta)
    assert meta["source_id"] == "documents/p_1.png"
    assert [part["id"] for part in meta["questions"]] == ["337", "339"]
    assert make(engine, 1) == ("missing picture", "documents/other.png")
    assert make(engine, 2)[0] == "no answer"
    assert engine.length_hint(0) == 12


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"answers": None}, "no answer"),
        ({"answers": [None, float("nan"), " "]}, "no answer"),
        ({"question": ""}, "no question"),
        ({"image": None}, "picture without a name"),
        ({"image": "documents/none.png"}, "missing picture"),
    ],
)
def test_questions_that_cannot_be_used_are_named(docvqa, make, changes, reason):
    assert make(docvqa(question(0, **changes)), 0)[0] == reason


def test_other_files_are_named(tmp_path, write_json):
    with pytest.raises(InputError, match="it holds none"):
        build_docvqa_engine(DocVqaConfig(source=tmp_path))
    path = write_json(tmp_path / "a.json", {"questions": []})
    with pytest.raises(InputError, match="as DocVQA has it"):
        build_docvqa_engine(DocVqaConfig(source=path))
    with pytest.raises(VaryError, match="answer 'last'"):
        DocVqaConfig(source=path, answer="last")


@pytest.fixture
def release(tmp_path, write_json, put_picture):
    """A release of ChartQA with two splits."""
    for split in ("train", "test"):
        folder = tmp_path / split
        human = [
            {"imgname": "1.png", "query": "How many?", "label": "3"},
            {"imgname": "2.png", "query": "Which?", "label": ["Red", "red"]},
            {"imgname": "1.png", "query": "Really?", "label": 7, "odd": 1},
        ]
        write_json(folder / f"{split}_human.json", human)
        write_json(
            folder / f"{split}_augmented.json", [{"imgname": "1.png", "query": "Q", "label": ""}]
        )
        put_picture(folder / "png" / "1.png", kind="PNG", size=(60, 40))
        (folder / "tables").mkdir()
        (folder / "tables" / "1.csv").write_text("Year,n\n2019,3\n", encoding="utf-8")
    return tmp_path


def test_questions_on_charts(release, make):
    engine = build_chartqa_engine(ChartQaConfig(source=release, split="train"))
    assert len(engine) == 4
    sample = make(engine, 0)
    assert (sample.kind, sample.format, sample.source) == ("chart", "answer", "train_human.json")
    assert [m.content for m in sample.messages] == [f"<image>\n{PREFIX} How many?", "3"]
    meta = json.loads(sample.meta)
    assert meta == {"source_id": "train_human/0", "half": "human", "table": "Year,n\n2019,3\n"}
    assert make(engine, 1) == ("missing picture", "2.png")
    assert json.loads(make(engine, 2).meta)["unmapped"] == ["odd"]
    assert make(engine, 2).messages[1].content == "7"
    assert make(engine, 3) == ("no answer", "train_augmented.json, entry 0")


def test_charts_are_grouped_halved_and_named_by_file(release, make):
    grouped = build_chartqa_engine(
        ChartQaConfig(source=release / "test", by_picture=True, tables=False)
    )
    assert len(grouped) == 3
    meta = json.loads(make(grouped, 0).meta)
    assert [part["id"] for part in meta["questions"]] == ["test_human/0", "test_human/2"]
    assert make(grouped, 2) == ("no answer", "test_augmented.json, entry 0")
    human = build_chartqa_engine(ChartQaConfig(source=release / "test", halves=("human",)))
    assert list(human.config()["files"]) == ["test_human.json"]
    alone = build_chartqa_engine(ChartQaConfig(source=release / "test" / "test_human.json"))
    assert (len(alone), make(alone, 0).source) == (3, "test_human.json")


def test_what_is_unclear_about_a_release_is_named(release):
    def build(**options):
        return build_chartqa_engine(ChartQaConfig(**{"source": release, **options}))

    with pytest.raises(InputError, match=r"give split \(train, test\)"):
        build()
    (release / "test" / "test_augmented.json").unlink()
    with pytest.raises(InputError, match=r"lacks test_augmented\.json"):
        build(split="test")
    with pytest.raises(InputError, match="no questions of ChartQA"):
        build(split="val")
    with pytest.raises(VaryError, match="halves robot"):
        build(halves=("robot",))
    with pytest.raises(VaryError, match="split 'dev'"):
        build(split="dev")


def test_archives_unpacked_beside_each_other(tmp_path, write_json, put_picture, make):
    put_picture(tmp_path / "spdocvqa_images" / "p_1.png", kind="PNG")
    path = tmp_path / "spdocvqa_qas" / "train_v1.0_withQT.json"
    write_json(path, {"data": [question(0)]})
    sample = make(build_docvqa_engine(DocVqaConfig(source=path)), 0)
    assert (sample.images[0].width, sample.images[0].path) == (40, "p_1.png")


def test_a_picture_of_several_questions_is_read_once(docvqa, make, tmp_path, monkeypatch):
    from vary.data.importers import base

    read = []
    monkeypatch.setattr(
        base, "read_file", lambda path, name: read.append(name) or path.read_bytes()
    )
    engine = docvqa(*(question(n) for n in range(3)))
    first, *others = (make(engine, n) for n in range(3))
    assert read == ["documents/p_1.png"]
    assert all(sample.images == first.images for sample in others)
    assert make(docvqa(question(2)), 0).images == first.images
