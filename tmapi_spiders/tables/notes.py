"""Notes: what a table could not take over as it was."""

from __future__ import annotations

from collections import Counter

from tmapi_spiders.wording import plural

__all__ = ["Notes"]


class Notes:
    """What a reader of a table has to know of it; nothing is changed without a word.

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
        """Note one more of something; *sentence* has {} where their number and noun go."""
        self._counts[noun, sentence] += 1

    def say(self, sentence: str) -> None:
        """Note a sentence, once."""
        if sentence not in self._said:
            self._said.append(sentence)

    @property
    def lines(self) -> list[str]:
        """All of it, a sentence each."""
        counted = [
            sentence.replace("{}", plural(count, noun), 1)
            for (noun, sentence), count in self._counts.items()
        ]
        return counted + self._said
