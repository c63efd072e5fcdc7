"""Coverage-guided fuzzing of the fast decoder, compiled and with numba's bounds checks on.

    python -m tests.fuzz.scanner --seconds 600

Atheris (libFuzzer) follows the branches of the general decoder, which is plain Python and reads the same grammar;
every input goes through both, and they must agree in every column and every rejection. A record sits alone at the end
of its buffer, so that one byte too many is an IndexError. What breaks it is printed and kept in the corpus directory.
Needs the extra ``fuzz`` (Linux).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import FunctionType

from monitor.events import general, values

MAX_BYTES = 2_048
_CHILD = "DRIFTLINE_FUZZ_CHILD"
WORDS = (
    '"v":1', '"guardrail":"g"', '"score":', '"threshold":', '"score_semantics":"inverted"',
    '"time":"2026-01-01T00:00:00Z"', '"text":"', '"rules":["', '"labels":{"', '"fingerprint":"0123456789abcdef"',
    '"status":"timeout"', '"refusal":true',
    "\\u00e9", "\\ud83d\\ude00", "\\ud83d", "1e-5", "0.12345678901234567", "null", "{}", "[[", "\\\\", '\\"',
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzz the fast decoder against the general one.")
    parser.add_argument("--seconds", type=int, default=60, help="how long (default: 60)")
    parser.add_argument("--corpus", type=Path, help="inputs to start from and add to (default: a new directory)")
    options = parser.parse_args()
    if _CHILD in os.environ:
        _fuzz(options.corpus, options.seconds)
    with tempfile.TemporaryDirectory() as scratch:
        corpus = options.corpus or Path(scratch) / "corpus"
        corpus.mkdir(parents=True, exist_ok=True)
        # Code compiled with and without the checks must not be mixed up: a cache of its own.
        environment = os.environ | {_CHILD: "1", "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": f"{scratch}/numba"}
        command = [sys.executable, "-m", __spec__.name, "--seconds", str(options.seconds), "--corpus", str(corpus)]
        return subprocess.run(command, env=environment, check=False).returncode


def _fuzz(corpus: Path, seconds: int) -> None:
    import atheris  # noqa: PLC0415 - an optional part

    from tests.unit.events.blocks import block_of, comparable, new_decoder  # noqa: PLC0415
    from tests.unit.events.fuzz_bounds import SEEDS  # noqa: PLC0415

    for module in (general, values):  # compiled functions are of another type, and stay as they are
        for function in vars(module).values():
            if isinstance(function, FunctionType) and function.__module__ == module.__name__:
                atheris.instrument_func(function)

    def agree(value: bytes) -> None:
        block = block_of([value])
        fast, general_ = new_decoder().decode(block), new_decoder().decode_general(block)
        assert fast.rejected == general_.rejected, (value, fast.rejected, general_.rejected)
        assert comparable(fast.batch) == comparable(general_.batch), value

    for seed in SEEDS:
        agree(seed)  # compiles before the clock runs
    (corpus / "seed-0").write_bytes(SEEDS[0])
    (corpus / "seed-1").write_bytes(SEEDS[1])
    dictionary = corpus.parent / "words"
    dictionary.write_text("".join(f'"{_escaped(word)}"\n' for word in WORDS))
    arguments = [f"-max_total_time={seconds}", f"-max_len={MAX_BYTES}", f"-dict={dictionary}", "-timeout=10"]
    atheris.Setup([sys.argv[0], *arguments, f"-artifact_prefix={corpus}/", str(corpus)], agree)
    atheris.Fuzz()


def _escaped(word: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word.encode())


if __name__ == "__main__":
    sys.exit(main())
