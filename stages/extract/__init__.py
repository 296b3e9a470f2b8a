"""PDF, EPUB and plain text -> clean paragraphs with their place, one file per book."""
