"""Make the held-out texts of the test sets (recipes/eval/texts) from their sources.

    for each source: git clone https://github.com/OWNER/NAME CLONES/OWNER+NAME
    python scripts/eval_texts.py --clones CLONES

What is read is the pinned commit, so the same clones give the same bytes. It need not be run: the
texts lie in the repository.
"""

import argparse
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

TARGET = Path(__file__).parents[1] / "recipes" / "eval" / "texts"
Parser = Callable[[str], Iterator[str]]

# Characters that no paragraph of prose has: what is left of code, tables, formulas and markup.
NOT_PROSE = re.compile(
    r"https?:|www\.|[{}|<>$\\^~#`_*\[\]\u2ff0-\u2fff\ufe0f\ufffd\U0001f000-\U0001ffff]|—{3,}"
)
INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
CJK = re.compile("[\u2e80-\u9fff\uff01-\uff60]")
# Full-width punctuation brings its own space.
WIDE_SPACE = re.compile("(?<=[，。、；：？！」』）》]) +| +(?=[「『（《，。、；：？！])")
# Longer paragraphs are parted at a sentence's end, so that passages can be of one length.
LONGEST = {"en": 1200, "zh": 500}
SENTENCE = re.compile(r"(?<=[.!?]) (?=[“\"‘(A-Z])|(?<=[。！？])(?![”’」』）])")
FOOTNOTE = re.compile(r"\[\^[^\]]*\]:?")
LINK = re.compile(r"\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\([^)]*\)")
# Marks of an editor's notes, whose rights are the editor's.
NOTE_MARK = re.compile("[\u2460-\u249b]|〔[０-９一二三四五六七八九十0-9]+〕")


@dataclass(frozen=True)
class Source:
    """One file of texts and what it is made from.

    Args:
        file: its path below the target folder.
        title: of the work.
        repository: owner/name on GitHub.
        commit: what is read.
        paths: pattern of the paths that are read, in their order.
        parser: paragraphs of a file.
        size: bytes that are taken, evenly from the paths.
        rights: licence or why there is none to ask for.
        shortest: characters of the shortest paragraph that is taken.
    """

    file: str
    title: str
    repository: str
    commit: str
    paths: str
    parser: Parser
    size: int
    rights: str
    shortest: int = 40


class _Paragraphs(HTMLParser):
    """Collects the text of `p` elements that stand in no header, table or note."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._outside = 0
        self._text: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag in {"header", "table", "aside", "nav", "figure"}:
            self._outside += 1
        elif tag == "p" and not self._outside:
            self._text = []
        elif tag == "br" and self._text is not None:
            self._text.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"header", "table", "aside", "nav", "figure"}:
            self._outside -= 1
        elif tag == "p" and self._text is not None:
            self.found.append("".join(self._text))
            self._text = None

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)


def from_xhtml(text: str) -> Iterator[str]:
    """Yield the paragraphs of a chapter."""
    parser = _Paragraphs()
    parser.feed(text)
    yield from parser.found


def from_markdown(text: str) -> Iterator[str]:
    """Yield the paragraphs and items of a Markdown file: no headings, code, tables or pictures."""
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
    text = re.sub(r"^ {0,3}(```|~~~).*?^ {0,3}\1[^\n]*$", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"<(aside|table|figure|div|details)\b.*?</\1>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    for block in re.split(r"\n\s*\n|\n(?=\s*(?:[-*+]|\d+\.)\s)", text):
        kept = block.strip()
        if re.match(r"#|>|!\[|\||<|\[\^|={3}|-{3}|\[.*\]:", kept):
            continue
        kept = re.sub(r"^(?:[-*+]|\d+\.)\s+", "", kept)
        kept = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", kept)
        kept = FOOTNOTE.sub("", LINK.sub(r"\1", LINK.sub(r"\1", kept)))
        kept = re.sub(r"</?[a-zA-Z][^>]*>", "", kept)
        kept = re.sub(r"\*\*|__|`", "", kept)
        kept = re.sub(r"(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w)", "", kept)
        yield kept


def from_wrapped_chinese(text: str) -> Iterator[str]:
    """Yield the paragraphs of the author alone: indented ones, their lines joined, no notes."""
    in_notes = False
    paragraph = ""
    for line in [*text.splitlines(), ""]:
        bare = line.strip(" \u3000\t")
        if re.match(r"□?注释", bare):
            in_notes = True
        elif in_notes and re.match(r"\s{4,}.*⑴$|\s*\S{2,8}⑴$", line):
            in_notes = False  # the title of the next piece
        elif not bare or in_notes or re.match(r" {8,}", line):
            yield paragraph
            paragraph = ""
        elif re.match(r"\u3000\u3000| {4}", line):
            yield paragraph
            paragraph = bare
        elif paragraph:
            paragraph += bare
    yield paragraph


STANDARD_EBOOKS = "public domain; the edition CC0 1.0 (Standard Ebooks)"
LU_XUN = (
    "public domain: Lu Xun died in 1936, published 1918-1927; the editors' notes are left out; "
    "repository MIT"
)
SOURCES = (
    Source(
        "en/grahame-the-wind-in-the-willows.txt", "Kenneth Grahame, The Wind in the Willows (1908)",
        "standardebooks/kenneth-grahame_the-wind-in-the-willows",
        "b44b52fea051d02764bb375fffc79066f50a9404", r"src/epub/text/chapter-\d+\.xhtml",
        from_xhtml, 85_000, STANDARD_EBOOKS,
    ),
    Source(
        "en/stoker-dracula.txt", "Bram Stoker, Dracula (1897): letters and diaries",
        "standardebooks/bram-stoker_dracula", "e9e81aadf8b235fb6498728bce54b0967e224612",
        r"src/epub/text/chapter-\d+\.xhtml", from_xhtml, 85_000, STANDARD_EBOOKS,
    ),
    Source(
        "en/thoreau-walden.txt", "Henry David Thoreau, Walden (1854): essays",
        "standardebooks/henry-david-thoreau_walden", "f000c2130735e4cff43fd147d47201c0199405d2",
        r"src/epub/text/(?!colophon|imprint|titlepage|uncopyright).*\.xhtml",
        from_xhtml, 85_000, STANDARD_EBOOKS,
    ),
    Source(
        "en/plurality.txt", "Plurality (2024), by E. Glen Weyl, Audrey Tang and community",
        "pluralitybook/plurality", "86158859464aee75633acd854c656928121a7fd8",
        r"contents/english/[2-7]-.*\.md", from_markdown, 85_000, "CC0 1.0",
    ),
    Source(
        "en/nist-digital-identity.txt", "NIST SP 800-63-3, Digital Identity Guidelines (2017)",
        "usnistgov/800-63-3", "ce8ada6277a2948308d85b16a4c568874f7d5abb",
        r"sp800-63[-3abc]*/(sec|app).*\.md", from_markdown, 80_000,
        "work of the US government, not subject to copyright in the United States; elsewhere free "
        "for any use. Republished courtesy of the National Institute of Standards and Technology",
    ),
    Source(
        "zh/luxun-nahan.txt", "鲁迅《呐喊》(1923), stories, simplified",
        "tallusil/luxun-novel-analysis", "432ecfaa721f3f8a08268dabfc0a301ea3ffa50e",
        r"data/combined/呐喊\.txt", from_wrapped_chinese, 85_000, LU_XUN, 12,
    ),
    Source(
        "zh/luxun-yecao.txt", "鲁迅《野草》(1927), prose poems, simplified",
        "tallusil/luxun-novel-analysis", "432ecfaa721f3f8a08268dabfc0a301ea3ffa50e",
        r"data/combined/野草\.txt", from_wrapped_chinese, 40_000, LU_XUN, 12,
    ),
    Source(
        "zh/opensource-guide-hans.txt", "Open Source Guides, simplified Chinese",
        "github/opensource.guide", "ebc9678e39b55ff5e5c8801d1960904692188e90",
        r"_articles/zh-hans/(best|code|get|how|legal|start).*\.md", from_markdown, 65_000,
        "CC BY 4.0, GitHub and contributors; markup, headings, quotations and links left out", 20,
    ),
    Source(
        "zh/rust-book-zh.txt", "The Rust Programming Language, simplified Chinese",
        "rust-lang-cn/book-cn", "cde74c448e301ce8ac7960a0d3dc879efd83635d",
        r"src/ch.*\.md", from_markdown, 75_000,
        "MIT OR Apache-2.0, the Rust project developers and translators", 20,
    ),
    Source(
        "zh/opensource-guide-hant.txt", "Open Source Guides, traditional Chinese",
        "github/opensource.guide", "ebc9678e39b55ff5e5c8801d1960904692188e90",
        r"_articles/zh-hant/(building|find|leader|maintain|metrics|security).*\.md", from_markdown,
        50_000,
        "CC BY 4.0, GitHub and contributors; markup, headings, quotations and links left out", 20,
    ),
    Source(
        "zh/plurality-hant.txt", "Plurality (2024), traditional Chinese",
        "pluralitybook/plurality", "86158859464aee75633acd854c656928121a7fd8",
        r"contents/traditional-mandarin/[2-7]-.*\.md", from_markdown, 110_000, "CC0 1.0", 20,
    ),
)  # fmt: skip


def git(clones: Path, source: Source, *arguments: str) -> str:
    """Return what git prints in the clone of a source."""
    folder = clones / source.repository.replace("/", "+")
    place = next((p for p in (folder / "repo", folder / ".git", folder) if p.is_dir()), folder)
    command = ["git", f"--git-dir={place}", "-c", "core.quotepath=off", *arguments]
    return subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout


def prose(paragraphs: Iterator[str], shortest: int) -> Iterator[str]:
    """Yield those paragraphs that are prose, each on one line."""
    for paragraph in paragraphs:
        text = INVISIBLE.sub("", NOTE_MARK.sub("", paragraph))
        text = WIDE_SPACE.sub("", " ".join(text.split()))
        # The full stop tells a sentence from a heading, a table's cell or the head of a list.
        ends = text.rstrip("”’\"')）」』").endswith((".", "!", "?", "…", "。", "！", "？", "；"))
        if len(text) >= shortest and ends and not NOT_PROSE.search(text):
            yield text


def parted(text: str, longest: int) -> Iterator[str]:
    """Yield a paragraph in parts of about equal length, none much longer than is asked for."""
    target = len(text) / -(-len(text) // longest)
    part = ""
    for sentence in SENTENCE.split(text):
        if part and len(part) + len(sentence) / 2 > target:
            yield part.strip()
            part = ""
        part += sentence if CJK.search(sentence) else f"{sentence} "
    yield part.strip()


def natural(path: str) -> list[int | str]:
    """Return what paths are sorted by: chapter-2 before chapter-10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path)]


def make(clones: Path, source: Source) -> list[str]:
    """Return the paragraphs of a source, evenly from its files, each only once."""
    listed = git(clones, source, "ls-tree", "-r", "--name-only", source.commit).splitlines()
    paths = sorted((p for p in listed if re.fullmatch(source.paths, p)), key=natural)
    language = source.file.split("/", maxsplit=1)[0]
    seen: set[str] = set()
    taken: list[str] = []
    for number, path in enumerate(paths, start=1):
        text = git(clones, source, "show", f"{source.commit}:{path}")
        for paragraph in prose(source.parser(text), source.shortest):
            if sum(len(t.encode()) + 1 for t in taken) >= source.size * number / len(paths):
                break
            if paragraph not in seen and not (language == "en" and CJK.search(paragraph)):
                seen.add(paragraph)
                taken += parted(paragraph, LONGEST[language])
    return taken


def main() -> None:
    """Write the texts and SOURCES.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--clones", type=Path, required=True, help="folder of OWNER+NAME clones")
    clones: Path = parser.parse_args().clones
    rows = []
    for source in SOURCES:
        paragraphs = make(clones, source)
        path = TARGET / source.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(paragraphs) + "\n", encoding="utf-8")
        size = path.stat().st_size
        rows.append(
            f"| {source.file} | {source.title} | {source.repository}@{source.commit[:12]} "
            f"| {source.rights} | {len(paragraphs)} | {size} |"
        )
        print(rows[-1])
    head = (
        "# Held-out texts\n\n"
        "The test sets are made of these and nothing else; nothing may be trained on them. One\n"
        "paragraph per line, UTF-8, taken evenly from the chapters, with headings, code, tables,\n"
        "notes and markup left out. `scripts/eval_texts.py` makes them from these commits.\n\n"
        "| file | work | repository | rights | paragraphs | bytes |\n"
        "|---|---|---|---|---|---|\n"
    )
    (TARGET / "SOURCES.md").write_text(head + "\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
