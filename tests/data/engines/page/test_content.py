import pytest

from vary.data.engines.page.content import SENTENCE_END


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two; three? No.5 stays.", ["One.", "Two;", "three?", "No.5 stays."]),
        ("春。夏！秋？冬；", ["春。", "夏！", "秋？", "冬；"]),
        ("“去吧！”他说。“好。”", ["“去吧！”", "他说。", "“好。”"]),
        ("（見下。）然後「是。」，他說。", ["（見下。）", "然後「是。」，他說。"]),
        ("真的！？真的。", ["真的！？", "真的。"]),
    ],
)
def test_sentences_keep_the_marks_that_close_them(text, sentences):
    assert [part for part in SENTENCE_END.split(text) if part] == sentences
