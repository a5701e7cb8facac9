"""The `pdf` engine: pages of real PDFs and the text that stands on them."""
