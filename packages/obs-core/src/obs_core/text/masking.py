"""Blank out secret values in text, in every form in which they usually get there.

A value is looked for as it is and as URLs, HTML, JSON, Python's `repr`, CSV, shells and base64 write it, also mixed.
Most of its characters are the same in all of them: their longest stretch, the *anchor*, is looked for first,
which passes over megabytes in milliseconds. Only where it occurs does a regular expression look closely. Where each
character is written as a number (hexadecimal, ``%73``, ``&#115;``), the whole is looked for as one text.

A secret is often the first thing that a program asks for, and nothing says that a file can still be opened then: what
writes JSON and URLs here imports nothing.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator
from heapq import merge
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any

from obs_core.locks import new_lock

if TYPE_CHECKING:
    import re

__all__ = [
    "MASK",
    "SHORTEST_MASKED",
    "forget_secret_values",
    "mask",
    "mask_value",
    "masked_name",
    "masked_text",
    "masks_anything",
    "register_secret_value",
]

MASK = "***"
"""What stands in place of a secret."""

SHORTEST_MASKED = 4
"""Shorter values are not masked: they would blank out half of every report."""

_SHORTEST_LINE = 16
_SHORTEST_PIECE = 6
_LINE_BREAK = r"(?:\r?\n[ \t]*|(?:\\r)?\\n)?"  # in mail and PEM files, indented in YAML, escaped in JSON
_LINE = 60  # base64 is broken after 60, 64 or 76 digits
_LONGEST_FORM = 40  # characters that one of a secret's may take, such as "&amp;amp;#x22;"
_MOST_PIECES = 1_000
_DEEPEST = 64
_CP1252 = dict(enumerate("€�‚ƒ„…†‡ˆ‰Š‹Œ�Ž��‘’“”•–—˜™š›œ�žŸ", 0x80))  # noqa: RUF001 (that is what they are)
"""What Windows shows in place of Latin-1's control characters; a codec's name would make Python import the codec."""
_LONGEST_INT = 8_000  # bits; Python refuses to write much longer ones in decimal
_COMMON = "0 123456789etaoinshrdlcumfpgwybvk"  # the most common first
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_BASE64_DIGITS = frozenset(_LETTERS + "+/-_")
_NEVER_ESCAPED = frozenset(_LETTERS)
_SAFE_IN_URLS = frozenset(f"{_LETTERS}_.-~".encode())
_JSON_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}

_values: set[str] = set()
sought: dict[str, tuple[_Needle, ...]] = {}
"""What to look for, by the rarest character that each of them holds: a text without it has none of them."""
_lock = new_lock()


def masks_anything() -> bool:
    """Tell whether any secret value is known in this process."""
    return bool(sought)


def register_secret_value(value: str) -> bool:
    """Mask a value from now on in everything that obs writes in this process and in processes forked from it.

    A value of several lines (a PEM key) is masked as a whole, and so are its lines of 16 or more characters.

    Args:
        value: The secret itself.

    Returns:
        False when the value is too short to be masked (under 4 characters).

    Examples:
        >>> register_secret_value("k9-very-secret")
        True
        >>> mask("token=k9-very-secret")
        'token=***'
    """
    global sought
    if len(value) < SHORTEST_MASKED:
        return False
    with _lock:
        if value not in _values:
            _values.add(value)
            needles = dict(sought)
            for needle in _needles_of(value):
                needles[needle.gate] = (*needles.get(needle.gate, ()), needle)
            sought = needles
    return True


def forget_secret_values() -> None:
    """Mask nothing any more: for tests that start from a clean process."""
    global sought
    with _lock:
        _values.clear()
        sought = {}


def mask(text: str) -> str:
    """Replace every registered secret in a text by ``***``.

    Args:
        text: Any text: a span's name, a whole HTML page.

    Returns:
        The text itself when it holds no secret.
    """
    if not sought:
        return text
    found = [needle for gate, needles in sought.items() if gate in text for needle in needles if needle.may_be_in(text)]
    if len(found) == 1 and found[0].stands_alone:
        return found[0].blanked(text)
    if len(found) == 1:
        return _blanked(text, found[0].spans(text))
    return _blanked(text, merge(*(needle.spans(text) for needle in found)))


def masked_text(text: str, longest: int, mark: str = "") -> str:
    """Return no more than the beginning of a text, masked before it is cut: half of a secret would be known to nobody.

    Args:
        text: Any text.
        longest: How many characters are kept at most.
        mark: What stands at the end in place of the rest, within them.

    Examples:
        >>> masked_text("too long to be a name", 8, "…")
        'too lon…'
    """
    text = mask(text)
    return text if len(text) <= longest else f"{text[: longest - len(mark)]}{mark}"


def masked_name(name: str, longest: int) -> str:
    """Return a name, masked and cut as a text is; two that differ beyond the cut still differ, by a digest at the end.

    Args:
        name: Such as that of a metric.
        longest: How many characters are kept at most.
    """
    if len(name) <= longest and not sought:
        return name
    name = mask(name)
    if len(name) <= longest:
        return name
    from hashlib import sha256

    return f"{name[: longest - 9]}…{sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def mask_value(value: Any) -> Any:
    """Replace every registered secret in a value of dicts, lists, tuples, sets, texts, bytes and integers.

    Args:
        value: Such as the attributes of a span. Objects of other types are left as they are.

    Returns:
        The same object when it holds no secret, else a copy with ``***`` in the secrets' places. An integer
        whose digits hold a secret becomes a text.
    """
    return _masked(value, _DEEPEST) if sought else value


class _Needle:
    """One value to look for, in all the ways in which it may be written.

    Args:
        text: The value.
        written: Gives the ways in which one of its characters may be written.
        before: Whether a base64 digit before it holds some of the secret's bits.
        after: Whether one after it does.
        padded: Whether base64 padding may follow.
    """

    __slots__ = (
        "_after",
        "_before",
        "_overlaps",
        "_padded",
        "_pattern",
        "_period",
        "_pieces",
        "_text",
        "_written",
        "anchor",
        "gate",
    )

    def __init__(
        self,
        text: str,
        written: Callable[[str], Iterable[str]],
        *,
        before: bool = False,
        after: bool = False,
        padded: bool = False,
    ) -> None:
        self.anchor = text if written is _as_it_is else _anchor_of(text)
        self.gate = max(self.anchor, key=lambda char: _COMMON.find(char) % 99, default="")
        self._text = text
        self._written = written
        self._before = before
        self._after = after
        self._padded = padded
        self._period, self._overlaps = _period_of(text)
        self._pieces = _unbroken_pieces(self.anchor) if padded else ()
        self._pattern: re.Pattern[str] | None = None

    @property
    def stands_alone(self) -> bool:
        """Whether its occurrences neither overlap nor take in what is beside them."""
        return not (self._overlaps or self._before or self._after or self._padded)

    def may_be_in(self, text: str) -> bool:
        """Tell whether a text is worth a close look."""
        if self.anchor in text:
            return True
        return bool(self._pieces) and ("\n" in text or "\\n" in text) and any(piece in text for piece in self._pieces)

    def may_be_in_bytes(self, value: bytes) -> bool:
        """The same for the bytes of a text."""
        return any(piece.encode() in value for piece in (self.anchor, *self._pieces))

    def blanked(self, text: str) -> str:
        """Replace its occurrences, which stand alone."""
        if self._period < len(self._text):
            return _blanked(text, map(_span_of, self._compiled().finditer(text)))
        text = text.replace(self._text, MASK)  # many times faster, where nothing more is left to be found
        return self._compiled().sub(MASK, text) if self.anchor in text else text

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where the value stands in a text, in the order in which its occurrences begin; they may overlap."""
        pattern = self._compiled()
        if not self._overlaps:
            for match in pattern.finditer(text):
                yield self._widened(text, *match.span())
            return
        found = pattern.search(text)
        while found:
            yield self._widened(text, *found.span())
            # One that begins within what was found may end beyond it, if the value begins as it ends.
            again = max(found.start() + 1, found.end() - _LONGEST_FORM * len(self._text))
            found = pattern.search(text, again)

    def _compiled(self) -> re.Pattern[str]:
        if self._pattern is None:  # compiled when first needed: a PEM key has a hundred patterns
            self._pattern = _pattern_of(self._text, self._written, self._period, wrapped=self._padded)
        return self._pattern

    def _widened(self, text: str, start: int, end: int) -> tuple[int, int]:
        """Take in the neighbouring base64 digits that hold bits of the secret."""
        if self._before and start and text[start - 1] in _BASE64_DIGITS:
            start -= 1
        if self._after and end < len(text) and text[end] in _BASE64_DIGITS:
            end += 1
        while self._padded and end < len(text) and text[end] == "=":
            end += 1
        return start, end


def _span_of(match: re.Match[str]) -> tuple[int, int]:
    return match.span()


def _blanked(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Put `MASK` in the place of spans, which are given in the order in which they begin."""
    parts: list[str] = []
    between: list[str] = []
    reached = 0
    for start, end in spans:
        if start >= reached:
            between.append(text[reached:start])
            if len(between) > _MOST_PIECES:  # joined now and then: many short strings take more memory than the text
                parts.append(MASK.join(between))
                between = []
            reached = end
        elif end > reached:
            reached = end
    if not reached:
        return text
    between.append(text[reached:])
    parts.append(MASK.join(between))
    return MASK.join(parts)


def _masked(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict | list | tuple | set | frozenset):
        return _masked_inside(value, depth - 1) if depth else MASK
    if isinstance(value, bytes):
        return _masked_bytes(value)
    if isinstance(value, int) and value.bit_length() <= _LONGEST_INT:
        digits = str(int(value))
        return value if mask(digits) is digits else mask(digits)
    return value


def _masked_bytes(value: bytes) -> bytes:
    if not any(needle.may_be_in_bytes(value) for needles in sought.values() for needle in needles):
        return value  # decoded, an array of a gigabyte would take several
    text = value.decode("utf-8", "surrogateescape")
    return value if mask(text) is text else mask(text).encode("utf-8", "surrogateescape")


def _masked_inside(value: Any, depth: int) -> Any:
    """Mask a container's parts; it stays the same object when none of them changes."""
    old = list(chain.from_iterable(value.items())) if isinstance(value, dict) else list(value)
    new = [_masked(part, depth) for part in old]
    if all(after is before for after, before in zip(new, old, strict=True)):
        return value
    if isinstance(value, dict):
        return dict(zip(new[::2], new[1::2], strict=True))
    plain = next(kind for kind in (list, tuple, set, frozenset) if isinstance(value, kind))
    return plain(new)


def _needles_of(value: str) -> Iterator[_Needle]:
    whole, *lines = _parts_of(value)
    for part in dict.fromkeys((whole, *_composed(whole), whole.strip())):
        yield _Needle(part, _written_in_text)
        for digits, before, after in _in_base64(part):
            yield _Needle(digits, _written_in_base64, before=before, after=after, padded=True)
        for spelled in _spelled_out(part):
            yield _Needle(spelled, _as_it_is)
    for line in lines:
        yield _Needle(line, _written_in_text)


def _spelled_out(text: str) -> dict[str, None]:
    """Give the ways of writing each character, or byte, as a number, each once."""
    raw = _bytes_of(text)
    lower = [raw.hex(), raw.hex(" "), raw.hex(":")]
    lower += ("".join(f"{mark}{byte:02x}" for byte in raw) for mark in ("%", "\\x"))
    lower += ("".join(f"&#x{ord(char):x};" for char in text), "".join(f"\\u{ord(char):04x}" for char in text))
    upper = (form.upper().replace("\\X", "\\x").replace("\\U", "\\u").replace("&#X", "&#x") for form in lower)
    others = (
        "".join(f"&#{ord(char)};" for char in text),
        "".join(f"\\{byte:03o}" for byte in raw),
        ", ".join(map(str, raw)),
        _bytes_of(text, codecs.utf_16_le_encode).hex(),
        "\0".join(text),  # UTF-16 that was read as bytes
    )
    return dict.fromkeys((*lower, *upper, *others))


def _parts_of(value: str) -> list[str]:
    """The value, and its long lines when it has several."""
    lines = [line.strip() for line in value.splitlines()]
    return [value, *dict.fromkeys(line for line in lines if len(line) >= _SHORTEST_LINE and len(lines) > 1)]


def _composed(text: str) -> Iterator[str]:
    """Other ways of composing the same letters from accents, as file systems and browsers do."""
    if not text.isascii():
        from unicodedata import normalize

        yield from (normalize("NFC", text), normalize("NFD", text))


def _in_base64(text: str) -> Iterator[tuple[str, bool, bool]]:
    """The digits that stay whatever is around the secret, for each of its three places in a base64 text.

    Together with whether a digit before, and one after it, holds some of its bits. What was encoded may be a JSON text
    that holds it, or be in the encodings that Windows uses.
    """
    from msgspec.json import encode  # it writes bytes as base64

    raw = _bytes_of(text)
    raws = (
        raw,
        _bytes_of(_as_json(text)),
        _bytes_of(text, codecs.utf_16_le_encode),
        text.encode("latin-1", "replace"),
    )
    for raw in dict.fromkeys(raws):
        for shift in range(3):
            bits = 8 * (shift + len(raw))
            first, last = -(-8 * shift // 6), bits // 6
            yield encode(bytes(shift) + raw).decode()[1:-1][first:last], shift > 0, bits % 6 > 0


def _anchor_of(text: str) -> str:
    """The longest stretch of characters that stand as they are in every form."""
    kept = "".join(char if char in _NEVER_ESCAPED else " " for char in text)
    return max(kept.split(), key=len, default="")


def _period_of(text: str) -> tuple[int, bool]:
    """Return by how many characters a text can be shifted to lie on itself (its length, if it cannot).

    And whether it can by another number too, which is no multiple.
    Source: Knuth, Morris, Pratt, "Fast pattern matching in strings", 1977.
    """
    borders = [0] * len(text)
    border = 0
    for place in range(1, len(text)):
        while border and text[place] != text[border]:
            border = borders[border - 1]
        border += text[place] == text[border]
        borders[place] = border
    period = len(text) - borders[-1]
    border = borders[-1]
    while border:
        if (len(text) - border) % period:
            return period, True
        border = borders[border - 1]
    return period, False


def _unbroken_pieces(anchor: str) -> tuple[str, ...]:
    """Return parts of base64 digits of which one is whole however lines of sixty digits or more break them."""
    count = 2 if len(anchor) < _LINE else 4
    length = len(anchor) // count
    if length < _SHORTEST_PIECE:
        return ()
    return tuple(anchor[number * length : (number + 1) * length] for number in range(count))


def _pattern_of(
    text: str, written: Callable[[str], Iterable[str]], period: int, *, wrapped: bool = False
) -> re.Pattern[str]:
    """Compile what finds a value, and with it the occurrences that follow it at its own period: `0000` in zeros."""
    import re  # a few milliseconds, which `import obs_core` shall not cost

    if wrapped:  # by mail and PEM files, which break lines
        whole = _LINE_BREAK.join(_run_pattern(char, 1, written) for char in text)
    else:
        whole = _runs_pattern(text, written)
    if period < len(text):
        whole += f"(?:{_runs_pattern(text[-period:], written)})*+"
    return re.compile(whole)


def _runs_pattern(text: str, written: Callable[[str], Iterable[str]]) -> str:
    return "".join(_run_pattern(char, len(list(run)), written) for char, run in groupby(text))


def _as_it_is(char: str) -> set[str]:
    return {char}


def _run_pattern(char: str, length: int, written: Callable[[str], Iterable[str]]) -> str:
    """Match one character, or several equal ones, however they are written."""
    from re import escape

    if char in _NEVER_ESCAPED:
        return escape(char) * length
    forms = sorted(map(escape, set(written(char))), key=len, reverse=True)
    if char != "\\":
        # The first stands by itself: so `re` knows with what a match may begin, and passes over the rest of a text.
        one = f"(?:{'|'.join(forms)})"
        return one if length == 1 else f"{one}{one}{{{length - 1}}}"
    # Backslashes are all written alike, and the longest reading is right: without keeping to it, a backslash
    # before an escaped quote could be read in two ways, and a failing match would try all combinations.
    return f"(?>{'|'.join(f'(?:{form}){{{length}}}' for form in forms)})"


def _written_in_base64(digit: str) -> set[str]:
    return {"+": {"+", "-", "%2B", "%2b"}, "/": {"/", "_", "%2F", "%2f"}}.get(digit, {digit})


def _written_in_text(char: str) -> set[str]:
    plain = {char, *_in_url(char), *_in_json(char), *_in_repr(char), *_in_code(char)}
    if char == "\n":
        plain.add("\r\n")
    if char == " ":
        plain |= {"\xa0", "&nbsp;", "&#160;"}
    for _ in range(2):  # JSON in JSON, a repr of a repr
        plain |= {form for each in plain if each in "'\"" or "\\" in each for form in _escaped_again(each)}
    if char not in _LETTERS:
        plain |= {_quoted(form) for form in (*_in_html(char), *_in_json(char))}
    named = {form for each in plain for form in _in_html(each)}
    for _ in range(2):  # a document in an attribute
        named |= {form.replace("&", "&amp;") for form in named if "&" in form}
    return named | {f"&#{ord(char)};", f"&#x{ord(char):x};", f"&#x{ord(char):X};"}


def _escaped_again(form: str) -> Iterator[str]:
    """As a `repr` or JSON writes an escape, between quotes of either kind."""
    yield from _in_json(form)
    doubled = form.replace("\\", "\\\\")
    yield from (doubled, doubled.replace("'", "\\'"))


def _in_code(char: str) -> Iterator[str]:
    """As CSV and SQL double it, shells and Markdown escape it, mail and wrong encodings write it."""
    if char in "'\"":
        yield char * 2
    if char == "'":
        yield from ("'\"'\"'", "'\\''")
    if not char.isalnum():
        yield f"\\{char}"
    if not char.isascii():
        yield _bytes_of(char).decode("latin-1")
        yield _bytes_of(char).decode("latin-1").translate(_CP1252)
        yield char.encode("ascii", "namereplace").decode()
    yield "".join(f"={byte:02X}" for byte in _bytes_of(char))


def _in_url(text: str) -> Iterator[str]:
    codes = "".join(f"%{byte:02x}" for byte in _bytes_of(text))
    for code in (codes, codes.upper()):
        yield from (code, code.replace("%", "%25"), code.replace("%", "%2525"))
    if text == " ":
        yield "+"


def _quoted(text: str) -> str:
    """Write a text as `urllib.parse.quote` does that takes no character for safe."""
    return "".join(chr(byte) if byte in _SAFE_IN_URLS else f"%{byte:02X}" for byte in _bytes_of(text))


def _as_json(text: str, ascii_only: bool = True) -> str:
    """Write a text as `json.dumps` does, without the quotes around it."""
    return "".join(_json_character(char, ascii_only) for char in text)


def _json_character(char: str, ascii_only: bool) -> str:
    if char in _JSON_ESCAPES:
        return _JSON_ESCAPES[char]
    if " " <= char <= "~" or (char > "~" and not ascii_only):
        return char
    units = codecs.utf_16_be_encode(char, "surrogatepass")[0].hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _in_json(char: str) -> Iterator[str]:
    yield _as_json(char)
    yield _as_json(char, ascii_only=False)
    if len(char) == 1 and ord(char) < 0x10000:
        yield f"\\u{ord(char):04x}"
        yield f"\\u{ord(char):04X}"
    if char == "/":
        yield "\\/"


def _in_repr(char: str) -> Iterator[str]:
    yield from (repr(char)[1:-1], ascii(char)[1:-1], repr(_bytes_of(char))[2:-1])
    if char in "'\"":
        yield f"\\{char}"


def _in_html(text: str) -> Iterator[str]:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    yield text
    yield escaped
    for quotes in (("&quot;", "&#x27;"), ("&#34;", "&#39;"), ("&#x22;", "&apos;")):
        yield escaped.replace('"', quotes[0]).replace("'", quotes[1])


def _bytes_of(text: str, encode: Callable[[str, str], tuple[bytes, int]] = codecs.utf_8_encode) -> bytes:
    """Encode by a function of Python's own: a codec's name makes it import, which may fail in a deleted folder."""
    try:
        return encode(text, "surrogateescape")[0]  # undecodable bytes of an environment variable come back
    except UnicodeEncodeError:
        return encode(text, "surrogatepass")[0]
