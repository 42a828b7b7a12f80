import ast
import functools
import re
import string
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import normalize, read_po
from jinja2 import Environment, nodes

import app.problems  # noqa: F401 (its problems are subclasses too)
from app.languages import load
from app.web.explained import meaning
from passes.problems import Problem
from passes.words import Text, Words, text

ROOT = Path(__file__).parents[2]
CATALOGUES = sorted((ROOT / "templates/locale").glob("*.po"))


@functools.cache
def trees() -> dict[Path, ast.Module]:
    """What is written in each file of the house."""
    return {
        path: ast.parse(path.read_text(encoding="utf-8"))
        for part in ("passes", "app")
        for path in sorted((ROOT / part).rglob("*.py"))
        if "migrations" not in path.parts
    }


def problems(of: type[Problem] = Problem) -> Iterator[type[Problem]]:
    for one in of.__subclasses__():
        yield one
        yield from problems(one)


PROBLEMS = {one.__name__: one for one in problems()}


def named(node: ast.AST, *names: str) -> bool:
    """Whether this is a call of one of these names, however the module is called that it comes from."""
    if not isinstance(node, ast.Call):
        return False
    return getattr(node.func, "id", getattr(node.func, "attr", None)) in names


def said() -> Iterator[tuple[str, str, set[str]]]:
    """Every sentence in t("…") of a template, where it stands, and which facts it is given; in say.count(n, "…", "…") both of them.

    What Python hands to a template (``t(problem.title)``) is marked there; a sentence is never put together.
    """
    for path in sorted((ROOT / "templates/pages").glob("*.html")):
        for call in Environment(autoescape=True).parse(path.read_text(encoding="utf-8")).find_all(nodes.Call):
            if isinstance(call.node, nodes.Getattr) and call.node.attr == "count" and getattr(call.node.node, "name", "") == "say":
                where, given = f"{path.relative_to(ROOT)}:{call.lineno}", {keyword.key for keyword in call.kwargs}
                _, one, many = (getattr(each, "value", "") for each in call.args)
                assert facts(one) <= facts(many) - {"n"}, f"{where}: one of it is said with what many of it are"
                yield one, where, facts(one)
                yield many, where, given | {"n"}
            elif isinstance(call.node, nodes.Name) and call.node.name == "t":
                where = f"{path.relative_to(ROOT)}:{call.lineno}"
                assert len(call.args) == 1, where
                (sentence,) = call.args
                handed = isinstance(sentence, nodes.Name | nodes.Getattr | nodes.Getitem)
                assert handed or isinstance(sentence, nodes.Const), f"{where}: only a written-out sentence can be translated"
                if isinstance(sentence, nodes.Const):
                    yield str(sentence.value), where, {keyword.key for keyword in call.kwargs}


def marked() -> dict[str, str]:
    """Every sentence in N_("…"), or in t("…") of a template, and what each problem means; and where it stands."""
    found = {sentence: where for sentence, where, _ in said()}
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and named(node, "N_"):
                where = f"{path.relative_to(ROOT)}:{node.lineno}"
                assert len(node.args) == 1, where
                assert isinstance(node.args[0], ast.Constant), f"{where}: only a written-out sentence can be translated"
                found.setdefault(str(node.args[0].value), where)
    for problem in PROBLEMS.values():
        found.setdefault(meaning(problem), f"what {problem.__name__} means")
    return found


def catalogue(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=path.stem, abort_invalid=True)


def facts(sentence: str) -> set[str]:
    """The names in braces. Nothing may be asked of a fact but how to format it."""
    names = {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}
    assert all(name.isidentifier() for name in names), sentence
    return names


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.stem)
def test_every_sentence_of_the_house_is_translated_and_nothing_else(path: Path) -> None:
    known = catalogue(path)
    translated = {str(entry.id) for entry in known if entry.id}
    sentences = marked()
    assert [f"{where}: {sentence}" for sentence, where in sentences.items() if sentence not in translated] == []
    assert sorted(translated - set(sentences)) == []
    assert list(known.obsolete) == []
    assert [entry.id for entry in known if entry.id and (entry.fuzzy or not entry.string)] == []


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.stem)
def test_a_translation_says_the_same_facts_and_ends_as_the_sentence_does(path: Path) -> None:
    for entry in catalogue(path):
        if entry.id:
            english, said = str(entry.id), str(entry.string)
            assert facts(english) == facts(said), english
            assert said == said.strip(), english
            assert (english[-1] in ".?") == (said[-1] in ".?"), english


def test_a_template_gives_every_sentence_the_facts_that_it_says_and_no_others() -> None:
    assert [(where, sentence) for sentence, where, given in said() if facts(sentence) != given] == []


def test_vietnamese_is_one_of_our_languages_and_english_needs_no_catalogue() -> None:
    assert load(ROOT / "templates/locale").languages == ("en", "vi")


def test_every_sentence_can_be_said_with_its_facts() -> None:
    words = load(ROOT / "templates/locale")
    for sentence in marked():
        given = dict.fromkeys(facts(sentence), datetime(2026, 11, 20, tzinfo=UTC))
        for language in words.languages:
            assert words.said(language, sentence, **given)


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_a_problem_documents_the_facts_that_its_sentences_need(problem: type[Problem]) -> None:
    documented = problem.__doc__ or ""
    _, _, listed = documented.partition("Facts:")
    listed = re.sub(r"\([^)]*\)", "", listed).partition(".")[0]
    known = {name.strip() for name in listed.split(",")} - {""}
    needed = facts(problem.sentence) | facts(problem.say) | set(problem.spoken)
    assert needed <= known


def test_who_raises_a_problem_gives_it_the_facts_that_its_sentences_need() -> None:
    for path, tree in trees().items():
        for node in ast.walk(tree):
            where = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Call) and named(node, *PROBLEMS):
                problem = PROBLEMS[getattr(node.func, "id", getattr(node.func, "attr", ""))]
                given = {keyword.arg: keyword.value for keyword in node.keywords}
                assert facts(problem.sentence) | facts(problem.say) <= set(given), where
                for name in problem.spoken:
                    assert named(given[name], "N_") or isinstance(given[name], ast.Name), f"{where}: {name} is not a marked sentence"
            if isinstance(node, ast.Raise) and node.exc is not None:
                called = {id(call.func) for call in ast.walk(node.exc) if isinstance(call, ast.Call)}
                for bare in ast.walk(node.exc):
                    if isinstance(bare, ast.Name) and bare.id in PROBLEMS and id(bare) not in called:
                        assert not facts(PROBLEMS[bare.id].sentence) | facts(PROBLEMS[bare.id].say), where


# --- Reading a catalogue ---


def written(folder: Path, body: str) -> Path:
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
    (folder / "vi.po").write_text(head + body, encoding="utf-8")
    return folder


def test_a_finished_catalogue_is_read(tmp_path: Path) -> None:
    words = load(written(tmp_path, 'msgid "{n} stamps"\nmsgstr "{n} dấu"\n'))
    assert words.said("vi", "{n} stamps", n=3) == words.said("vi-VN", "{n} stamps", n=3) == "3 dấu"
    assert words.said("en", "{n} stamps", n=3) == words.said("fr", "{n} stamps", n=3) == "3 stamps"


@pytest.mark.parametrize(
    "body",
    [
        'msgid "Points"\nmsgstr ""\n',
        '#, fuzzy\nmsgid "Points"\nmsgstr "Điểm"\n',
        'msgid "{n} point"\nmsgid_plural "{n} points"\nmsgstr[0] "{n} điểm"\n',
    ],
    ids=["missing", "fuzzy", "plural"],
)
def test_an_unfinished_catalogue_is_refused_by_name(tmp_path: Path, body: str) -> None:
    with pytest.raises(ValueError, match=r"vi\.po.*oint"):
        load(written(tmp_path, body))


# --- Words ---


def test_a_fact_in_several_languages_is_said_in_the_language_of_the_sentence() -> None:
    words = Words({"vi": {"Used: {title}": "Đã dùng: {title}"}})
    assert words.text("Used: {title}", title=text(en="Coffee", vi="Cà phê")) == text(en="Used: Coffee", vi="Đã dùng: Cà phê")


def test_a_text_is_said_in_the_nearest_language_that_it_has() -> None:
    both, only = text(en="Coffee", vi="Cà phê"), text(fr="Café", it="Caffè")
    assert [both.said(language) for language in ("vi", "vi-VN", "en-GB", "de", "")] == ["Cà phê", "Cà phê", "Coffee", "Coffee", "Coffee"]
    assert [only.said(language) for language in ("it", "fr-CA", "en")] == ["Caffè", "Café", "Café"]
    with pytest.raises(ValueError, match="language"):
        Text(())


def test_a_fact_is_never_taken_for_a_sentence() -> None:
    words = Words({"vi": {"Hello {name}": "Chào {name}", "Points": "Điểm"}})
    assert words.said("vi", "Hello {name}", name="{name} Points {0}") == "Chào {name} Points {0}"
    assert words.said("vi", "Hello {name}", name="Points", language="x", msgid="y") == "Chào Points"


def renew(path: Path) -> None:
    """Put sentences that a catalogue lacks at its end, and say which of its own nobody says any more."""
    translated, sentences = {str(entry.id) for entry in catalogue(path)}, marked()
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f'\nmsgid {normalize(one, width=1000)}\nmsgstr ""\n' for one in sentences if one not in translated)
    for one in sorted(translated - set(sentences) - {""}):
        print(f"{path.relative_to(ROOT)}: nobody says any more: {one}")  # noqa: T201 (who asks for it reads it)


if __name__ == "__main__":
    for each in CATALOGUES:
        renew(each)
