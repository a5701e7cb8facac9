"""Answers of an OpenAI-compatible endpoint, each paid for once."""

import hashlib
import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vary.data.answer_file import AnswerFile
from vary.errors import InputError, MissingResourceError, VaryError
from vary.extras import require

MOST_TOKENS = 1500
LONGEST_WAIT_S = 60.0
# Settings are wrong, or the address is: every further question would fail alike.
_HOPELESS = {401, 403, 404, 405}
# The server is busy or ill: it may be well again soon.
_PASSING = {408, 409, 425, 429}


class EndpointError(MissingResourceError):
    """The endpoint cannot be asked at all; answers that came are in the cache."""


@dataclass(frozen=True)
class EndpointSettings:
    """Which model is asked, and how patiently.

    Attributes:
        url: of an OpenAI-compatible endpoint, such as ``http://localhost:8000/v1``.
        model: its name there.
        key_variable: environment variable that holds the key; local endpoints need none.
        timeout_s: how long one answer may take.
        max_retries: how often a question is put again after a failure of the server.
        wait_s: before the first retry; doubled for each further one, unless the server says.
        temperature: of sampling.
    """

    url: str
    model: str
    key_variable: str = "OPENAI_API_KEY"
    timeout_s: float = 120.0
    max_retries: int = 6
    wait_s: float = 1.0
    temperature: float = 1.0

    def __post_init__(self) -> None:
        """Refuse settings that cannot work.

        Raises:
            VaryError: as told.
        """
        if not self.model or not self.url.startswith(("http://", "https://")):
            raise VaryError(
                f"endpoint {self.url}#{self.model}: give URL#MODEL, such as "
                "http://localhost:8000/v1#qwen3"
            )
        if self.timeout_s <= 0 or self.wait_s <= 0 or self.max_retries < 0:
            raise VaryError("timeout and wait must be more than 0, retries 0 or more")


@dataclass(frozen=True)
class Answer:
    """A line of the cache.

    Attributes:
        key: hash of model, question and seed.
        text: of the answer; empty where there is a reason.
        reason: why there is no text, for good.
        model: name that the endpoint told.
        prompt_tokens, answer_tokens: what it cost, as told.
    """

    key: str
    text: str
    reason: str
    model: str
    prompt_tokens: int
    answer_tokens: int


class AnswerCache(AnswerFile[str, Answer]):
    """Answers by the hashes of their questions.

    Args:
        file: see `AnswerFile`.

    Raises:
        InputError: a line of it is no answer.
    """

    def __init__(self, file: Path) -> None:
        super().__init__(file, _parse_answer, key=lambda answer: answer.key)


def _parse_answer(line: bytes, place: str) -> Answer:
    try:
        return Answer(**json.loads(line))
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{place} is no answer ({error}); take the line out, or name another file of stories"
        ) from error


class Endpoint:
    """Asks a language model; what was answered before comes out of the cache.

    Args:
        settings: which model, and how.
        cache: the answers so far.

    Raises:
        MissingExtraError: openai is not installed.
    """

    def __init__(self, settings: EndpointSettings, cache: AnswerCache) -> None:
        self.settings = settings
        self.cache = cache
        self.stopping = threading.Event()
        self._openai = require("openai", extra="api")
        # Retries are ours, so that what the server says about waiting is kept to.
        self._client = self._openai.OpenAI(
            base_url=settings.url,
            api_key=os.environ.get(settings.key_variable) or "none",
            timeout=settings.timeout_s,
            max_retries=0,
        )

    def ask(self, system: str, text: str, seed: int) -> tuple[Answer, bool]:
        """Return the answer, and whether it was asked for now.

        Raises:
            EndpointError: the server refuses us, cannot be reached, or stays busy.
        """
        key = self.key(system, text, seed)
        known = self.cache.find(key)
        if known is not None:
            return known, False
        answer = self._ask(key, system, text, seed)
        self.cache.add(answer)
        return answer, True

    def key(self, system: str, text: str, seed: int) -> str:
        """Return what an answer is known by."""
        told = [self.settings.model, self.settings.temperature, system, text, seed]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

    def _ask(self, key: str, system: str, text: str, seed: int) -> Answer:
        last = ""
        for attempt in range(self.settings.max_retries + 1):
            wait_s: float | None = None
            try:
                reply = self._client.chat.completions.create(
                    model=self.settings.model,
                    messages=[
                        {"role": "system", "content": system},
                        {"role": "user", "content": text},
                    ],
                    temperature=self.settings.temperature,
                    max_tokens=MOST_TOKENS,
                    seed=seed,
                )
                answer = _answer_of(key, reply)
            except self._openai.APIStatusError as error:
                last = f"status {error.status_code}: {_first_line(error.message)}"
                if error.status_code in _HOPELESS:
                    raise EndpointError(self._told(last)) from error
                if error.status_code < 500 and error.status_code not in _PASSING:
                    return Answer(key, "", last, "", 0, 0)
                wait_s = _told_wait(error.response.headers.get("retry-after"))
            except self._openai.OpenAIError as error:
                # A timeout, a connection that is cut or refused.
                last = f"{type(error).__name__}: {_first_line(str(error))}"
            except ValueError as error:  # a body that is no JSON
                last = f"no chat completion: {_first_line(str(error))}"
            else:
                if answer is not None:
                    return answer
                last = "no chat completion"
            self._wait(attempt, wait_s)
        raise EndpointError(self._told(f"{last}, after {self.settings.max_retries} retries"))

    def _wait(self, attempt: int, wait_s: float | None) -> None:
        if attempt < self.settings.max_retries:
            seconds = self.settings.wait_s * 2**attempt if wait_s is None else wait_s
            # Where another question has failed for good, nobody waits on.
            if self.stopping.wait(min(seconds, LONGEST_WAIT_S)):
                raise EndpointError(self._told("another question failed"))

    def _told(self, last: str) -> str:
        return (
            f"{self.settings.url} does not answer for model {self.settings.model!r} ({last}); "
            f"answers so far are in {self.cache.file}: the same command goes on. Check address, "
            f"model and the key in {self.settings.key_variable}"
        )


def _answer_of(key: str, reply: Any) -> Answer | None:
    """Return the answer that a reply holds, None where it is no chat completion."""
    try:
        text = reply.choices[0].message.content
    except (AttributeError, IndexError, TypeError):
        return None
    if not isinstance(text, str):
        return None
    usage = getattr(reply, "usage", None)
    counts = [getattr(usage, name, 0) for name in ("prompt_tokens", "completion_tokens")]
    prompt, answer = (count if isinstance(count, int) else 0 for count in counts)
    clean = text.encode("utf-8", "replace").decode("utf-8")
    return Answer(key, clean, "", str(getattr(reply, "model", "")), prompt, answer)


def _told_wait(header: str | None) -> float | None:
    """Return the seconds that a server asks us to wait, if it says so in seconds."""
    try:
        seconds = float(header or "")
    except ValueError:
        return None
    return seconds if seconds >= 0 else None


def _first_line(text: str) -> str:
    return " ".join(text.split())[:200]
