"""Text in every language at once: a card is drawn for a phone whose language we do not know."""

from collections.abc import Mapping
from typing import Final

import msgspec

FALLBACK: Final = "en"


class Text(msgspec.Struct, frozen=True, order=True):
    """One thing said in several languages; ``by`` holds (language, words) pairs, sorted by language."""

    by: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        if not self.by:
            raise ValueError("a text needs at least one language")

    def said(self, language: str) -> str:
        """The words in ``language`` ("vi" or "vi-VN"), else in its base language, else in English, else the first."""
        spoken = dict(self.by)
        for wanted in (language, language.partition("-")[0], FALLBACK):
            if wanted in spoken:
                return spoken[wanted]
        return self.by[0][1]

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that this text has words in."""
        return tuple(language for language, _ in self.by)


def text(**by: str) -> Text:
    """A text from keyword arguments: ``text(en="Free coffee", vi="Cà phê miễn phí")``."""
    return Text(tuple(sorted(by.items())))


def N_(msgid: str) -> str:  # noqa: N802 (the name that gettext tools know)
    """Mark an English sentence for the catalogue without translating it yet."""
    return msgid


class Words:
    """The catalogue: English sentences (with ``{facts}``) and their translations, for pages, passes and Google alike."""

    def __init__(self, translations: Mapping[str, Mapping[str, str]]) -> None:
        """``translations`` maps a language to {English sentence: translation}; English itself needs no entry."""
        self._translations = {FALLBACK: {}, **{language: dict(known) for language, known in translations.items()}}
        self.languages: tuple[str, ...] = tuple(sorted(self._translations))
        self._plain: dict[str, Text] = {}

    def said(self, language: str, msgid: str, /, **facts: object) -> str:
        """One sentence in one language; an untranslated sentence is said in English rather than not at all."""
        known = self._translations.get(language) or self._translations.get(language.partition("-")[0]) or {}
        return (known.get(msgid) or msgid).format(**facts)

    def text(self, msgid: str, /, **facts: object) -> Text:
        """One sentence in every language. A fact that is itself a Text is said in the language of the sentence.

        Sentences without facts, of which a face has a dozen, are put together once.
        """
        if facts:
            return self._text(msgid, facts)
        plain = self._plain.get(msgid)
        if plain is None:
            plain = self._plain[msgid] = self._text(msgid, facts)
        return plain

    def _text(self, msgid: str, facts: Mapping[str, object]) -> Text:
        return Text(tuple((language, self.said(language, msgid, **_in(language, facts))) for language in self.languages))


def _in(language: str, facts: Mapping[str, object]) -> dict[str, object]:
    return {name: fact.said(language) if isinstance(fact, Text) else fact for name, fact in facts.items()}
