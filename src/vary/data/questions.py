"""The paper's prompts: what a model is asked about a picture, by its kind and what it writes."""

import hashlib

QUESTIONS: dict[tuple[str, str, str], tuple[str, ...]] = {
    ("document", "text", ""): ("Provide the OCR results of this image.",),
    ("document", "text", "zh"): ("写出这幅图中所有文字。", "写出图中的文字。"),
    ("document", "markdown", ""): (
        "Convert the image to markdown format.",
        "Convert the image to markdown/latex format.",
    ),
    ("document", "markdown", "zh"): ("将这幅图转成markdown格式。",),
    ("document", "latex", ""): ("Convert this table to latex format.",),
    ("chart", "dict", ""): ("Convert this chart to python-dict",),
    ("natural", "caption", ""): ("Describe the image",),
}
"""(kind, format, language) of a sample -> its questions, the first the usual one; language ""
stands for all that have none of their own. Source: paper 3.3.2 and the authors' code."""


def questions_of(kind: str, written: str, language: str) -> tuple[str, ...]:
    """Return the questions to which a sample's text is the answer; none where the paper has none.

    Args:
        kind: of the sample: document, chart, natural.
        written: its format: text, markdown, latex, dict, caption.
        language: of the text.
    """
    found = QUESTIONS.get((kind, written, language)) or QUESTIONS.get((kind, written, ""))
    return found or ()


def question_for(name: str, questions: tuple[str, ...]) -> str:
    """Return one of several questions, always the same for a sample of this name."""
    number = hashlib.sha256(name.encode()).digest()[0]
    return questions[number % len(questions)]
