"""A model behind an OpenAI-compatible endpoint as a system: what vLLM, SGLang and others serve."""

import base64
import io
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from vary.errors import VaryError
from vary.eval.records import Prompt, Response, clean_text
from vary.extras import require
from vary.read.documents import open_document

KEY_VARIABLE = "OPENAI_API_KEY"
# What endpoints take as they are; all else is sent as PNG.
_MEDIA_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
}
MAX_ANSWER_TOKENS = 4096  # as the paper's models write
# Settings are wrong: every further question would fail alike.
_HOPELESS_STATUSES = {401, 403, 404, 405}
# So many questions in a row that did not even arrive: nobody is there any more.
_MAX_UNREACHED = 3


@dataclass
class EndpointSystem:
    """A served model that takes pictures and a question.

    It is asked greedily (temperature 0). What a busy or failing server refuses is asked again a few
    times, with growing pauses, by the `openai` package.

    Args:
        name: of its column.
        url: of the endpoint, such as ``http://localhost:8000/v1``.
        model: its name there.
        workers: questions at the same time.
        timeout_s: how long one answer may take.
        max_retries: how often one is asked again.

    Raises:
        MissingExtraError: openai is not installed.
    """

    name: str
    url: str
    model: str
    workers: int = 1
    timeout_s: float = 600.0
    max_retries: int = 5
    keeps_answers: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self.description = f"model {self.model} at {self.url}, temperature 0"
        self._openai = require("openai", extra="api")

    def check(self, task: str, prompts: Sequence[Prompt]) -> None:
        """What it can do shows when it is asked."""

    def answer(self, prompts: Sequence[Prompt], folder: Path) -> Iterator[Response]:
        """Yield the answers as they come.

        Raises:
            VaryError: the endpoint refuses every question, or is not there any more; what was
                answered is kept by whoever runs this.
        """
        client = self._openai.OpenAI(
            base_url=self.url,
            api_key=os.environ.get(KEY_VARIABLE) or "none",  # local endpoints need none
            timeout=self.timeout_s,
            max_retries=self.max_retries,
        )
        with ThreadPoolExecutor(self.workers) as pool:
            futures = [pool.submit(self._ask, client, prompt, folder) for prompt in prompts]
            num_unreached = 0
            try:
                for future in as_completed(futures):
                    response = future.result()
                    yield response
                    was_reached = not response.meta.get("unreached")
                    num_unreached = 0 if was_reached else num_unreached + 1
                    if num_unreached >= _MAX_UNREACHED:
                        raise VaryError(
                            f"{self.url} does not answer ({response.reason}); what was answered "
                            "stays: start it again, then the same command with --retry goes on"
                        )
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, client: Any, prompt: Prompt, folder: Path) -> Response:
        start = time.perf_counter()
        try:
            parts: list[dict[str, Any]] = [_picture(folder / image) for image in prompt.images]
            parts.append({"type": "text", "text": prompt.prompt})
            reply = client.chat.completions.create(
                model=self.model,
                messages=[{"role": "user", "content": parts}],
                temperature=0,
                max_tokens=MAX_ANSWER_TOKENS,
            )
        except (self._openai.OpenAIError, VaryError, OSError) as error:
            return self._failure(prompt, error)
        seconds = time.perf_counter() - start
        try:
            choice = reply.choices[0]
            text, finish = choice.message.content, choice.finish_reason
        except (AttributeError, IndexError, TypeError) as error:
            return Response(prompt.id, None, f"its reply is no chat completion ({error})", seconds)
        if not isinstance(text, str):
            return Response(prompt.id, None, "its reply holds no text", seconds)
        meta = {"finish_reason": finish} if finish != "stop" else {}
        return Response(prompt.id, clean_text(text), "", seconds, meta)

    def _failure(self, prompt: Prompt, error: Exception) -> Response:
        """Return why there is no answer.

        Raises:
            VaryError: there will be none to any question.
        """
        if getattr(error, "status_code", None) in _HOPELESS_STATUSES:
            raise VaryError(
                f"{self.url} refuses model {self.model!r} ({_told(error)}); check the address, the "
                f"model's name and the key in {KEY_VARIABLE}"
            ) from error
        if isinstance(error, self._openai.APITimeoutError):
            return Response(prompt.id, None, f"no answer within {self.timeout_s:g} s")
        is_unreached = isinstance(error, self._openai.APIConnectionError)
        meta = {"unreached": True} if is_unreached else {}
        return Response(prompt.id, None, _told(error), meta=meta)


def _picture(path: Path) -> dict[str, Any]:
    """Return a picture as part of a message: the file's bytes where endpoints take them."""
    media_type = _MEDIA_TYPES.get(path.suffix.lower())
    if media_type:
        content = path.read_bytes()
    else:
        media_type, file = "image/png", io.BytesIO()
        with open_document(path) as document:
            document.page(1).save(file, format="PNG")
        content = file.getvalue()
    encoded = base64.b64encode(content).decode("ascii")
    return {"type": "image_url", "image_url": {"url": f"data:{media_type};base64,{encoded}"}}


def _told(error: Exception) -> str:
    """Return an error in a line: its kind and the first 300 characters."""
    text = " ".join(clean_text(str(error)).split())
    return f"{type(error).__name__}: {text[:300]}"
