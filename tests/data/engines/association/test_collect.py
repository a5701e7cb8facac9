import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openai", reason="openai is not installed (extra api)")

from vary.data.corpus import TextCorpus
from vary.data.engines.association.answers import AnswerCache, EndpointError, EndpointSettings
from vary.data.engines.association.collect import (
    StoryRun,
    StorySummary,
    beside,
    collect_stories,
)
from vary.data.engines.association.story import read_stories
from vary.errors import InputError, VaryError


@pytest.fixture
def corpus(text_folder: Path) -> TextCorpus:
    return TextCorpus.from_folder(text_folder)


def collect(server: Any, corpus: TextCorpus, out: Path, count: int = 1, **more: Any) -> Any:
    options = {"wait_s": 0.01, "timeout_s": 60.0, "max_retries": 3} | more
    settings = EndpointSettings(server.url, "teller", **options)
    return collect_stories(StoryRun(out, count, 7, workers=1), corpus, settings)


def test_stories_are_written_in_order_with_their_cost(server, corpus, tmp_path):
    out = tmp_path / "new" / "stories.jsonl"
    summary = collect(server, corpus, out, count=10)
    assert summary.stories == len(read_stories(out)) == 10
    assert (summary.answers, summary.asked) == (10, 10)
    assert (summary.prompt_tokens, summary.answer_tokens) == (1000, 400)
    told = json.loads(beside(out, "summary.json").read_text())
    assert told["sha256"] == summary.sha256 and told["models"] == {"served-1": 10}
    assert read_stories(out)[0].source == "written by served-1"


def test_nothing_is_paid_twice(server, corpus, tmp_path):
    out = tmp_path / "stories.jsonl"
    server.script = ["prose", "good", "wrong"]
    first = collect(server, corpus, out, count=6)
    content, asked = out.read_bytes(), len(server.asked)
    again = collect(server, corpus, out, count=6)
    assert len(server.asked) == asked == first.answers == 8
    assert out.read_bytes() == content
    assert (again.asked, again.answers) == (0, 8)
    more = collect(server, corpus, out, count=8)
    assert more.asked == 2 and out.read_bytes().startswith(content)


def test_every_question_has_its_own_seed_and_kind(server, corpus, tmp_path):
    collect(server, corpus, tmp_path / "stories.jsonl", count=12)
    assert len({request["seed"] for request in server.asked}) == 12
    assert len({request["messages"][1]["content"] for request in server.asked}) > 8


@pytest.mark.parametrize(
    "behaviour", ["status 429", "status 500", "status 503", "cut", "html", "no choices"]
)
def test_what_passes_is_tried_again(server, corpus, tmp_path, behaviour):
    server.script = [behaviour, behaviour]
    summary = collect(server, corpus, tmp_path / "stories.jsonl")
    assert summary.stories == 1 and len(server.asked) == 3
    assert not summary.bad_answers


def test_the_server_says_how_long_to_wait(server, corpus, tmp_path):
    server.script = ["status 429 0.3"]
    collect(server, corpus, tmp_path / "stories.jsonl")
    assert 0.3 <= server.times[1] - server.times[0] < 30


def test_a_slow_answer_is_given_up_and_asked_for_again(server, corpus, tmp_path):
    server.script = ["never"]
    summary = collect(server, corpus, tmp_path / "stories.jsonl", timeout_s=2)
    assert summary.stories == 1 and len(server.asked) == 2


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("prose", "no JSON in the answer"),
        ("torn", "no JSON in the answer"),
        ("wrong", "wrong keys"),
    ],
)
def test_answers_that_are_no_story_are_counted(server, corpus, tmp_path, behaviour, reason):
    server.script = [behaviour] * 3
    summary = collect(server, corpus, tmp_path / "stories.jsonl", count=2)
    assert summary.stories == 1 and summary.bad_answers == {reason: 3}
    assert summary.failures == {reason: 1} and summary.answer_tokens == 160


def test_a_story_in_a_fence_counts(server, corpus, tmp_path):
    server.script = ["fenced"]
    assert collect(server, corpus, tmp_path / "stories.jsonl").stories == 1


def test_line_ends_of_unicode_within_an_answer_do_no_harm(server, corpus, tmp_path):
    out = tmp_path / "stories.jsonl"
    server.script = ["separated"] * 2
    assert collect(server, corpus, out, count=2).stories == 2
    assert "\u2028" in beside(out, "cache").read_text(encoding="utf-8")
    again = collect(server, corpus, out, count=3)
    assert (again.stories, again.asked) == (3, 1)


def test_a_refused_question_fails_alone(server, corpus, tmp_path):
    server.script = ["status 400"] * 3
    summary = collect(server, corpus, tmp_path / "stories.jsonl", count=2)
    assert summary.stories == 1 and summary.failures == {"refused by the endpoint": 1}


def test_a_wrong_key_stops_at_once(server, corpus, tmp_path):
    server.script = ["good", "status 401"]
    out = tmp_path / "stories.jsonl"
    with pytest.raises(EndpointError, match="OPENAI_API_KEY"):
        collect(server, corpus, out, count=3)
    assert not out.exists() and len(AnswerCache(beside(out, "cache"))) >= 1
    summary = collect(server, corpus, out, count=3)
    assert summary.stories == 3 and summary.asked <= 2


def test_an_endpoint_that_is_down_stops_the_run(server, corpus, tmp_path):
    server.script = ["status 500"] * 9
    with pytest.raises(EndpointError, match="after 3 retries"):
        collect(server, corpus, tmp_path / "stories.jsonl")
    assert len(server.asked) == 4


def test_a_torn_cache_is_mended_and_a_damaged_one_named(server, corpus, tmp_path):
    out = tmp_path / "stories.jsonl"
    collect(server, corpus, out, count=2)
    cache = beside(out, "cache")
    cache.write_bytes(cache.read_bytes()[:-20])
    assert collect(server, corpus, out, count=2).asked == 1
    cache.write_bytes(b"{}\n" + cache.read_bytes())
    with pytest.raises(InputError, match="line 1 is no answer"):
        collect(server, corpus, out, count=2)


def test_workers_change_nothing(server, corpus, tmp_path):
    results = []
    for workers in (1, 4):
        run = StoryRun(tmp_path / f"{workers}.jsonl", 9, 7, workers=workers)
        summary = collect_stories(run, corpus, EndpointSettings(server.url, "teller"))
        assert isinstance(summary, StorySummary)
        results.append(run.out.read_bytes())
    assert results[0] == results[1]


def test_an_endpoint_needs_a_model():
    with pytest.raises(VaryError, match="URL#MODEL"):
        EndpointSettings("http://localhost:8000/v1", "")
