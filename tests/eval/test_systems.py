import os
import shlex
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vary.errors import VaryError
from vary.eval.records import Prompt
from vary.eval.systems import (
    CommandSystem,
    FileSystem,
    FolderSystem,
    ReaderSystem,
    SystemOptions,
    open_systems,
)

PYTHON = sys.executable


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def python(code: str, *arguments: str) -> str:
    """Return a command template that runs some Python."""
    return " ".join([f"'{PYTHON}' -c '{code}'", *arguments])


@pytest.fixture
def prompts(tmp_path):
    made = []
    for name in ("a", "b c"):
        Image.new("L", (8, 8), 255).save(tmp_path / f"{name}.png")
        made.append(Prompt(f"set/{name}", (f"{name}.png",), 'What\'s "there"?', ""))
    return made


def answer(system, prompts, folder) -> dict:
    return {response.id: response for response in system.answer(prompts, folder)}


def test_a_command_answers_by_what_it_prints(prompts, tmp_path):
    code = "import sys; print(sys.argv[1:])"
    found = answer(CommandSystem("x", python(code, "{image}", "p={prompt}")), prompts, tmp_path)
    text = found["set/b c"].answer
    assert text == str([str(tmp_path / "b c.png"), 'p=What\'s "there"?']) + "\n"
    assert found["set/a"].seconds > 0
    assert not found["set/a"].reason


def test_a_command_answers_by_its_file(prompts, tmp_path):
    # As tesseract does, which adds an ending of its own.
    code = 'import sys; open(sys.argv[2] + ".txt", "w").write("from the file"); print("noise")'
    found = answer(CommandSystem("x", python(code, "{image}", "{output}")), prompts, tmp_path)
    assert {response.answer for response in found.values()} == {"from the file"}


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        (python('import sys; sys.exit("no model")', "{image}"), "exit status 1: no model"),
        ("no-such-program-anywhere {image}", "cannot run no-such-program-anywhere"),
        (python("pass", "{image}", "{output}"), "wrote no file {output}"),
    ],
)
def test_a_command_that_fails_says_why(template, reason, prompts, tmp_path):
    found = answer(CommandSystem("x", template), prompts, tmp_path)
    assert all(response.answer is None for response in found.values())
    assert reason in found["set/a"].reason


def test_bytes_that_are_no_text_are_replaced(prompts, tmp_path):
    code = 'import sys; sys.stdout.buffer.write(b"a\\xff\\xed\\xa0\\x80b")'
    found = answer(CommandSystem("x", python(code, "{image}")), prompts, tmp_path)
    text = found["set/a"].answer
    assert text.startswith("a\ufffd")
    text.encode("utf-8")


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="no process groups here")
def test_a_command_that_hangs_is_killed_with_all_it_began(prompts, tmp_path):
    # The child keeps the pipe open: killing its parent alone would wait for it.
    # A shell, which has begun it long before the time is over.
    pid_file = tmp_path / "pid"
    command = f"sh -c 'sleep 300 & echo $! >$0; wait' {shlex.quote(str(pid_file))} {{image}}"
    start = time.monotonic()
    found = answer(CommandSystem("x", command, timeout_s=2), prompts[:1], tmp_path)
    assert time.monotonic() - start < 200
    assert found["set/a"].reason == "no answer within 2 s"
    pid = int(pid_file.read_text())
    end = time.monotonic() + 60
    while is_alive(pid):
        assert time.monotonic() < end, "the child still runs"
        time.sleep(0.05)


def test_stopping_ends_what_runs(prompts, tmp_path):
    code = 'import sys, time; time.sleep(0 if "a.png" in sys.argv[1] else 300)'
    system = CommandSystem("x", python(code, "{image}"), workers=2)
    start = time.monotonic()
    answers = system.answer(prompts, tmp_path)
    assert next(answers).id == "set/a"
    answers.close()
    assert time.monotonic() - start < 200


def test_a_program_that_is_about_to_start_does_not_outlive_a_stop(prompts, tmp_path, monkeypatch):
    code = 'import sys, time; time.sleep(0 if "a.png" in sys.argv[1] else 300)'
    system = CommandSystem("x", python(code, "{image}"), workers=2)
    command_of, go = system._command, threading.Event()

    def held(prompt, *given):
        assert prompt.id == "set/a" or go.wait(60)
        return command_of(prompt, *given)

    monkeypatch.setattr(system, "_command", held)
    start = time.monotonic()
    answers = system.answer(prompts, tmp_path)
    assert next(answers).id == "set/a"
    threading.Timer(0.3, go.set).start()
    answers.close()
    assert time.monotonic() - start < 200


def test_a_question_needs_its_place(prompts):
    CommandSystem("x", f"{PYTHON} {{image}}").check("ocr", prompts)
    CommandSystem("x", f"{PYTHON} {{image}} {{prompt}}").check("ask", prompts)
    with pytest.raises(VaryError, match=r"say where they go with \{prompt\}"):
        CommandSystem("x", f"{PYTHON} {{image}}").check("ask", prompts)


def test_a_program_that_is_not_there_is_told_at_once(prompts):
    (system,) = open_systems(["LANG=C tesseract {image}"], SystemOptions())
    with pytest.raises(VaryError, match=r"there is no program 'C'.*env LANG=C"):
        system.check("ocr", prompts)


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="no process groups here")
def test_what_a_program_leaves_behind_holds_nothing_up(prompts, tmp_path):
    code = (
        'import subprocess, sys; print("read"); subprocess.Popen([sys.executable, "-c", '
        '"import time; time.sleep(60)"], start_new_session=True)'
    )
    start = time.monotonic()
    found = answer(CommandSystem("x", python(code, "{image}")), prompts[:1], tmp_path)
    assert found["set/a"].answer == "read\n"
    assert time.monotonic() - start < 45


def test_a_program_that_never_stops_printing(prompts, tmp_path, monkeypatch):
    monkeypatch.setattr("vary.eval.systems.MAX_OUTPUT_BYTES", 2**20)
    code = 'print("x" * 1000000 * 3, flush=True); import time; time.sleep(60)'
    start = time.monotonic()
    found = answer(CommandSystem("x", python(code, "{image}")), prompts[:1], tmp_path)
    assert found["set/a"].reason == "it printed more than 1 MiB"
    assert time.monotonic() - start < 45


def test_quotes_that_do_not_close():
    with pytest.raises(VaryError, match="quot"):
        CommandSystem("x", "prog '{image}")


def test_a_folder_of_answers(prompts, tmp_path):
    folder = tmp_path / "answers"
    folder.mkdir()
    (folder / "a.md").write_text("# read", encoding="utf-8")
    found = answer(FolderSystem("x", folder), prompts, tmp_path)
    assert found["set/a"].answer == "# read"
    assert found["set/b c"].answer is None
    assert found["set/b c"].reason == "no file b c.txt, .md or .json"
    (folder / "a.txt").write_bytes(b"plain \xff")
    assert answer(FolderSystem("x", folder), prompts, tmp_path)["set/a"].answer == "plain \ufffd"
    (folder / "b c.txt").write_text("whose?", encoding="utf-8")
    namesake = Prompt("other/b c", (), "", "")
    told = answer(FolderSystem("x", folder), [*prompts, namesake], tmp_path)
    assert told["set/b c"].answer is None  # two pages have this name
    assert told["other/b c"].answer is None
    (folder / "set").mkdir()
    (folder / "set" / "a.txt").write_text("by id", encoding="utf-8")
    assert answer(FolderSystem("x", folder), prompts, tmp_path)["set/a"].answer == "by id"


@pytest.fixture
def checkpoint(monkeypatch):
    """Return nano with a recognizer that answers at once, so that no weights are loaded."""
    from types import SimpleNamespace

    import vary.read.recognizer as module

    class Ink:
        tasks = ("ocr",)

        def read(self, strips):
            assert all(isinstance(strip, np.ndarray) for strip in strips)
            told = {"decoder": "lm", "confidence": 0.9, "status": "ok", "draft": "ink"}
            return [SimpleNamespace(text="ink", **told) for _ in strips]

    monkeypatch.setattr(module, "load_recognizer", lambda path, device: Ink())
    return ReaderSystem("nano", "nano")


def test_a_checkpoint_reads(checkpoint, draw_page, tmp_path):
    draw_page(["Some words", "on a page"]).save(tmp_path / "page.png")
    Image.new("L", (200, 200), 255).save(tmp_path / "blank.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    prompts = [Prompt(name, (f"{name}.png",), "", "") for name in ("page", "blank", "broken")]
    checkpoint.check("ocr", prompts)
    found = answer(checkpoint, prompts, tmp_path)
    assert "ink" in found["page"].answer
    assert found["page"].meta == {"status": "ok", "confidence": 0.9}
    assert found["page"].seconds > 0
    assert found["blank"].answer == ""
    assert found["blank"].meta == {"status": "blank"}
    assert found["broken"].answer is None
    assert "broken.png" in found["broken"].reason


def test_a_checkpoint_refuses_what_it_was_not_trained_for(checkpoint):
    with pytest.raises(VaryError, match="trained for ocr, chart, not for markdown"):
        checkpoint.check("markdown", [])
    with pytest.raises(VaryError, match=r"nothing in words \(prompt form paper\).*\{prompt\}"):
        checkpoint.check("ask", [])


def test_a_checkpoint_of_a_chat_form_is_asked(checkpoint, draw_page, tmp_path, monkeypatch):
    """Each prompt's own question about its picture."""
    from vary.model import inspection
    from vary.read import recognizer
    from vary.read.page_recognizer import PageReading

    class Echo:
        tasks, is_asked, prompt_form = ("ocr",), True, "qwen"

        def check(self, ask):
            pass

        def read_pages(self, pages):
            raise AssertionError

        def answer(self, groups, ask):
            return [PageReading(f"{ask.prompt} Yes.", 0.5) for _ in groups]

    monkeypatch.setattr(recognizer, "load_recognizer", lambda path, device: Echo())
    monkeypatch.setattr(inspection, "checkpoint_info", lambda path: {"prompt": {"form": "qwen"}})
    draw_page(["ink"]).save(tmp_path / "a.png")
    prompts = [Prompt(f"{n}", ("a.png",), f"Is it {n}?", "") for n in range(2)]
    checkpoint.check("ask", prompts)
    found = answer(checkpoint, prompts, tmp_path)
    assert [found[name].answer for name in ("0", "1")] == ["Is it 0? Yes.", "Is it 1? Yes."]
    with pytest.raises(VaryError, match="1 prompts have several, such as two"):
        checkpoint.check("ask", [Prompt("two", ("a.png", "a.png"), "Which?", "")])


def test_specs(tmp_path):
    folder = tmp_path / "peer"
    folder.mkdir()
    (folder / "a.txt").write_text("x", encoding="utf-8")
    file = tmp_path / "other.jsonl"
    file.write_text('{"id": "a", "answer": "x"}\n', encoding="utf-8")
    options = SystemOptions(workers=3, timeout_s=5)
    specs = ["nano", "tesseract {image} - -l eng", f"p={folder}", str(file), "t2=a=b {image}"]
    systems = open_systems(specs, options)
    assert [system.name for system in systems] == ["nano", "tesseract", "p", "other", "t2"]
    assert [type(system) for system in systems] == [
        ReaderSystem,
        CommandSystem,
        FolderSystem,
        FileSystem,
        CommandSystem,
    ]
    assert (systems[1].workers, systems[1].timeout_s) == (3, 5)
    assert systems[4].template == "a=b {image}"
    assert systems[0].description.startswith("checkpoint nano (")


@pytest.mark.parametrize(
    ("specs", "message"),
    [
        (["nowhere"], r"'nowhere': no bundled checkpoint \(nano\)"),
        (["nano", "nano"], "two systems are called nano; name them"),
        (["{folder}"], "neither a checkpoint"),
        (["images=nano"], "cannot be called 'images'"),
        ([" "], "--model is empty"),
        (["prog '{image}"], "quot"),
    ],
)
def test_specs_that_are_nothing(specs, message, tmp_path):
    (tmp_path / "empty").mkdir()
    specs = [spec.replace("{folder}", str(tmp_path / "empty")) for spec in specs]
    with pytest.raises(VaryError, match=message):
        open_systems(specs, SystemOptions())
