"""Contact sheets: the pictures of a run on one page, ordered by what was varied, with labels."""
