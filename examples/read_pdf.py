"""Read a PDF, say how sure the reader is, and show the lines that a person should look at.

Run: python examples/read_pdf.py [FILE.pdf]
"""

import sys
from pathlib import Path

from vary import Reader

ARTICLE = Path(__file__).parent / "documents" / "article.pdf"
NUM_DOUBTFUL_LINES = 3


def main(document: Path) -> None:
    """Print each page's text, then its least certain lines with their boxes."""
    reader = Reader.from_pretrained("nano")
    for page in reader.read(document):
        print(f"page {page.page} of {page.num_pages}: {page.status} {page.reason}".rstrip())
        print(page.text)
        if page.confidence is None:
            continue
        print(f"confidence {page.confidence:.2f}, {page.seconds:.1f} s; the least certain lines:")
        for line in sorted(page.lines, key=lambda line: line.confidence)[:NUM_DOUBTFUL_LINES]:
            print(f"  {line.confidence:.2f} at {line.box}: {line.text}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ARTICLE)
