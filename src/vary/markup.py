"""HTML that is safe by construction: what is no `Html` is escaped.

Answers of models and texts of data sets are hostile input. Every text of theirs goes through
`text`, which escapes it and shows the characters that a browser would obey, hide or refuse (control
characters, changes of direction, halves of surrogate pairs) as their code points. `document` makes
a file that forbids scripts and all outside content by its own policy, so that not even a fault in
escaping would let such a text run.
"""

import base64
import hashlib
import html
import re
import unicodedata
from collections.abc import Iterable

# Controls but tab and line feed; invisible and directional characters; surrogates, noncharacters.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufdd0-\ufdef\ufffe\uffff"
    "\ud800-\udfff\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
    # More marks than any script stacks on a letter would run over the lines above.
    "|(?<=[\u0300-\u036f]{3})[\u0300-\u036f]"
)
_VOID = frozenset({"meta", "img", "br"})


class Html(str):
    """Markup of our own making, which is not escaped again."""

    __slots__ = ()


def text(value: object) -> Html:
    """Return a text as markup that shows all its characters and means none of them."""
    if isinstance(value, Html):
        return value
    parts, end = [], 0
    source = str(value)
    for match in _UNSEEN.finditer(source):
        parts.append(html.escape(source[end : match.start()]))
        parts.append(_code_point(match.group()))
        end = match.end()
    parts.append(html.escape(source[end:]))
    return Html("".join(parts))


def plain(value: object) -> str:
    """Return a text for where no markup can stand, with code points for what is not seen."""
    return _UNSEEN.sub(lambda match: f"[U+{ord(match.group()):04X}]", str(value))


def _code_point(character: str) -> str:
    name = html.escape(unicodedata.name(character, "no character to see"))
    return f'<span class="cp" title="{name}">U+{ord(character):04X}</span>'


def tag(name: str, /, *children: object, **attributes: object) -> Html:
    """Return an element.

    Args:
        name: of the element.
        children: texts, which are escaped, and elements; None is left out.
        attributes: ``class_`` for ``class``, ``_`` for ``-``; True for one without a value, None
            and False for none.
    """
    written = "".join(
        f" {_attribute(key)}" if value is True else f' {_attribute(key)}="{_quoted(value)}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{join(children)}</{name}>")


def _attribute(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _quoted(value: object) -> str:
    return html.escape(plain(value), quote=True)


def join(children: Iterable[object], between: str = "") -> Html:
    """Return texts and elements one after the other."""
    return Html(between.join(text(child) for child in children if child is not None))


def document(title: str, style: str, body: Html) -> str:
    """Return a whole HTML file that needs nothing else.

    Its policy allows this style, by its hash, and pictures from within the file; nothing more.

    Args:
        title: of the file, escaped here.
        style: CSS of our own.
        body: the element `body`.
    """
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )
    # Not `tag`: quotes in the policy are its own, and the style is ours.
    head = join(
        [
            Html('<head><meta charset="utf-8">'),
            Html(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", name="referrer", content="no-referrer"),
            tag("meta", name="color-scheme", content="light dark"),
            tag("title", plain(title)),
            Html(f"<style>{style}</style></head>"),
        ]
    )
    return "<!DOCTYPE html>\n" + tag("html", head, "\n", body, lang="en") + "\n"
