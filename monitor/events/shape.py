"""Shape of a text without its meaning: its script, and its disorder.

Both are read off the UTF-8 bytes at the border, just before the text is dropped.

*Script*: the writing system of its letters, by the blocks of 64 code points that the Unicode Standard hands out.

*Disorder*: unusual pairs of neighbouring characters among 64 bytes, at the worst place of the text. Pairs are
unusual where writing hardly ever has them: two different marks in a row, a capital inside of a word, letters
against digits or behind a mark, a mark behind a space, a Cyrillic or Greek letter behind an ASCII one (look-
alikes). Suffixes that an optimiser made, base64 and other encodings are full of them, prose has hardly any; and
unlike the entropy of its characters, disorder does not grow with a text's length. The worst place counts, so that a
suffix cannot hide behind a long prompt.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import njit
from monitor.events.batch import Script

WINDOW: Final = 64
"""Bytes: a published suffix has some 80, so one window of 64 is at least half filled by it."""
_MIXED: Final = 4
"""Mixed is a text of whose letters, in bytes, more than one in four is of another script than most. Bytes, since a
Han character of three says as much as three Latin letters."""
_SCRIPTS: Final = len(Script)
_NO_LETTER: Final = 255

_LOWER, _UPPER, _DIGIT, _SPACE, _OPENING, _MARK, _OTHER, _LOOKALIKE = range(8)
"""Kinds of bytes. Opening are the marks that stand before or inside of words; other is the rest of UTF-8."""


def _kinds() -> NDArray[np.uint8]:
    table = np.full(256, _MARK, np.uint8)
    table[:0x21] = _SPACE
    table[0x30:0x3A] = _DIGIT
    table[0x41:0x5B] = _UPPER
    table[0x61:0x7B] = _LOWER
    for mark in b"'-\"(":
        table[mark] = _OPENING
    table[0x80:] = _OTHER
    table[0xCE:0xD4] = _LOOKALIKE  # the lead bytes of Greek and Cyrillic
    return table


def _odd_pairs() -> np.uint64:
    """Bit 8 * first + second of two kinds of bytes that are an unusual pair."""
    odd = [(_LOWER, _UPPER), (_SPACE, _MARK), (_MARK, _MARK), (_MARK, _OPENING), (_OPENING, _MARK)]
    odd += [(_MARK, _LOWER), (_MARK, _UPPER), (_LOWER, _LOOKALIKE), (_UPPER, _LOOKALIKE)]
    odd += [(_LOWER, _DIGIT), (_DIGIT, _LOWER), (_UPPER, _DIGIT), (_DIGIT, _UPPER)]
    return np.uint64(sum(1 << (8 * first + second) for first, second in odd))


def _blocks() -> NDArray[np.uint8]:
    """The script of the letters in each block of 64 code points of the basic plane."""
    table = np.full(1024, Script.other, np.uint8)
    for script, first, last in (
        (_NO_LETTER, 0x0080, 0x00BF),  # Latin-1's marks
        (Script.latin, 0x00C0, 0x02BF),
        (_NO_LETTER, 0x02C0, 0x033F),  # modifiers and combining accents
        (Script.greek, 0x0340, 0x03FF),
        (Script.cyrillic, 0x0400, 0x053F),
        (Script.hebrew, 0x05C0, 0x05FF),
        (Script.arabic, 0x0600, 0x06FF),
        (Script.arabic, 0x0740, 0x077F),
        (Script.arabic, 0x0880, 0x08FF),
        (Script.devanagari, 0x0900, 0x097F),
        (Script.cjk, 0x1100, 0x11FF),  # Hangul
        (Script.latin, 0x1D00, 0x1EFF),
        (Script.greek, 0x1F00, 0x1FFF),
        (_NO_LETTER, 0x2000, 0x2BFF),  # marks, arrows, boxes, symbols
        (_NO_LETTER, 0x2E00, 0x2E7F),
        (Script.cjk, 0x2E80, 0x9FFF),
        (_NO_LETTER, 0x3000, 0x303F),
        (Script.latin, 0xA700, 0xA7FF),
        (Script.cjk, 0xA940, 0xA97F),
        (Script.cjk, 0xAC00, 0xD7FF),
        (_NO_LETTER, 0xD800, 0xF8FF),  # surrogates and private use
        (Script.cjk, 0xF900, 0xFAFF),
        (Script.arabic, 0xFB40, 0xFDFF),
        (_NO_LETTER, 0xFE00, 0xFE3F),
        (Script.cjk, 0xFE40, 0xFE7F),
        (Script.arabic, 0xFE80, 0xFEFF),
        (Script.cjk, 0xFF00, 0xFFFF),  # full and half width
    ):
        table[first >> 6 : (last >> 6) + 1] = script
    return table


_KIND: Final = _kinds()
_ODD: Final = _odd_pairs()
_BLOCK: Final = _blocks()
_LETTERS: Final = np.uint64(1 << _LOWER | 1 << _UPPER)
_BEYOND: Final = np.uint64(1 << _OTHER | 1 << _LOOKALIKE)
_LATIN: Final = int(Script.latin)
_NONE: Final = int(Script.none)
_MIXTURE: Final = int(Script.mixed)
_CJK: Final = int(Script.cjk)
_ELSE: Final = int(Script.other)


@njit(cache=True, nogil=True)
def measure(buffer, start, end):  # type: ignore[no-untyped-def]
    """(code of :class:`Script`, disorder 0 to 64) of the UTF-8 text ``buffer[start:end]``."""
    seen = np.uint64(0)
    worst = np.uint64(0)
    before, byte_before = np.uint64(_SPACE), np.uint8(0x20)
    at = start
    while at < end:
        odd = np.uint64(0)
        stop = min(at + WINDOW, end)
        for i in range(np.uint64(at), np.uint64(stop)):
            byte = buffer[i]
            kind = np.uint64(_KIND[byte])
            seen |= np.uint64(1) << kind
            pair = (_ODD >> (before << np.uint64(3) | kind)) & np.uint64(1)
            odd += pair & np.uint64(byte != byte_before)  # "..." and "!!" are no disorder
            before, byte_before = kind, byte
        worst = max(worst, odd)
        at = stop
    if seen & _BEYOND == np.uint64(0):
        script = _LATIN if seen & _LETTERS != np.uint64(0) else _NONE
    else:
        script = _script(buffer, start, end)
    return script, np.int64(worst)


@njit(cache=True, nogil=True)
def _script(buffer, start, end):  # type: ignore[no-untyped-def]
    """The script of a text that is not all ASCII: of most of its letters, in bytes."""
    letters = np.zeros(_SCRIPTS, np.int64)
    at = start
    while at < end:
        lead = np.int64(buffer[at])
        if lead < 0x80:
            letters[_LATIN] += (_KIND[lead] == _LOWER) | (_KIND[lead] == _UPPER)
            at += 1
            continue
        size = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
        if at + size > end:
            break
        if size == 4:
            second = np.int64(buffer[at + 1])
            # F0 9F: emoji; F0 A0 and on: rare Han; the rest: old scripts, styled letters
            emoji, han = lead == 0xF0 and second == 0x9F, lead == 0xF0 and second >= 0xA0
            script = np.int64(_NO_LETTER if emoji else _CJK if han else _ELSE)
        elif size == 3:
            script = np.int64(_BLOCK[(lead & 0x0F) << 6 | (np.int64(buffer[at + 1]) & 0x3F)])
        else:
            script = np.int64(_BLOCK[lead & 0x1F])
        if script != _NO_LETTER:
            letters[script] += size
        at += size
    total = letters.sum()
    if total == 0:
        return _NONE
    most = np.argmax(letters)
    return np.int64(most) if (total - letters[most]) * _MIXED <= total else _MIXTURE
