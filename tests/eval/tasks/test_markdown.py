from vary.eval.records import Prompt
from vary.eval.runner import worst_score
from vary.eval.tasks.markdown import MarkdownTask

TABLE = "\\begin{tabular}{ll}a & b\\end{tabular}"
PAGE = Prompt("a", (), "", f"# Head\n\nThe sum \\(x+y\\) stands here.\n\n{TABLE}\n")
PLAIN = Prompt("b", (), "", "Only words stand on this page.")


def test_prompts(make_pages):
    folder = make_pages({"a": "text", "b": "词汇"})
    (folder / "a.md").write_text("# text", encoding="utf-8")
    prompts = {prompt.id: prompt for prompt in MarkdownTask().prompts(folder)}
    assert prompts["a"].truth == "# text"
    assert prompts["a"].prompt == "Convert the image to markdown format."
    assert prompts["b"].prompt == "将这幅图转成markdown格式。"


def test_parts_are_scored_apart():
    answer = PAGE.truth.replace("x+y", "x-y")
    measured = MarkdownTask().score(PAGE, answer)
    assert measured["text_edit_distance"] == 0.0
    assert measured["tables_f1"] == 1.0
    assert measured["math_edit_distance"] == 1 / 3
    assert 0 < measured["edit_distance"] < 0.1


def test_a_part_that_neither_side_has_does_not_count():
    measured = MarkdownTask().score(PLAIN, PLAIN.truth)
    assert measured["text_edit_distance"] == 0.0
    assert {name for name in measured if name.startswith(("math", "tables"))} == {
        "math_invented",
        "tables_invented",
    }
    assert measured["math_invented"] == 0.0


def test_an_invented_part_counts():
    measured = MarkdownTask().score(PLAIN, f"{PLAIN.truth} {TABLE}")
    assert measured["tables_invented"] == 1.0
    assert measured["math_invented"] == 0.0
    assert "tables_f1" not in measured


def test_a_missing_answer_is_the_worst_in_all_parts_of_the_truth():
    values = worst_score(MarkdownTask(), PAGE, "no answer").values
    assert {name: values[name] for name in values if name.endswith("_edit_distance")} == {
        "text_edit_distance": 1.0,
        "math_edit_distance": 1.0,
        "tables_edit_distance": 1.0,
    }
    values = worst_score(MarkdownTask(), PLAIN, "no answer").values
    assert "math_f1" not in values
    assert values["math_invented"] == 1.0


def test_columns():
    info = MarkdownTask().info
    names = [metric.name for metric in info.metrics]
    assert names[0] == "edit_distance"
    assert {"text_f1", "math_edit_distance", "tables_f1"} <= set(names)
    assert set(MarkdownTask().score(PAGE, "other")) <= set(names)
    assert not any("math" in metric.name for metric in MarkdownTask(mode="nougat").info.metrics)
    assert "Markdown" in info.title
