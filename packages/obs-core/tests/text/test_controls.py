"""Control characters that a reader sees."""

from obs_core.text.controls import visible, visible_lines


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
