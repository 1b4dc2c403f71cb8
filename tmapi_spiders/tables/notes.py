"""Notes on what a table could not keep unchanged."""

from __future__ import annotations

from collections import Counter

from tmapi_spiders.wording import plural

__all__ = ["Notes"]


class Notes:
    """Collects notes for the readers of a table: no value is changed silently.

    >>> notes = Notes()
    >>> notes.count("text", "cut: {}"), notes.count("text", "cut: {}"), notes.say("All else.")
    (None, None, None)
    >>> notes.lines
    ['cut: 2 texts', 'All else.']
    """

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._said: list[str] = []

    def count(self, noun: str, sentence: str) -> None:
        """Count one more; {} in *sentence* is replaced by the number and the noun."""
        self._counts[noun, sentence] += 1

    def say(self, sentence: str) -> None:
        """Add a sentence, once."""
        if sentence not in self._said:
            self._said.append(sentence)

    @property
    def lines(self) -> list[str]:
        """All notes, one sentence each."""
        counted = [
            sentence.replace("{}", plural(count, noun), 1)
            for (noun, sentence), count in self._counts.items()
        ]
        return counted + self._said
