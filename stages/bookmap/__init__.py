"""The bookmap: which books, which tier, which file; and the shelf: the books whose files are here."""
