"""Heading levels without gaps, for every format that is read aloud."""

# A longer table of contents would fill pages, and each entry uses as much memory as three headings.
MOST_HEADINGS_IN_CONTENTS = 200


class HeadingLevels:
    """Closes gaps in heading levels, in reading order: 2, 4, 3, 1 becomes 1, 2, 2, 1.

    A screen reader's outline, and PDF/UA, allow no skipped level.
    """

    def __init__(self) -> None:
        self._open: list[int] = []

    def place(self, level: int) -> int:
        """Return the level to show for the next heading."""
        while self._open and self._open[-1] >= level:
            self._open.pop()
        self._open.append(level)
        return len(self._open)
