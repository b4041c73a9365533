"""Control characters that a reader sees."""

import pytest

from obs_core.text.controls import visible, visible_lines
from obs_core.text.masking import MASK, forget_secret_values, register_secret_value


def test_every_control_character_is_seen_and_told_from_others() -> None:
    codes = [*range(0x21), *range(0x7F, 0xA0), 0xAD, 0x200B, 0x200E, 0x202E, 0x2066, 0x2069, 0xFEFF, 0x2028, 0x2029]
    texts = [visible(chr(code)) for code in codes]
    assert len(set(texts)) == len(texts) == 75
    assert all(text.isprintable() and text for text in texts)


def test_other_text_stays_as_it_is() -> None:
    assert visible("Zürich – 5\u00a0€, 東京") == "Zürich – 5\u00a0€, 東京"


def test_line_ends_of_windows_are_one_mark() -> None:
    assert visible("a\r\nb\tc\0") == "a↵b⇥c␀"


def test_spaces_are_marked_where_they_stand_first_or_last() -> None:
    assert [visible(text) for text in (" a", "a  ", "  ", "a b", "")] == ["␠a", "a␠␠", "␠␠", "a b", ""]


def test_joiners_stay_since_words_and_emoji_need_them() -> None:
    assert visible("👩\u200d🔬") == "👩\u200d🔬"


def test_lines_keep_their_breaks_tabs_and_spaces() -> None:
    assert visible_lines(" a\r\n\tb\x1b[0m\u202ec ") == " a\n\tb␛[0m\\u202ec "


@pytest.mark.parametrize("secret", ["hunter2abc\tsecret99", "hunter2abc\nsecret99def", "hunter2abc\x1bsecret99"])
def test_a_secret_that_holds_a_control_character_is_masked_before_that_is_shown(secret: str) -> None:
    register_secret_value(secret)
    try:
        assert visible(f"key {secret}.") == visible_lines(f"key {secret}.") == f"key {MASK}."
    finally:
        forget_secret_values()
