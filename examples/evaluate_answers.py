"""Score another system's answers, and say how sure the difference to a second system is.

    python examples/evaluate_answers.py

A task scores one answer at a time; a report puts the scores of a data set together. `vary eval`
does both from the command line.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from vary.eval.report import build_report, print_table, write_html
from vary.eval.runner import run_evaluation
from vary.eval.systems import SystemOptions, open_systems
from vary.eval.tasks.ocr import OcrTask

TRUTHS = {
    "letter": "The parcel left the harbour on Monday and is due on Thursday.",
    "notice": "Please close the gate. Sheep are grazing on both sides of it.",
    "label": "Store in a cool, dry place. Best before the date on the lid.",
}


def write_pages(folder: Path, texts: dict[str, str]) -> None:
    """Write a text for each page: truths or answers."""
    folder.mkdir()
    for name, text in texts.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")


with TemporaryDirectory() as scratch:
    data, careful, hasty = (Path(scratch) / name for name in ("data", "careful", "hasty"))
    write_pages(data, TRUTHS)
    write_pages(careful, {name: text.replace("rn", "m") for name, text in TRUTHS.items()})
    # It loses a page, and words of the others: the lost page counts as the worst.
    write_pages(hasty, {name: text[:40] for name, text in TRUTHS.items() if name != "label"})

    task = OcrTask()
    (page, *_) = task.prompts(data)
    print(page.id, task.score(page, "The parcel left")["edit_distance"])

    systems = open_systems([str(careful), str(hasty)], SystemOptions())
    evaluation = run_evaluation(task, data, systems, Path(scratch) / "run")
    report = build_report(evaluation)
    print_table(report, Console(width=100))
    write_html(report, Path(scratch) / "run" / "report.html")
