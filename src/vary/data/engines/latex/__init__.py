"""Pages of text, formulas and tables cut out of LaTeX sources and set anew."""
