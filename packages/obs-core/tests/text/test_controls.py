"""Control characters that a reader sees."""

from obs_core.text.controls import visible


def test_every_control_character_but_a_carriage_return_is_seen_and_told_from_others() -> None:
    codes = [*range(0x20), *range(0x7F, 0xA0)]
    texts = [visible(chr(code)) for code in codes if chr(code) != "\r"]
    assert len(set(texts)) == len(texts) == 64
    assert all(text.isprintable() and text for text in texts)


def test_other_text_stays_as_it_is() -> None:
    assert visible("Zürich – 5\u00a0€, 東京") == "Zürich – 5\u00a0€, 東京"


def test_line_ends_of_windows_are_one_mark() -> None:
    assert visible("a\r\nb\tc\0") == "a↵b⇥c␀"
