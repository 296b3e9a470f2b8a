"""The page that people open: the verdict, its curves, the books and every scene in one HTML file."""
