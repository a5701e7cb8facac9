"""The report as a browser sees it; left out where there is no Chromium."""

import shutil
import subprocess
from pathlib import Path

import pytest

from vary.eval.report import build_report, write_html

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=f"none of {', '.join(NAMES)} is on PATH")

ATTACK = (
    "</pre></div><script>document.title='owned';document.body.innerHTML='owned'</script>"
    "<img src=x onerror=\"document.title='owned'\"><svg onload=\"document.title='owned'\">"
)
# Looks at a page in a frame of a given width, and writes what it finds into its own title.
PROBE = """<!DOCTYPE html><meta charset="utf-8"><title>waiting</title>
<iframe id="f" src="report.html" style="width:{width}px;height:900px;border:0"></iframe>
<script>
document.getElementById("f").onload = () => {{
  const page = document.getElementById("f").contentDocument;
  const root = page.documentElement;
  const images = [...page.images].filter(image => image.naturalWidth > 0).length;
  document.title = [root.scrollWidth, root.clientWidth, page.title, images,
    page.querySelectorAll("article").length, page.scripts.length].join("|");
}};
</script>"""


def dumped(path: Path, profile: Path) -> str:
    """Return the document as it is once it has loaded."""
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += ["--allow-file-access-from-files", f"--user-data-dir={profile}"]
    command += ["--virtual-time-budget=20000", "--disable-dev-shm-usage", path.as_uri()]
    return subprocess.run(command, capture_output=True, check=True, timeout=120).stdout.decode()


@pytest.fixture
def page(make, tmp_path: Path) -> Path:
    truths = {f"page {i}": "The harbour lay in the dark. " * (i + 1) for i in range(30)}
    first = {name: ATTACK + truth[5:] + "W" * 3000 for name, truth in truths.items()}
    systems = {"first" + "-with-a-long-name" * 3: first}
    for i in range(4):
        systems[f"system {i}"] = {k: t.replace("a", "e" * i) for k, t in truths.items()}
    systems["system 3"].pop("page 7")
    groups = {name: {"language": ["en", "W" * 300][i % 2]} for i, name in enumerate(truths)}
    path = tmp_path / "report.html"
    write_html(build_report(make(truths, systems, groups=groups)), path)
    return path


@pytest.mark.parametrize("width", [1200, 400])
def test_no_script_runs_and_nothing_is_wider_than_the_page(page, tmp_path, width):
    probe = page.with_name("probe.html")
    probe.write_text(PROBE.format(width=width), encoding="utf-8")
    seen = dumped(probe, tmp_path / "profile")
    title = seen.partition("<title>")[2].partition("</title>")[0]
    wide, visible, name, images, articles, scripts = title.split("|")
    assert int(wide) <= int(visible) <= width
    assert name == "OCR of pages: made pages"
    assert (int(images), int(articles), int(scripts)) == (12, 12, 0)


def test_an_attack_stays_text(page, tmp_path):
    seen = dumped(page, tmp_path / "profile")
    assert "<title>OCR of pages: made pages</title>" in seen
    assert "<script" not in seen and "&lt;script&gt;document.title" in seen
    # Pictures of the worst pages, and none that an answer asked for.
    assert seen.count("<img ") == seen.count('<img src="data:image/webp;base64,') == 12


def test_the_policy_alone_would_stop_a_script(page, tmp_path):
    """Were escaping at fault, the page would still run nothing."""
    source = page.read_text(encoding="utf-8")
    attack = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    page.write_text(source.replace("<main>", f"<main>{attack}"), encoding="utf-8")
    assert "<title>OCR of pages: made pages</title>" in dumped(page, tmp_path / "profile")
    # The attack is one: without the policy it runs.
    without = source.replace("Content-Security-Policy", "nothing")
    page.write_text(without.replace("<main>", f"<main>{attack}"), encoding="utf-8")
    assert "<title>owned</title>" in dumped(page, tmp_path / "profile")
