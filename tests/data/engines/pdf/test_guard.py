import os
import pickle
import signal
import subprocess
import sys
import threading
import time

import pytest

from vary.data.engines.base import Reject
from vary.data.engines.pdf import guard as guarding
from vary.data.engines.pdf.guard import Guard
from vary.errors import VaryError

LOOP = b"""%PDF-1.4
1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj
2 0 obj << /Type /Pages /Count 5 /Kids [3 0 R 2 0 R] >> endobj
3 0 obj << /Type /Pages /Count 5 /Parent 2 0 R /Kids [2 0 R 3 0 R] >> endobj
trailer << /Root 1 0 R /Size 4 >>
%%EOF
"""
# A worker that does what it is told instead of opening documents.
OBEDIENT = """
import os, sys, time
sys.stdout.write("ready\\n"); sys.stdout.flush()
for number, line in enumerate(sys.stdin):
    if "exit" in line: os._exit(7)
    if "tired" in line and number: os._exit(7)
    if "sleep" in line: time.sleep(60)
    if "prose" in line: print("this is no answer")
    elif "half" in line: print('{"image_bytes": 100}'); sys.stdout.flush(); os._exit(0)
    elif "memory" in line: print('{"died": "memory", "image_bytes": 0}')
    else: print('{"pid": %d, "image_bytes": 0}' % os.getpid())
    sys.stdout.flush()
"""


def scan(guard, path):
    return guard.ask({"do": "scan", "document": [str(path), None, path.stat().st_size, ""]})[0]


def page(guard, path, config, number=0):
    request = {
        "do": "page",
        "document": [str(path), None, path.stat().st_size, str(path.stat().st_mtime_ns)],
        "page": number,
        "long_side_px": 512,
        "dpi": None,
        "config": config.options(),
    }
    return guard.ask(request)


def why(call, *arguments):
    with pytest.raises(Reject) as caught:
        call(*arguments)
    return caught.value.reason


@pytest.fixture
def book(make_pdf, prose, tmp_path):
    return make_pdf(tmp_path / "book.pdf", [prose()] * 3)


@pytest.fixture
def obedient(tmp_path, monkeypatch):
    """Return a guard whose workers are the ones above."""
    (tmp_path / "obedient_worker.py").write_text(OBEDIENT, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(guarding, "WORKER_MODULE", "obedient_worker")
    guard = Guard(cpu_s=20, memory_mib=256)
    yield guard
    guard.close()


def test_a_sound_document(guard, book, config):
    assert scan(guard, book)["scan"]["pages"] == 3
    answer, image = page(guard, book, config(min_type_px=1), 2)
    assert answer["size"] == [362, 512]
    assert image[:8] == b"\x89PNG\r\n\x1a\n"


def test_an_encrypted_document(guard, make_pdf, prose, tmp_path, pymupdf):
    locked = make_pdf(
        tmp_path / "locked.pdf",
        [prose()],
        encryption=pymupdf.PDF_ENCRYPT_AES_256,
        user_pw="secret",
        owner_pw="more secret",
    )
    assert why(scan, guard, locked) == "encrypted document"


def test_documents_that_are_none(guard, tmp_path):
    for name, content in (("empty", b""), ("prose", b"no PDF at all\n" * 50)):
        path = tmp_path / f"{name}.pdf"
        path.write_bytes(content)
        with pytest.raises(Reject, match="damaged document") as caught:
            scan(guard, path)
        # Else a set would hang on where its documents lie.
        assert str(tmp_path) not in caught.value.detail


def test_a_truncated_document_gives_what_is_left_of_it(guard, book, config):
    whole = book.read_bytes()
    for part in (0.2, 0.5, 0.9):
        book.write_bytes(whole[: int(part * len(whole))])
        try:
            pages = scan(guard, book)["scan"]["pages"]
        except Reject as reject:
            assert reject.reason == "damaged document"
            continue
        assert pages <= 3


@pytest.mark.parametrize("seed", range(12))
def test_changed_bytes_never_stop_the_worker(guard, book, config, seed):
    import random

    lot = random.Random(seed)
    content = bytearray(book.read_bytes())
    for _ in range(2 + 6 * seed):
        content[lot.randrange(len(content))] = lot.randrange(256)
    book.write_bytes(content)
    try:
        for number in range(scan(guard, book)["scan"]["pages"]):
            page(guard, book, config(min_type_px=1), number)
    except Reject as reject:
        assert not reject.reason.startswith("fault")


def test_a_page_tree_that_runs_in_a_circle(guard, tmp_path, config):
    path = tmp_path / "loop.pdf"
    path.write_bytes(LOOP)
    try:
        assert scan(guard, path)["scan"]["pages"] <= 5
    except Reject as reject:
        assert reject.reason in {"damaged document", "crashes the reader", "takes too long"}
    else:
        assert why(page, guard, path, config()) in {"damaged page", "no text layer"}


def test_a_document_that_claims_pages_it_does_not_have(guard, make_pdf, prose, tmp_path):
    path = make_pdf(tmp_path / "liar.pdf", [prose()] * 2)
    content = path.read_bytes()
    assert b"/Count 2" in content
    path.write_bytes(content.replace(b"/Count 2", b"/Count 9"))
    assert 1 <= scan(guard, path)["scan"]["pages"] <= 9


def test_a_page_that_never_ends_is_ended(make_pdf, tmp_path, config, pymupdf):
    # A form that paints another twice, thirty deep: the file is small, the picture is not.
    document = pymupdf.open()
    document.new_page()
    form = document.get_new_xref()
    document.update_object(form, "<< /Type /XObject /Subtype /Form /BBox [0 0 600 800] >>")
    document.update_stream(form, b"0 0 m 500 500 l S")
    for _ in range(30):
        outer = document.get_new_xref()
        document.update_object(
            outer,
            "<< /Type /XObject /Subtype /Form /BBox [0 0 600 800] "
            f"/Resources << /XObject << /F {form} 0 R >> >> >>",
        )
        document.update_stream(outer, b"/F Do /F Do")
        form = outer
    page_xref = document[0].xref
    content = document.get_new_xref()
    document.update_object(content, "<<>>")
    document.update_stream(content, b"/F Do")
    document.xref_set_key(page_xref, "Contents", f"{content} 0 R")
    document.xref_set_key(page_xref, "Resources", f"<< /XObject << /F {form} 0 R >> >>")
    document.save(tmp_path / "bomb.pdf")
    quick = Guard(cpu_s=1, memory_mib=512)
    start = time.monotonic()
    reason = why(page, quick, tmp_path / "bomb.pdf", config())
    quick.close()
    assert reason in {"takes too long", "needs too much memory"}
    assert time.monotonic() - start < 60


def test_a_page_that_needs_too_much_memory(make_pdf, tmp_path, config, pymupdf):
    document = pymupdf.open()
    document.new_page()
    picture = document.get_new_xref()
    document.update_object(
        picture,
        "<< /Type /XObject /Subtype /Image /Width 30000 /Height 30000 /ColorSpace /DeviceRGB "
        "/BitsPerComponent 8 >>",
    )
    document.update_stream(picture, b"\0" * 1000)
    content = document.get_new_xref()
    document.update_object(content, "<<>>")
    text = b"q 600 0 0 800 0 0 cm /P Do Q BT /F 12 Tf 50 700 Td (some words on the picture) Tj ET"
    document.update_stream(content, text)
    document.xref_set_key(document[0].xref, "Contents", f"{content} 0 R")
    font = "/Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>"
    document.xref_set_key(
        document[0].xref, "Resources", f"<< {font} /XObject << /P {picture} 0 R >> >>"
    )
    document.save(tmp_path / "large.pdf")
    small = Guard(cpu_s=20, memory_mib=400)
    try:
        page(small, tmp_path / "large.pdf", config())
    except Reject as reject:
        assert not reject.reason.startswith("fault")
    # Whatever became of it, the next document is read.
    fine = make_pdf(tmp_path / "fine.pdf", [lambda page: page.insert_text((50, 50), "fine")])
    assert scan(small, fine)["scan"]["pages"] == 1
    small.close()


def test_a_worker_that_dies_is_replaced(obedient):
    first = obedient.ask({"do": "tell"})[0]["pid"]
    assert why(obedient.ask, {"do": "exit"}) == "crashes the reader"
    assert obedient.ask({"do": "tell"})[0]["pid"] != first


def test_a_worker_that_was_weakened_before_is_tried_afresh(obedient):
    obedient.ask({"do": "tell"})
    assert obedient.ask({"do": "tired"})[0]["pid"]


def test_a_worker_that_is_killed_between_requests(obedient):
    os.kill(obedient.ask({"do": "tell"})[0]["pid"], signal.SIGKILL)
    assert obedient.ask({"do": "tell"})[0]["pid"]


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("prose", "crashes the reader"),
        ("half", "crashes the reader"),
        ("memory", "needs too much memory"),
    ],
)
def test_answers_that_are_none(obedient, what, reason):
    assert why(obedient.ask, {"do": what}) == reason
    assert obedient.ask({"do": "tell"})[0]["pid"]


def test_a_worker_that_sleeps_is_ended_by_the_clock(obedient, monkeypatch):
    monkeypatch.setattr(guarding, "CLOCK_PER_CPU", 0.05)
    assert why(obedient.ask, {"do": "sleep"}) == "takes too long"


def test_a_worker_that_does_not_start_says_why(monkeypatch):
    monkeypatch.setattr(guarding, "WORKER_MODULE", "vary.no_such_worker")
    with pytest.raises(VaryError, match="no_such_worker"):
        Guard(5, 512).ask({"do": "scan"})


def test_it_pickles_without_its_worker(obedient):
    obedient.ask({"do": "tell"})
    copy = pickle.loads(pickle.dumps(obedient))
    assert (copy.cpu_s, copy.memory_mib) == (20, 256)
    assert copy.ask({"do": "tell"})[0]["pid"] != obedient.ask({"do": "tell"})[0]["pid"]
    copy.close()


def test_no_worker_outlives_its_guard(obedient):
    pid = obedient.ask({"do": "tell"})[0]["pid"]
    threads = threading.active_count()
    obedient.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert threading.active_count() <= threads


def test_the_worker_needs_no_torch():
    code = "import sys, vary.data.engines.pdf.worker; print('torch' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"
