import pytest

from vary.errors import VaryError
from vary.eval.metrics.text import text_metrics
from vary.eval.records import Prompt
from vary.eval.runner import worst_score
from vary.eval.tasks.ocr import OcrTask

ENGLISH = Prompt("a", (), "", "the quick brown fox jumps over the dog", "book", {"language": "en"})
CHINESE = Prompt(
    "b", (), "", "视觉 词汇表 很大，模型写出这一页的文字。", "book", {"language": "zh"}
)
EMPTY = Prompt("c", (), "", "")


def test_prompts(make_pages):
    folder = make_pages({"a": "words", "b": "词汇", "c": ""}, [{"id": "a", "document": "book"}])
    prompts = {prompt.id: prompt for prompt in OcrTask().prompts(folder)}
    assert prompts["a"].prompt == "Provide the OCR results of this image."
    assert prompts["b"].prompt == "写出这幅图中所有文字。"
    assert prompts["c"].prompt == prompts["a"].prompt
    assert prompts["a"].images == (str((folder / "a.png").resolve()),)
    assert prompts["a"].document == "book"
    assert prompts["a"].truth == "words"


def test_a_page_as_it_stands_is_best():
    task = OcrTask()
    for prompt in (ENGLISH, CHINESE):
        measured = task.score(prompt, prompt.truth)
        for metric in task.info.metrics:
            if metric.name in measured:
                value = measured[metric.name]
                value = value[0] / value[1] if isinstance(value, tuple) else value
                assert value == pytest.approx(metric.best), metric.name
    assert "invented" not in task.score(ENGLISH, "x")


def test_the_values_are_those_of_the_metrics():
    assert OcrTask().score(ENGLISH, "the quick fox") == text_metrics("the quick fox", ENGLISH.truth)
    # White space between Chinese characters is none.
    assert (
        OcrTask().score(CHINESE, "视觉词汇表很大，模型写出这一页的文字。")["edit_distance"] == 0.0
    )


@pytest.mark.parametrize("answer", ["", "   \n"])
def test_an_empty_answer_is_the_worst(answer):
    task = OcrTask()
    measured = task.score(ENGLISH, answer)
    missing = worst_score(task, ENGLISH, "no answer")
    for name, value in measured.items():
        told = value[0] / value[1] if isinstance(value, tuple) else value
        assert told == task.info.metric(name).worst, name
        assert missing.value(name) == task.info.metric(name).worst, name


def test_empty_pages_count_what_is_invented():
    task = OcrTask()
    assert task.score(EMPTY, " \n")["invented"] == 0.0
    assert task.score(EMPTY, "a novel")["invented"] == 1.0
    assert task.score(EMPTY, "")["edit_distance"] == 0.0
    missing = worst_score(task, EMPTY, "no answer")
    assert missing.values["invented"] == 1.0
    assert missing.values["edit_distance"] == 1.0
    assert (missing.values["cer"], missing.weights["cer"]) == (1.0, 0.0)


def test_every_value_has_a_column():
    for task in (OcrTask(), OcrTask(mode="fox"), OcrTask(mode="got"), OcrTask(mode="nougat")):
        names = {metric.name for metric in task.info.metrics}
        for prompt in (ENGLISH, CHINESE, EMPTY):
            assert set(task.score(prompt, "an answer that differs")) <= names


def test_modes():
    answer = "the quick brown fox"
    right, fox = OcrTask().score(ENGLISH, answer), OcrTask(mode="fox").score(ENGLISH, answer)
    assert right["precision"] == 1.0
    assert right["recall"] < 1.0
    assert (fox["precision"], fox["recall"]) == (right["recall"], right["precision"])
    assert fox["f1"] == pytest.approx(right["f1"])
    assert OcrTask(mode="got").score(ENGLISH, "") == {}
    assert OcrTask().score(ENGLISH, "")["f1"] == 0.0
    assert worst_score(OcrTask(mode="got"), ENGLISH, "no answer").values == {}
    assert OcrTask(mode="nougat").score(ENGLISH, "abc") == {}


def test_what_the_report_says():
    info = OcrTask().info
    assert info.metrics[0].name == "edit_distance"
    assert info.has_text
    assert not any(metric.name == "meteor" for metric in info.metrics)
    assert any(metric.name == "meteor" for metric in OcrTask(meteor=True).info.metrics)
    told = OcrTask(mode="fox").info
    assert "as scored by fox" in told.title
    assert "exchanged" in told.notes[0]


def test_an_unknown_mode_is_named():
    with pytest.raises(VaryError, match=r"'fux'.*fox, got, nougat"):
        OcrTask(mode="fux").check()


def test_meteor_needs_wordnet(monkeypatch):
    import vary.eval.tasks.ocr as module

    def missing():
        raise VaryError("WordNet is not here")

    monkeypatch.setattr(module, "load_wordnet", missing)
    OcrTask().check()
    with pytest.raises(VaryError, match="WordNet"):
        OcrTask(meteor=True).check()
