import io
import json

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from transformers import OPTConfig, OPTForCausalLM
from typer.testing import CliRunner

import vary.cli.read as command
from vary.cli.main import app
from vary.model.building import add_image_tokens, build_vary
from vary.model.tokenizer import train_tokenizer
from vary.read.reader import Reader
from vary.vocabulary import ViTDetConfig


@pytest.fixture
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nano")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


@pytest.fixture
def read(monkeypatch, recognizer, small_pages, checkpoint):
    """Return a function that runs `vary read` with a recognizer that needs no model."""

    def load_reader(model, device, batch_size):
        return Reader(recognizer, model=model, batch_size=batch_size, documents=small_pages)

    monkeypatch.setattr(command, "load_reader", load_reader)
    monkeypatch.setattr(command, "find_checkpoint", lambda model: checkpoint)

    def run(*arguments):
        return CliRunner().invoke(app, ["read", *map(str, arguments)])

    return run


@pytest.fixture
def picture(tmp_path, draw_page):
    draw_page(["one line", "and another one"]).save(tmp_path / "scan.png")
    return tmp_path / "scan.png"


@pytest.fixture
def three_pages(tmp_path, draw_page, write_pdf):
    pages = [draw_page([f"page number {word}"]) for word in ("one", "two", "three")]
    return write_pdf(tmp_path / "paper.pdf", pages)


@pytest.fixture
def broken(tmp_path):
    path = tmp_path / "broken.pdf"
    path.write_bytes(b"%PDF-1.4\nnothing")
    return path


def listed(folder) -> list[dict]:
    text = (folder / "errors.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


# -- what comes out ----------------------------------------------------------------------------


def test_one_input_goes_to_the_terminal(read, picture, recognizer):
    result = read(picture)
    assert (result.exit_code, result.stderr) == (0, "")
    texts = [recognizer.text_of(strip) for strip in recognizer.strips]
    assert sorted(result.stdout.split()) == sorted(texts)


def test_a_pdf_of_many_pages_is_one_text_with_page_breaks(read, three_pages):
    parts = read(three_pages).stdout.split("\f")
    assert len(parts) == 3
    assert len({part.strip() for part in parts}) == 3
    assert read(three_pages, "--pages", "2-3").stdout == "\f".join(parts[1:])


def test_formats(read, three_pages):
    value = json.loads(read(three_pages, "--format", "json").stdout)
    assert [page["page"] for page in value["pages"]] == [1, 2, 3]
    assert (value["model"], value["input"]) == ("nano", str(three_pages))
    assert {page["decoder"] for page in value["pages"]} == {"lm"}
    lines = read(three_pages, "--format", "jsonl", "--pages", "3").stdout.splitlines()
    assert [json.loads(line)["page"] for line in lines] == [3]
    assert "<!-- page 2 -->" in read(three_pages, "--format", "md").stdout


def test_with_out_every_input_gets_a_file(read, tmp_path, picture, three_pages):
    out = tmp_path / "out"
    result = read(picture, three_pages, "--out", out, "--format", "md")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "2 read into" in result.stderr
    names = sorted(path.name for path in out.iterdir())
    assert names == ["outputs.jsonl", "paper.md", "scan.md"]


def test_a_folder_is_read_and_needs_out(read, tmp_path, picture, three_pages):
    assert read(tmp_path).exit_code == 2
    out = tmp_path / "out"
    assert read(tmp_path, "--out", out).exit_code == 0
    assert {path.stem for path in out.glob("*.txt")} == {"paper", "scan"}


def test_many_inputs_need_out(read, picture, three_pages, recognizer):
    result = read(picture, three_pages)
    assert result.exit_code == 2
    assert "--out DIR" in result.stderr
    assert recognizer.batches == []


def test_two_inputs_of_the_same_name(read, tmp_path, picture, draw_page):
    (tmp_path / "other").mkdir()
    draw_page(["something else"]).save(tmp_path / "other" / "scan.png")
    out = tmp_path / "out"
    result = read(picture, tmp_path / "other" / "scan.png", "--out", out)
    assert result.exit_code == 0
    texts = sorted(path.name for path in out.glob("*.txt"))
    assert texts == sorted(["other-scan.png.txt", f"{tmp_path.name}-scan.png.txt"])
    assert len({(out / name).read_text() for name in texts}) == 2
    assert "goes to other-scan.png.txt" in result.stderr


def test_the_same_input_twice_is_read_once(read, tmp_path, picture):
    result = read(picture, tmp_path / "." / "scan.png", "--out", tmp_path / "out")
    assert result.exit_code == 0
    assert "1 read" in result.stderr


def test_the_bar_of_a_terminal_does_not_mix_with_the_text(read, three_pages, monkeypatch):
    plain = read(three_pages).stdout
    terminal = io.StringIO()
    monkeypatch.setattr(
        command, "Console", lambda **_: Console(file=terminal, force_terminal=True, width=80)
    )
    assert read(three_pages).stdout == plain
    assert "3/3" in terminal.getvalue()


# -- going on ----------------------------------------------------------------------------------


def test_the_same_command_goes_on(read, tmp_path, picture, three_pages, recognizer):
    out = tmp_path / "out"
    read(picture, "--out", out)
    recognizer.batches.clear()
    result = read(picture, "--out", out)
    assert result.exit_code == 0
    assert "0 read" in result.stderr
    assert "1 skipped" in result.stderr
    assert recognizer.batches == []
    again = read(picture, three_pages, "--out", out)
    assert "1 read" in again.stderr
    assert "1 skipped" in again.stderr
    (out / "scan.txt").write_text("changed")
    assert read(picture, "--out", out, "--overwrite").exit_code == 0
    assert (out / "scan.txt").read_text() != "changed"


def test_what_other_weights_read_is_not_done(read, tmp_path, picture, checkpoint):
    read(picture, "--out", tmp_path / "out")
    (checkpoint / "model.safetensors").write_bytes(b"trained further")
    result = read(picture, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "other settings" in result.stderr


def test_another_input_of_the_name_is_not_skipped_silently(read, tmp_path, picture, draw_page):
    out = tmp_path / "out"
    read(picture, "--out", out)
    (tmp_path / "other").mkdir()
    draw_page(["something else"]).save(tmp_path / "other" / "scan.png")
    result = read(tmp_path / "other" / "scan.png", "--out", out)
    assert result.exit_code == 1
    assert "there already" in listed(out)[0]["reason"]


def test_a_stop_leaves_what_is_done_and_no_half_files(
    read, tmp_path, picture, three_pages, recognizer, monkeypatch
):
    out = tmp_path / "out"
    plain = recognizer.read

    def stop(strips):
        if recognizer.batches:
            raise KeyboardInterrupt
        return plain(strips)

    monkeypatch.setattr(recognizer, "read", stop)
    assert read(picture, three_pages, "--out", out).exit_code == 130
    assert [path.name for path in out.glob("*.txt*")] == ["scan.txt"]
    monkeypatch.setattr(recognizer, "read", plain)
    result = read(picture, three_pages, "--out", out)
    assert result.exit_code == 0
    assert "1 read" in result.stderr
    assert "1 skipped" in result.stderr


# -- bad input ---------------------------------------------------------------------------------


def test_the_rest_of_a_batch_is_read(read, tmp_path, picture, broken, three_pages):
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder").mkdir()
    missing = tmp_path / "missing.pdf"
    inputs = [missing, tmp_path / "empty.png", picture, broken, tmp_path / "folder", three_pages]
    out = tmp_path / "out"
    result = read(*inputs, "--out", out)
    assert result.exit_code == 1
    assert {path.stem for path in out.glob("*.txt")} == {"scan", "paper"}
    failures = {item["input"]: item["reason"] for item in listed(out)}
    assert set(failures) == {
        str(path) for path in (missing, tmp_path / "empty.png", broken, tmp_path / "folder")
    }
    for path, reason in failures.items():
        assert path in reason
        assert reason in result.stderr
    assert "2 read" in result.stderr
    assert "4 failures" in result.stderr


def test_one_bad_input_alone(read, tmp_path, broken, recognizer):
    result = read(broken)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "damaged or truncated" in result.stderr
    missing = read(tmp_path / "none.png")
    assert missing.exit_code == 1
    assert "no such file" in missing.stderr
    assert recognizer.batches == []


def test_a_bad_page_is_told_and_the_others_are_read(read, tmp_path, draw_page, write_pdf):
    path = write_pdf(tmp_path / "a.pdf", [draw_page(["one"]), None, draw_page(["three"])])
    out = tmp_path / "out"
    result = read(path, "--out", out)
    assert result.exit_code == 1
    (failure,) = listed(out)
    assert (failure["input"], failure["page"]) == (str(path), 2)
    first, second, third = (out / "a.txt").read_text().split("\f")
    assert (bool(first.strip()), second, bool(third.strip())) == (True, "", True)
    on_terminal = read(path)
    assert on_terminal.exit_code == 1
    assert f"{path}, page 2" in on_terminal.stderr
    assert "1 read" in read(path, "--out", out).stderr, "an output with a failed page is not done"


def test_an_input_without_one_good_page_writes_no_file(read, tmp_path, write_pdf):
    path = write_pdf(tmp_path / "a.pdf", [None])
    assert read(path, "--out", tmp_path / "out").exit_code == 1
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["errors.jsonl"]


def test_a_fault_with_one_input_is_named_with_it(read, tmp_path, picture, three_pages, monkeypatch):
    def explode(path, config):
        raise MemoryError("no\xa0room")

    out = tmp_path / "out"
    plain = command.open_document
    monkeypatch.setattr(
        command,
        "open_document",
        lambda path, config: plain(path, config) if path == picture else explode(path, config),
    )
    assert read(three_pages, picture, "--out", out).exit_code == 1
    assert [path.stem for path in out.glob("*.txt")] == ["scan"]
    assert listed(out)[0]["reason"].startswith(f"{three_pages}: MemoryError")


def test_a_page_range_past_the_end(read, three_pages):
    result = read(three_pages, "--pages", "2-4")
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{three_pages}: page 4 was asked for, but it has pages 1 to 3" in result.stderr


def test_what_pages_hold_besides_text_is_told(read, tmp_path, draw_page):
    draw_page([]).save(tmp_path / "blank.png")
    result = read(tmp_path / "blank.png")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "page 1: blank: no ink" in result.stderr


# -- usage -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--pages", "x"], "write 3, 1-5"),
        (["--format", "docx"], "choose among txt, md, json, jsonl"),
        (["--task", "translate"], "choose among ocr, markdown, chart, ask"),
        (["--task", "markdown"], "'nano' was trained for; it knows ocr"),
        (["--task", "ask"], "task ask needs a question; give it as prompt"),
        (
            ["--prompt", "What?"],
            "asked nothing in words, so that it takes no prompt: leave",
        ),
        (["--box", "1,2,30,40", "--color", "red"], "takes no box and color: leave them out"),
        (["--tiles", "4", "--together", "2"], "takes no tiles and together: leave them"),
        (["--prompt", "What?", "--task", "markdown"], "prompt and task markdown are two questions"),
        (["--prompt", " "], "the prompt is empty"),
        (["--prompt", "What?", "--box", "1,2,30,40"], "leave out one or the other"),
        (["--box", "1,2,30"], "box 1.0,2.0,30.0 is none; give x0,y0,x1,y1 in pixels"),
        (["--box", "30,2,1,40"], "such as 40,60,900,380"),
        (["--box", "left"], "box 'left' is not understood"),
        (["--box", "1,2,30,40", "--together", "2"], "leave out one of them"),
        (["--color", "pink"], "choose among red, green, blue"),
        (["--tiles", "13"], "tiles is 13; give 1 to 12"),
        (["--together", "9"], "together is 9; give 2 to 8"),
        (["--batch-size", "0"], "--batch-size"),
        (["--frobnicate"], "--frobnicate"),
    ],
)
def test_wrong_usage(read, picture, recognizer, options, told):
    result = read(picture, *options)
    assert result.exit_code == 2
    assert told in result.stderr
    assert recognizer.batches == []


def test_no_input(read):
    assert read().exit_code == 2


def test_an_unwritable_out_is_told_before_anything_is_read(read, picture, recognizer):
    result = read(picture, "--out", picture / "out")
    assert result.exit_code == 2
    assert f"--out {picture / 'out'}: cannot be written to" in result.stderr
    assert recognizer.batches == []


def test_an_unknown_model(picture, tmp_path):
    result = CliRunner().invoke(
        app, ["read", str(picture), "--model", "nanu", "--out", str(tmp_path / "out")]
    )
    assert result.exit_code == 2
    assert "unknown model 'nanu'" in result.stderr
    assert "the path of a folder" in result.stderr
    assert not (tmp_path / "out").exists()


# -- overlays ----------------------------------------------------------------------------------


def test_overlays_lie_beside_the_texts(read, tmp_path, picture, draw_page, write_pdf):
    paper = write_pdf(tmp_path / "paper.pdf", [draw_page(["a line"]), None, draw_page([])])
    out = tmp_path / "out"
    result = read(picture, paper, "--out", out, "--overlay")
    assert result.exit_code == 1  # of the broken page
    names = sorted(path.name for path in out.glob("*.png"))
    wanted = ["paper.page-1.overlay.png", "paper.page-3.overlay.png", "scan.overlay.png"]
    assert names == wanted
    assert not list(out.glob("*.part"))
    drawn = np.asarray(Image.open(out / "scan.overlay.png"))
    page = np.asarray(Image.open(picture).convert("RGB"))
    assert drawn.shape[1] == page.shape[1]
    marked = drawn[len(drawn) - len(page) :] != page
    assert marked.any()
    blank = np.asarray(Image.open(out / "paper.page-3.overlay.png"))
    assert (blank[-300:] == 255).all()


def test_texts_without_overlays_are_not_those_with(read, tmp_path, picture):
    out = tmp_path / "out"
    assert read(picture, "--out", out).exit_code == 0
    result = read(picture, "--out", out, "--overlay")
    assert result.exit_code == 1
    assert "other settings" in result.stderr
    assert not list(out.glob("*.png"))
    assert read(picture, "--out", out, "--overlay", "--overwrite").exit_code == 0
    assert "0 read" in read(picture, "--out", out, "--overlay").stderr


def test_overlays_need_a_folder_that_is_not_read_next_time(read, tmp_path, picture, recognizer):
    result = read(picture, "--overlay")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--out" in result.stderr
    result = read(tmp_path, "--out", tmp_path / "out", "--overlay")
    assert result.exit_code == 2
    assert "outside" in result.stderr
    assert not recognizer.batches


# -- models of whole pages ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def page_model(tmp_path_factory):
    """Save a tiny model of whole pages, of random weights, and return its folder."""
    folder = tmp_path_factory.mktemp("pages")
    tokenizer = train_tokenizer(["a line of text"] * 3, 300, "abcdefghijklmnopqrstuvwxyz ")
    torch.manual_seed(0)
    writer = OPTForCausalLM(
        OPTConfig(
            vocab_size=len(tokenizer),
            hidden_size=24,
            ffn_dim=48,
            word_embed_proj_dim=24,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=40,
        )
    )
    add_image_tokens(writer, tokenizer)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    vocabulary = ViTDetConfig(
        image_size=64, patch_size=8, window_size=3, global_blocks=[0], out_channels=8, **sizes
    )
    model, processor = build_vary([vocabulary], writer, tokenizer, tasks=["ocr"])
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.startswith(("projector", "language_model")) and "norm" not in name:
                parameter.normal_(std=0.5)
        model.get_output_embeddings().weight[tokenizer.eos_token_id] = 0
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def test_whole_pages_are_read_by_the_same_command(page_model, picture, tmp_path, draw_page):
    draw_page([]).save(tmp_path / "blank.png")
    out = tmp_path / "out"
    arguments = ["--model", page_model, "--device", "cpu", "--format", "json", "--out", out]
    command_line = ["read", picture, tmp_path / "blank.png", *arguments, "--batch-size", "1"]
    result = CliRunner().invoke(app, [str(part) for part in command_line])
    assert (result.exit_code, result.stdout) == (0, "")
    (page,) = json.loads((out / "scan.json").read_text())["pages"]
    assert page["status"] in ("truncated", "loop")
    assert page["text"]
    assert 0 < page["confidence"] < 1
    assert {line["box"] is None for line in page["lines"]} == {True}
    (blank,) = json.loads((out / "blank.json").read_text())["pages"]
    assert (blank["status"], blank["lines"]) == ("blank", [])
    again = CliRunner().invoke(app, [str(part) for part in command_line])
    assert "0 read" in again.stderr


def test_whole_pages_have_no_overlay(page_model, picture, tmp_path):
    arguments = ["read", picture, "--model", page_model, "--out", tmp_path / "out", "--overlay"]
    result = CliRunner().invoke(app, [str(part) for part in arguments])
    assert result.exit_code == 2
    assert "whole pages" in result.stderr


def test_a_model_that_reads_nothing_is_named(picture, tmp_path):
    (tmp_path / "other").mkdir()
    OPTConfig().save_pretrained(tmp_path / "other")
    result = CliRunner().invoke(app, ["read", str(picture), "--model", str(tmp_path / "other")])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "holds another model, which reads no pages by itself: model type opt" in result.stderr
    assert f"vary info {tmp_path / 'other'}" in result.stderr
