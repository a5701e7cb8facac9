"""What stands on which page of a document: the pages' targets, checked against their text layer."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from vary.data.engines.base import Reject
from vary.data.engines.latex.pieces import Style
from vary.data.engines.latex.typeset import Atom, Document, Placed, Segment, is_number

# Shorter stretches are not looked for: a letter or two are found anywhere.
MIN_CHECKED = 3
_MARKS = {"bold": "**", "italic": "*", "code": "`"}


@dataclass(frozen=True)
class Place:
    """The pages on which an atom begins and ends, counted from 1."""

    first: int
    last: int


def read_marks(lines: Iterable[str]) -> dict[str, int]:
    """Return mark -> page; of lines that are none (TeX's memory is not trusted) nothing."""
    pages: dict[str, int] = {}
    for line in lines:
        parts = line.split()
        if len(parts) == 4 and parts[3].isdecimal():
            pages[parts[0]] = int(parts[3])
    return pages


def place_atoms(document: Document, marks: dict[str, int]) -> dict[int, Place]:
    """Return where each atom stands; those that TeX left out, as too wide, stand nowhere."""
    places: dict[int, Place] = {}
    for block in document.blocks:
        _place_block(block, document, marks, places)
    return places


def _place_block(
    block: Placed, document: Document, marks: dict[str, int], places: dict[int, Place]
) -> None:
    """Place a block's atoms: those with marks by these, stretches between by their neighbours."""
    begin = marks.get(f"{block.atoms.start}b")
    end = marks.get(f"{block.atoms.stop - 1}z")
    before = begin
    for number in block.atoms:
        first = marks.get(str(number))
        if first is not None:
            last = marks.get(f"{number}e", first)
            places[number] = Place(first, last)
            before = last
        elif begin is not None and end is not None and document.atoms[number].kind == "text":
            before = marks.get(f"{number}s", before)
            later = (marks.get(str(other)) for other in range(number + 1, block.atoms.stop))
            after = next((page for page in later if page is not None), end)
            assert before is not None
            places[number] = Place(before, after)
            before = after


def page_target(
    document: Document, places: dict[int, Place], page: int, texts: Sequence[str]
) -> str:
    """Return the Markdown of a page.

    Args:
        document: of the page.
        places: of its atoms.
        page: number, from 1.
        texts: text layers of all pages.

    Raises:
        Reject: a formula begins on one page and ends on another, a stretch of text cannot be cut
            where the page ends, or what the target says is not on the page.
    """
    squeezed = [squeeze(text) for text in texts]
    atoms: dict[int, Atom] = {}
    for number, place in places.items():
        if place.first <= page <= place.last:
            part = _part_on_page(document.atoms[number], place, page, squeezed)
            if part.kind != "text" or part.segments:
                atoms[number] = part
    check_page(atoms, squeezed[page - 1])
    written = [_block_markdown(block, atoms, document) for block in document.blocks]
    return join_blocks(
        [(block.kind, text) for block, text in zip(document.blocks, written, strict=True) if text]
    )


def join_blocks(blocks: Sequence[tuple[str, str]]) -> str:
    """Return blocks as Markdown: an empty line between them, none between the items of a list."""
    out = ""
    previous = ""
    for kind, text in blocks:
        gap = "\n" if kind == previous == "item" else "\n\n"
        out += (gap if out else "") + text
        previous = kind
    return out


def squeeze(text: str) -> str:
    """Return letters and digits only, small and without accents: what two spellings share."""
    folded = unicodedata.normalize("NFKD", text).casefold()
    return "".join(
        character
        for character in folded
        # Accents that fonts have as signs of their own are letters to Unicode: modifiers.
        if character.isalnum() and (character.isascii() or unicodedata.category(character) != "Lm")
    )


def check_page(atoms: dict[int, Atom], page: str) -> None:
    """Refuse a page on which what its target says does not stand.

    Args:
        atoms: that stand there, by their numbers.
        page: its squeezed text layer.

    Raises:
        Reject: a stretch of text, from formula to formula, is not there as a whole.
    """
    stretch, previous = "", -2
    stretches = []
    for number, atom in sorted(atoms.items()):
        if atom.kind == "table":
            stretches += [squeeze(part) for part in atom.parts]
        follows = number == previous + 1 and atom.kind == "text"
        if not follows or atom.block != atoms[previous].block:
            stretches.append(stretch)
            stretch = ""
        if atom.kind == "text":
            stretch += squeeze("".join(text for text, _ in atom.segments))
        previous = number
    for wanted in (*stretches, stretch):
        if len(wanted) >= MIN_CHECKED and wanted not in page:
            raise Reject("text is not on its page", wanted[:80])


def _part_on_page(atom: Atom, place: Place, page: int, squeezed: Sequence[str]) -> Atom:
    """Return the part of an atom that stands on a page."""
    if place.first == place.last:
        return atom
    if atom.kind != "text":
        raise Reject("a formula breaks across pages", atom.latex[:80])
    if place.last - place.first > 1:
        raise Reject("a paragraph over three pages")
    text = "".join(text for text, _ in atom.segments)
    cut = find_cut(text, squeezed[place.first - 1], squeezed[place.last - 1])
    if page == place.first:
        return replace(atom, segments=_cut_segments(atom.segments, 0, cut))
    return replace(atom, segments=_cut_segments(atom.segments, cut, len(text)))


def find_cut(text: str, first: str, second: str) -> int:
    """Return how many characters of a text stand on the first of two pages.

    Args:
        text: that begins on one page and ends on the next.
        first: squeezed text layer of the one page.
        second: of the other.

    Raises:
        Reject: there is no such place, or it cannot be told from others.
    """
    whole = [(place, squeeze(character)) for place, character in enumerate(text)]
    letters = "".join(letter for _, letter in whole)
    fitting = [0] if letters[:40] in second else []
    done = 0
    for place, letter in whole:
        done += len(letter)
        # The characters around the cut tell more than the many before and after.
        left, right = letters[:done], letters[done:]
        if letter and left[-40:] in first and (not right or right[:40] in second):
            fitting.append(place + 1)
    if not fitting:
        raise Reject("text is not on its page", text[:80])
    best = [
        cut for cut in fitting if squeeze(text[:cut]) in first and squeeze(text[cut:]) in second
    ]
    if len(best) != 1:
        raise Reject("a paragraph whose break cannot be told", text[:80])
    cut = best[0]
    # Closing punctuation stays with what it closes.
    while 0 < cut < len(text) and not squeeze(text[cut]) and text[cut] not in "“‘（《【「『(":
        cut += 1
    return cut


def _cut_segments(segments: Sequence[Segment], first: int, last: int) -> tuple[Segment, ...]:
    out: list[Segment] = []
    place = 0
    for text, style in segments:
        part = text[max(first - place, 0) : max(last - place, 0)]
        place += len(text)
        if part:
            out.append((part, style))
    return tuple(out)


def _block_markdown(block: Placed, atoms: dict[int, Atom], document: Document) -> str:
    """Return what of a block stands on the page, as Markdown; empty for nothing."""
    here = [(number, atoms[number]) for number in block.atoms if number in atoms]
    if not here:
        return ""
    if block.kind == "table":
        return here[0][1].latex
    text = runs_markdown([atom for _, atom in here]).strip()
    begins = (
        here[0][0] == block.atoms.start
        and document.atoms[here[0][0]].segments[:1] == here[0][1].segments[:1]
    )
    begins = begins or (here[0][0] == block.atoms.start and here[0][1].kind != "text")
    if block.kind == "heading":
        return f"{'#' * block.level} {text}"
    if block.kind == "item" and begins:
        label = "-" if block.label == "bullet" else block.label
        label = label if block.label == "bullet" or is_number(label) else f"- **{label}**"
        return f"{'  ' * (block.level - 1)}{label} {text}"
    return text


def runs_markdown(atoms: Sequence[Atom]) -> str:
    r"""Return atoms of one block as Markdown: `**bold**`, `*italic*`, `\(x\)`, `\[x\]`."""
    out = ""
    style: Style = ""
    for atom in atoms:
        if atom.kind == "text":
            for place, (text, new) in enumerate(atom.segments):
                is_apart = atom.space_before and place == 0 and not out.endswith("\n")
                space = " " if is_apart else ""
                out, style = _styled(out, style, new, space, text)
            continue
        out = _close(out, style)
        style = ""
        if atom.kind == "inline":
            out += f"{' ' if atom.space_before else ''}\\({atom.latex}\\)"
        else:
            out = out.rstrip() + f"\n\n\\[{atom.latex}\\]\n\n"
    return _close(out, style).replace("\n\n\n\n", "\n\n")


def _styled(out: str, old: Style, new: Style, space: str, text: str) -> tuple[str, Style]:
    if old == new:
        return out + space + text, new
    return _close(out, old) + space + _MARKS.get(new, "") + text, new


def _close(out: str, style: Style) -> str:
    """Return text with the end of a style, before the spaces that follow it."""
    if not style:
        return out
    bare = out.rstrip(" ")
    return bare + _MARKS[style] + out[len(bare) :]
