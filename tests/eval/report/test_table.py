import io

from rich.console import Console

from vary.eval.report import build_report, print_table


def printed(report, width=100):
    file = io.StringIO()
    print_table(report, Console(file=file, width=width))
    return file.getvalue()


def test_values_intervals_counts_and_reasons(two_systems):
    lines = printed(build_report(two_systems)).splitlines()
    assert lines[0] == "OCR of pages  made pages, 6 prompts of 3 documents"
    (row,) = [line for line in lines if line.startswith("↓ Edit distance")]
    assert "0.1667 [0.000, 0.500]" in row
    assert [line.split()[1:] for line in lines if line.startswith("missing")] == [["0", "1"]]
    assert [line.split()[1:] for line in lines if line.startswith("n ")] == [["6", "6"]]
    assert "other: 1 missing: timed out" in lines
    assert any(line.startswith("errors: cutting") for line in lines)
    (header,) = [i for i, line in enumerate(lines) if line.startswith("first less")]
    assert lines[header + 1].split()[0] == "other"
    assert lines[header + 1].split()[-3:] == ["1", "0", "5"]


def test_five_systems_with_long_names_fit(make):
    truths = {f"p{i}": f"text {i}" for i in range(30)}
    names = [f"a very long name of a system [bold]{i}[/bold]\x1b[31m" for i in range(5)]
    answers = {name: {k: v + "x" * i for k, v in truths.items()} for i, name in enumerate(names)}
    shown = printed(build_report(make(truths, answers, pictures=False)))
    assert max(map(len, shown.splitlines())) <= 100
    assert "\x1b" not in shown
    assert shown.count("↓ Edit distance") == 2
    assert shown.count("[0.000, 0.000]") >= 2


def test_numbers_stand_below_one_another(make):
    truths = {f"p{i}": "some text" for i in range(12)}
    report = build_report(make(truths, {"a": truths, "b": {}}, pictures=False))
    rows = [line for line in printed(report).splitlines() if line.startswith("↓ Edit")]
    assert "0.0000 [0.000, 0.000]  1.0000 [1.000, 1.000]" in rows[0]


def test_a_metric_that_few_have_tells_its_n(two_systems):
    for name in ("p0", "p1"):
        del two_systems.systems[0].scores[name].values["cer"]
    lines = printed(build_report(two_systems)).splitlines()
    (at,) = [i for i, line in enumerate(lines) if line.startswith("↓ Character")]
    assert lines[at + 1].split() == ["n", "4", "6"]


def test_one_page_and_no_systems(make):
    assert "no interval" in printed(build_report(make({"p": "t"}, {"s": {"p": "t"}})))
    assert "1 prompt of 1 document" in printed(build_report(make({"p": "t"}, {})))
    assert "0 prompts of 0 documents" in printed(build_report(make({}, {"s": {}})))
