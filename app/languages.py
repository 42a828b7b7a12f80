"""The catalogue: templates/locale/*.po, read at start (there is no .mo step), for pages, passes and Google alike."""

from functools import lru_cache
from pathlib import Path

from babel.messages.pofile import read_po

from passes.words import Words


@lru_cache
def load(folder: Path) -> Words:
    """The words of every ``<language>.po`` in a folder, read once. Raises ValueError naming what a translator has not finished."""
    return Words({path.stem: _translations(path) for path in sorted(folder.glob("*.po"))})


def _translations(path: Path) -> dict[str, str]:
    with path.open("rb") as file:
        entries = [entry for entry in read_po(file, locale=path.stem, abort_invalid=True) if entry.id]
    unfinished = [str(entry.id) for entry in entries if entry.fuzzy or not entry.string or not isinstance(entry.id, str)]
    if unfinished:
        raise ValueError(f"{path}: not translated, fuzzy, or plural (which we do not use): {'; '.join(unfinished)}")
    return {str(entry.id): str(entry.string) for entry in entries}
