import io
import json
import subprocess
import sys
from dataclasses import asdict

import pytest
from PIL import Image, ImageFont
from typer.testing import CliRunner

from vary.cli.data import ENGINES, DataCommands
from vary.cli.main import app
from vary.data.frozen import hash_set
from vary.data.pool import make_in_processes

LINES = ["A short paragraph for the first page.", "Another one, as plain as the first was."] * 20


@pytest.fixture
def run():
    return lambda *arguments: CliRunner().invoke(app, ["data", *map(str, arguments)])


@pytest.fixture
def sources(tmp_path):
    """A folder of text and one with the font that Pillow brings."""
    text, fonts = tmp_path / "text", tmp_path / "fonts"
    text.mkdir()
    fonts.mkdir()
    (text / "a.txt").write_text("\n".join(LINES), encoding="utf-8")
    path = ImageFont.load_default(20).path
    assert isinstance(path, io.BytesIO)
    (fonts / "aileron.ttf").write_bytes(path.getvalue())
    return ["--text", text, "--fonts", fonts, "--dpi", "72-80", "--sizes", "slide"]


@pytest.fixture
def made(run, sources, tmp_path):
    result = run("page", *sources, "--out", tmp_path / "set", "--count", 3, "--seed", 1)
    assert result.exit_code == 0, result.output
    assert "3 samples in 1 shards" in result.output
    return tmp_path / "set"


def test_pages_are_made_counted_and_sound(run, made):
    result = run("verify", made)
    assert (result.exit_code, result.output) == (0, f"{made}: sound\n")
    counts = json.loads(run("stats", made, "--json").stdout)
    assert (counts["engine"], counts["samples"]) == ("page", 3)
    assert "distinct characters" in run("stats", made).stdout


def test_the_help_loads_nothing_that_commands_need():
    code = (
        "import sys; sys.argv = ['vary', 'data', '--help']; from vary.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'transformers', 'pyarrow', 'matplotlib', 'numpy', 'PIL', 'ray'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    for name in DataCommands.table:
        assert name in done.stdout


@pytest.mark.parametrize("name", DataCommands.table)
def test_every_command_of_the_table_is_there(run, name):
    result = run(name, "--help")
    assert result.exit_code == 0, result.output
    assert ("--ray" in result.output) == (name in ENGINES)


def test_a_cluster_makes_the_set_where_one_is_named(run, sources, made, tmp_path, monkeypatch):
    asked = []

    def pool(address):
        asked.append(address)
        return make_in_processes

    monkeypatch.setattr("vary.data.ray_pool.ray_pool", pool)
    options = [*sources, "--count", 3, "--seed", 1]
    result = run("page", *options, "--out", tmp_path / "two", "--ray", "head:6379")
    assert (result.exit_code, asked) == (0, ["head:6379"]), result.output
    for path in made.iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    run("page", *options, "--out", tmp_path / "three")
    assert asked == ["head:6379"]


def test_a_page_and_plots_are_written(run, made, tmp_path):
    page = tmp_path / "sheet.html"
    assert run("show", made, "--out", page, "--count", 2).exit_code == 0
    text = page.read_text(encoding="utf-8")
    assert text.count("<article>") == 2
    assert "page/1/1" in text
    result = run("stats", made, "--plots", tmp_path / "plots")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "plots" / "index.html").is_file()
    result = run("show", made, "--out", tmp_path / "sheet.pdf")
    assert (result.exit_code, "write .png or .html" in result.output) == (2, True)


@pytest.mark.parametrize("kind", ["line", "tile"])
def test_lines_and_tiles_are_made(run, sources, tmp_path, kind):
    out = tmp_path / kind
    result = run("page", *sources, "--out", out, "--count", 3, "--seed", 1, "--kind", kind)
    assert result.exit_code == 0, result.output
    assert run("verify", out).exit_code == 0


def test_pages_with_features_that_look_scanned(run, sources, tmp_path):
    features = ["--tables", 0.4, "--footnotes", 1, "--furniture", 1, "--target", "markdown"]
    out = tmp_path / "scans"
    basic = ["page", *sources, "--out", out, "--count", 2, "--seed", 1]
    result = run(*basic, *features, "--table-markup", "pipe", "--degrade", "scan:0.5")
    assert result.exit_code == 0, result.output
    configuration = json.loads((out / "manifest.json").read_text("utf-8"))["configuration"]
    assert configuration["degrade"] == {"name": "scan", "strength": 0.5}
    assert configuration["features"]["footnotes"] == 1.0
    assert run("verify", out).exit_code == 0
    # The option of one call is not that of the next.
    again = run("page", *sources, "--out", tmp_path / "plain", "--count", 1, "--seed", 1)
    assert again.exit_code == 0, again.output
    assert "degrade" not in (tmp_path / "plain" / "manifest.json").read_text("utf-8")
    refused = run(*basic, "--degrade", "fog")
    assert refused.exit_code == 2
    assert "fog" in refused.output


def test_show_writes_a_sheet_beside_the_set(run, made, tmp_path):
    result = run("show", made)
    assert result.exit_code == 0, result.output
    sheet = tmp_path / "set-sheet.png"
    assert result.stdout.replace("\n", "") == str(sheet)
    assert Image.open(sheet).width > 500
    run("show", made, "--count", 1, "--no-boxes", "--out", tmp_path / "page.png")
    assert Image.open(tmp_path / "page.png").size[0] >= 720


def test_problems_are_printed_and_fail(run, made):
    (made / "part-00000.parquet").unlink()
    result = run("verify", made)
    assert result.exit_code == 1
    assert "part-00000.parquet: missing" in result.output
    assert "1 problems" in result.output


def test_the_same_command_goes_on_and_others_are_refused(run, sources, made):
    same = ["page", *sources, "--out", made, "--count", 3]
    assert run(*same, "--seed", 1).exit_code == 0
    result = run(*same, "--seed", 2)
    assert result.exit_code == 2
    assert "seed: 1 -> 2" in result.output


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--kind", "poster", "allowed are page, tile, line"),
        ("--columns", "two", "--columns 'two': give whole numbers"),
        ("--dpi", "high", "--dpi 'high"),
        ("--sizes", "a11", "allowed are a4"),
        ("--count", "0", "count 0: must be 1 or more"),
        ("--seed", "-1", "seed -1"),
        ("--shard-size", "0", "shard_size 0: must be 1 or more"),
    ],
)
def test_wrong_options_are_told_in_one_line(run, sources, tmp_path, option, value, message):
    defaults = {"--count": "3", "--seed": "1", "--out": str(tmp_path / "set")}
    options = [part for pair in (defaults | {option: value}).items() for part in pair]
    result = run("page", *sources, *options)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


def test_a_folder_without_text_is_told(run, sources, tmp_path):
    (tmp_path / "empty").mkdir()
    options = ["--text", tmp_path / "empty", "--out", tmp_path / "set", "--count", 1, "--seed", 1]
    result = run("page", *sources[2:], *options)
    assert result.exit_code == 2
    assert "one paragraph per line" in result.output


def test_a_set_of_rejects_alone_fails_and_says_why(run, sources, tmp_path):
    (tmp_path / "text" / "a.txt").write_text("ὁ δὲ ἀνεξέταστος βίος", encoding="utf-8")
    result = run("page", *sources, "--out", tmp_path / "set", "--count", 2, "--seed", 1)
    assert result.exit_code == 2
    assert "2 dropped: no font has the glyphs" in result.output
    assert "no sample could be made" in result.output


@pytest.mark.parametrize("command", ["show", "stats", "verify"])
def test_folders_without_a_set_are_told(run, tmp_path, command):
    result = run(command, tmp_path)
    assert result.exit_code == 2
    assert "no generated set" in result.output


def test_lines_in_a_script_that_they_cannot_write_are_refused(run, sources, tmp_path):
    (tmp_path / "text" / "a.txt").write_text("Все счастливые семьи похожи", encoding="utf-8")
    options = ["--out", tmp_path / "set", "--count", 2, "--seed", 1, "--language", "ru"]
    result = run("page", *sources, *options, "--kind", "line")
    assert result.exit_code == 2
    assert "4 of 4 words" in result.output
    assert not (tmp_path / "set").exists()


def test_without_fonts_the_packages_are_named(run, sources, tmp_path, monkeypatch):
    monkeypatch.setattr("vary.data.fonts.system_font_folders", lambda: [tmp_path / "none"])
    options = ["--out", tmp_path / "set", "--count", 1, "--seed", 1]
    result = run("page", *sources[:2], *options)
    assert result.exit_code == 2
    said = " ".join(result.output.split())
    assert "apt install fonts-liberation fonts-lmodern" in said
    assert "--fonts" in said


@pytest.fixture
def recipe(sources, tmp_path):
    """A function that writes a data recipe beside the sources, with more lines."""

    def write(more=""):
        path = tmp_path / "slides.yaml"
        path.write_text(
            "name: slides\nengine: page\ncount: 3\nseed: 1\nshard_size: 2\n"
            "about: Three slides.\n"
            "options: {text: text, fonts: [fonts], sizes: [slide], dpi: [72, 80], passages: 4}\n"
            "sources:\n- {what: plain lines, origin: this test, licence: CC0-1.0}\n" + more,
            encoding="utf-8",
        )
        return path

    return write


def frozen_lines(card, folder, **changes):
    """Return the lines of a recipe that freeze a set with this card and its folder's hashes."""
    known = asdict(hash_set(folder)) | changes
    frozen = {"whole": known, "first": known, "versions": card["versions"]}
    return f"frozen: {json.dumps(frozen)}\n"


def test_a_recipe_makes_a_set_with_a_card(run, recipe, tmp_path):
    result = run("make", recipe(), "--out", tmp_path / "set")
    assert result.exit_code == 0, result.output
    assert "3 samples in 2 shards" in result.output
    card = json.loads((tmp_path / "set" / "card.json").read_text(encoding="utf-8"))
    assert (card["name"], card["engine"], card["samples"]) == ("slides", "page", 3)
    assert card["sources"] == [{"what": "plain lines", "origin": "this test", "licence": "CC0-1.0"}]
    assert card["text_sha256"] == hash_set(tmp_path / "set").text_sha256
    assert card["text_sha256"] in result.output and "pixels_sha256" not in card
    assert str(tmp_path) not in json.dumps(card)
    assert run("verify", tmp_path / "set").exit_code == 0


def test_the_frozen_set_is_told_from_others(run, recipe, tmp_path):
    run("make", recipe(), "--out", tmp_path / "set")
    card = json.loads((tmp_path / "set" / "card.json").read_text(encoding="utf-8"))
    path = recipe(frozen_lines(card, tmp_path / "set"))
    result = run("make", path, "--out", tmp_path / "two", "--workers", 2, "--check")
    assert result.exit_code == 0, result.output
    assert "frozen set, as published" in result.output
    published = json.loads((tmp_path / "two" / "card.json").read_text(encoding="utf-8"))
    assert published["pixels_sha256"] == hash_set(tmp_path / "two").pixels_sha256

    path = recipe(frozen_lines(card, tmp_path / "two", pixels_sha256="0"))
    result = run("make", path, "--out", tmp_path / "set")
    assert (result.exit_code, "but not its pixels" in result.output) == (0, True)
    assert run("make", path, "--out", tmp_path / "set", "--check").exit_code == 1

    path = recipe(frozen_lines(card, tmp_path / "two", text_sha256="0"))
    result = run("make", path, "--out", tmp_path / "set")
    assert (result.exit_code, "another test" in result.output) == (1, True)


def test_a_changed_set_is_no_frozen_one(run, recipe, tmp_path):
    known = {"samples": 3, "text_sha256": "0", "pixels_sha256": "0"}
    frozen = {"whole": known, "first": known, "versions": {}}
    path = recipe(f"frozen: {json.dumps(frozen)}\n")
    result = run("make", path, "count=1", "--out", tmp_path / "set")
    assert (result.exit_code, "1 samples" in result.output) == (0, True)
    card = json.loads((tmp_path / "set" / "card.json").read_text(encoding="utf-8"))
    assert card["frozen"] == "not a frozen set"
    result = run("make", path, "count=1", "--out", tmp_path / "set", "--check")
    assert (result.exit_code, "nothing to check" in result.output) == (2, True)


def test_a_frozen_set_without_its_fonts_is_not_begun(run, recipe, tmp_path):
    fonts = {"lost.otf": {"sha256": "12ab", "package": "fonts-lost"}}
    known = {"samples": 3, "text_sha256": "0", "pixels_sha256": "0"}
    frozen = {"whole": known, "first": known, "versions": {}, "fonts": fonts}
    result = run("make", recipe(f"frozen: {json.dumps(frozen)}\n"), "--out", tmp_path / "set")
    said = " ".join(result.output.split())
    assert result.exit_code == 2
    assert "lost.otf (sha256 12ab, Debian package fonts-lost; not found)" in said
    assert not (tmp_path / "set").exists()


def test_mistakes_in_a_recipe_are_named(run, recipe, tmp_path):
    result = run("make", recipe("sede: 1\n"), "--out", tmp_path / "set")
    assert (result.exit_code, "did you mean seed?" in result.output) == (2, True)
    result = run("make", recipe(), "options.colums=[1]", "--out", tmp_path / "set")
    assert (result.exit_code, "did you mean columns?" in result.output) == (2, True)


def test_blanks_are_made_with_text_and_without(run, sources, tmp_path):
    same = ["--count", 10, "--seed", 1, "--long-side-px", "200-300"]
    result = run("blank", *same, "--out", tmp_path / "without")
    assert (result.exit_code, "10 samples" in result.output) == (0, True), result.output
    result = run("blank", *same, "--out", tmp_path / "with", *sources[:4], "--kinds", "bleed,paper")
    assert result.exit_code == 0, result.output
    for name in ("with", "without"):
        assert run("verify", tmp_path / name).exit_code == 0
        counts = json.loads(run("stats", tmp_path / name, "--json").stdout)
        assert (counts["samples"], counts["characters"], counts["words"]) == (10, 0, 0)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--kinds", "papre", "kinds papre: allowed are paper, noise"),
        ("--kinds", "bleed", "give text"),
        ("--long-side-px", "9-10", "long_side_px 9-10"),
        ("--scanned", "2", "scanned 2"),
    ],
)
def test_wrong_options_of_blanks_are_told(run, tmp_path, option, value, message):
    result = run("blank", "--out", tmp_path, "--count", 1, "--seed", 1, option, value)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
