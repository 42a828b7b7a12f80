import random
import unicodedata
from typing import Any

import pytest
from counter_cafe import outcome
from hypothesis import example, given
from hypothesis import strategies as st

from passes import codes
from passes.codes import ALPHABET, Code, Number
from passes.problems import MistypedCode, Problem, UnknownCode

FOREIGN = "AEU"
LOOKS_LIKE = {"0": "oO", "1": "iIlL", "5": "sS", "2": "zZ", "8": "bB"}


def minted(seed: int = 1) -> str:
    return codes.mint(random.Random(seed).choice)


def every_character_everywhere(length: int) -> list[str]:
    """Codes in which each character of the alphabet stands at each place at least once."""
    draw = random.Random(length).choice
    mint = codes.mint if length == codes.CODE_LENGTH else codes.mint_number
    missing = {(place, char) for place in range(length) for char in ALPHABET}
    found = []
    while missing:
        code = mint(draw)
        if fresh := missing & set(enumerate(code)):
            missing -= fresh
            found.append(code)
    return found


def word(typed: str, **known: Any) -> str:
    with pytest.raises(Problem) as refusal:
        codes.read(typed, **known)
    return refusal.value.word


@pytest.mark.parametrize("length", [codes.CODE_LENGTH, codes.NUMBER_LENGTH])
def test_every_single_wrong_character_is_caught_at_every_place(length: int) -> None:
    for code in every_character_everywhere(length):
        for place, right in enumerate(code):
            for wrong in ALPHABET + FOREIGN:
                if wrong != right:
                    assert word(code[:place] + wrong + code[place + 1 :]) == "mistyped_code", (code, place, wrong)


@pytest.mark.parametrize("length", [codes.CODE_LENGTH, codes.NUMBER_LENGTH])
def test_two_different_neighbours_swapped_are_always_caught(length: int) -> None:
    """Not only in the codes that happen to be drawn: after every beginning, every pair of the alphabet."""
    for code in every_character_everywhere(length)[:12]:
        for place in range(length - 1):
            for left in ALPHABET:
                for right in ALPHABET:
                    one = code[:place] + left + right + code[place + 2 :]
                    other = code[:place] + right + left + code[place + 2 :]
                    if left != right and codes._checks(one):
                        assert word(other) == "mistyped_code", (one, other)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_code_with_two_characters_swapped_anywhere_is_caught(seed: int, where: int) -> None:
    code = minted(seed)
    one, other = sorted(random.Random(where).sample(range(len(code)), 2))
    swapped = list(code)
    swapped[one], swapped[other] = swapped[other], swapped[one]
    if code[one] != code[other]:
        assert word("".join(swapped)) == "mistyped_code"


@st.composite
def sloppy(draw: st.DrawFn) -> tuple[str, str]:
    code = minted(draw(st.integers(0, 10**6)))
    typed = ""
    for char in code:
        forms = [char, char.lower(), chr(ord(char) + 0xFEE0), *LOOKS_LIKE.get(char, "")]
        typed += draw(st.sampled_from(forms)) + draw(st.sampled_from(["", "", "", "-", " ", "–", ".", "\u00a0", "\u200b", "\t"]))
    return code, draw(st.sampled_from(["", " ", "\n", "\\000026", "]Q1", "]Q1\\000026"])) + typed


@given(sloppy())
def test_any_case_spaces_dashes_full_width_and_look_alikes_read_back(case: tuple[str, str]) -> None:
    code, typed = case
    assert codes.read(typed) == Code(code)


@pytest.mark.parametrize("seed", range(20))
def test_a_vietnamese_keyboard_left_on_reads_back(seed: int) -> None:
    draw = random.Random(seed)
    code = codes.mint(lambda _: draw.choice("DW7"))
    assert codes.read(code.replace("DD", "đ").replace("W", "ư")) == Code(code)
    assert codes.read(unicodedata.normalize("NFD", code.replace("DD", "Đ").replace("W", "Ư"))) == Code(code)


def test_what_is_shown_reads_back_with_and_without_its_prefix() -> None:
    code, number = minted(), codes.mint_number(random.Random(1).choice)
    assert codes.read(codes.group(code)) == Code(code)
    assert codes.read(codes.group(code, "COFFEE"), prefixes=("TEA", "COFFEE")) == Code(code, "COFFEE")
    assert codes.read(codes.joined(code, "COFFEE"), prefixes=("TEA", "COFFEE")) == Code(code, "COFFEE")
    assert codes.read(code, prefixes=("COFFEE",)) == Code(code)
    assert codes.read(codes.group(number)) == Number(number)
    assert [len(part) for part in codes.group(code).split("-")] == [3, 3, 3]
    assert [len(part) for part in codes.group(number).split("-")] == [4, 4, 4]


@pytest.mark.parametrize("typed", ["c0ffee", "C0FFEE", "Coffee", "ＣＯＦＦＥＥ", "cof-fee"])
def test_a_prefix_is_read_as_it_looks(typed: str) -> None:
    assert codes.read(f"{typed}-{minted()}", prefixes=("COFFEE",)) == Code(minted(), "COFFEE")


def test_of_two_prefixes_that_look_alike_the_one_that_was_written_is_meant() -> None:
    for prefix in ("SOUP", "50UP"):
        assert codes.read(prefix + minted(), prefixes=("50UP", "SOUP")) == Code(minted(), prefix)


def test_a_prefix_of_another_shop_makes_an_unknown_code() -> None:
    assert word("TEA" + minted(), prefixes=("COFFEE",)) in {"unknown_code", "mistyped_code"}
    assert word("CAKES" + minted(), prefixes=("COFFEE",)) == "unknown_code"
    assert word("BAGELS" + minted(), prefixes=("COFFEE",)) == "unknown_code"
    assert word("COFFEES" + minted(), prefixes=("COFFEE",)) == "unknown_code"


def test_a_wrong_character_after_a_prefix_is_mistyped_not_unknown() -> None:
    code = minted()
    wrong = code[:4] + next(char for char in ALPHABET if char != code[4]) + code[5:]
    assert word("COFFEE-" + wrong, prefixes=("COFFEE",)) == "mistyped_code"


def test_no_card_number_can_be_taken_for_a_code_with_a_prefix() -> None:
    """A prefix of 3 and a code of 9 are as long as a number: such a prefix has a letter that numbers do not have."""
    assert codes.ambiguous("CDF")
    assert codes.ambiguous("SOB")  # looks like 508
    assert not any(codes.ambiguous(prefix) for prefix in ("", "TEA", "CDFG", "CAFE", "COFFEE", "50"))
    for number in every_character_everywhere(codes.NUMBER_LENGTH):
        assert codes.read(number, prefixes=("TEA", "COFFEE", "")) == Number(number)


@pytest.mark.parametrize(
    "typed", ["", " ", "---", "K7Q", "K7QM4XR", "K7QM4XRT3K", "https://example.com/x", "hello there", "9" * 65, "🎉" * 9]
)
def test_what_cannot_be_a_code_is_unknown(typed: str) -> None:
    assert word(typed) == "unknown_code"


def test_one_character_from_elsewhere_is_a_mistake_and_two_are_another_thing() -> None:
    assert word("E" + minted()[1:]) == "mistyped_code"
    assert word("EA" + minted()[2:]) == "unknown_code"


def test_a_till_may_have_codes_of_64_characters() -> None:
    assert codes.read("7" * codes.LONGEST, imported=True) == Code("7" * codes.LONGEST)
    assert word("7" * (codes.LONGEST + 1), imported=True) == "unknown_code"


def test_a_code_of_the_till_is_looked_up_as_it_is_before_it_is_called_mistyped() -> None:
    code = minted()
    wrong = code[:-1] + next(char for char in ALPHABET if char != code[-1])
    assert codes.read("till 0001", imported=True) == Code("TILL0001")
    assert codes.read(wrong, imported=True) == Code(wrong, mistyped=True)
    assert codes.read("SO-LUCKY", imported=True) == Code("SOLUCKY")


def test_a_code_of_the_till_that_looks_minted_is_found_under_its_own_text() -> None:
    code = next(code for code in (minted(seed) for seed in range(99)) if "0" in code)
    number = codes.mint_number(random.Random(1).choice)
    assert codes.read(code.replace("0", "O"), imported=True) == Code(code, also=code.replace("0", "O"))
    assert codes.read(number, imported=True) == Number(number, also=number)
    assert codes.read(f"TEA-{code}", prefixes=("TEA",), imported=True) == Code(code, "TEA", also=f"TEA{code}")


def test_an_imported_code_is_shown_and_scanned_as_the_till_knows_it() -> None:
    assert codes.group("TILL0001", "COFFEE") == "TILL0001"
    assert codes.joined("TILL0001", "COFFEE") == "TILL0001"


def test_codes_are_drawn_only_by_the_given_chance_and_have_no_vowels() -> None:
    asked: list[str] = []

    def pick(alphabet: str) -> str:
        asked.append(alphabet)
        return alphabet[len(asked) * 5 % len(alphabet)]

    code = codes.mint(pick)
    assert set(asked) == {ALPHABET}
    assert len(asked) % (codes.CODE_LENGTH - 1) == 0  # a check character from outside the alphabet: drawn again as a whole
    assert set(code) <= set(ALPHABET)
    assert not set(ALPHABET) & set("AEIOULSZB")
    assert codes.read(code) == Code(code)


def test_minted_codes_are_spread_over_the_whole_alphabet() -> None:
    drawn = [minted(seed) for seed in range(2000)]
    assert len(set(drawn)) == len(drawn)
    assert all({code[place] for code in drawn} == set(ALPHABET) for place in range(codes.CODE_LENGTH))


@given(st.text(max_size=300))
@example("\x00" * 9)
@example("\ud800")
@example("ﷺ" * 60)
@example("ß" * 40)
def test_any_text_is_a_code_or_one_of_two_refusals(typed: str) -> None:
    for imported in (False, True):
        read = outcome(codes.read, typed, prefixes=("COFFEE",), imported=imported)
        if isinstance(read, Problem):
            assert isinstance(read, MistypedCode | UnknownCode)
        else:
            assert 0 < len(read.value) <= codes.LONGEST
            assert imported or set(read.value) <= set(ALPHABET)


def test_cleaning_what_is_clean_changes_nothing_in_all_of_unicode() -> None:
    """Imported codes are stored clean; were the printed one cleaned into something else, it would be unknown."""
    known = [chr(number) for number in range(0x110000) if unicodedata.category(chr(number)) not in {"Cn", "Co", "Cs"}]
    for at in range(0, len(known), 3):
        try:
            once = codes.clean("".join(known[at : at + 3]))
        except UnknownCode:
            continue
        assert codes.clean(once) == once


@given(st.text(max_size=40))
def test_cleaning_twice_is_cleaning_once(typed: str) -> None:
    try:
        once = codes.clean(typed)
    except UnknownCode:
        return
    assert codes.clean(once) == once
