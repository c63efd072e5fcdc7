"""Two real guardrails and a language identifier, loaded once, offline, from installed packages.

- ``prompt-injection``: logistic regression over tf-idf of word 1- to 4-grams (`prompt-guardrail`, Apache-2.0).
  The score is P(injection), the second column of `predict_proba`. The package's own `detect()` reports the
  confidence in the predicted label instead, which folds around one half and hides a crowded threshold.
- ``toxicity``: calibrated linear SVM over tf-idf (`alt-profanity-check`, MIT).
- language: naive Bayes over byte n-grams (`py3langid`, BSD-3); its model is an npz without pickles.

A pickle runs code when it is loaded, so its bytes are compared with the SHA-256 of the release that was reviewed,
and those very bytes are then unpickled: nothing can be exchanged in between.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.demo.corpus import CHATTERBOT_LANGUAGES
from monitor.demo.packages import package_folder, package_version
from monitor.errors import DriftlineError

Scorer = Callable[[Sequence[str]], NDArray[np.float64]]

# scikit-learn warns when a pickle comes from another release of its own. Exactly this one is expected; tests hold
# the loaded model against sigmoid(w.x + b), computed from its coefficients by hand. Any other still surfaces.
_KNOWN_VERSION_GAP = (
    r"Trying to unpickle estimator (LogisticRegression|TfidfTransformer|TfidfVectorizer) from version 1\.7\.2 "
)


@dataclass(frozen=True, slots=True)
class Artefact:
    """One pickle inside an installed package, and the SHA-256 of the reviewed release's bytes."""

    package: str
    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class GuardrailSource:
    """Place of a guardrail's vectorizer and model, and its name in events."""

    name: str
    category: str
    distribution: str
    threshold: float
    vectorizer: Artefact
    model: Artefact


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A loaded guardrail.

    Attributes:
        version: version of the package that carries the model.
        threshold: a score at or above it is denied; the package's own decision rule.
        score: texts to P(unsafe), one float in 0..1 a text.
    """

    name: str
    category: str
    version: str
    threshold: float
    score: Scorer


PROMPT_INJECTION = GuardrailSource(
    name="prompt-injection",
    category="prompt_injection",
    distribution="prompt-guardrail",
    threshold=0.5,
    vectorizer=Artefact(
        package="guardify",
        path="models/ig_ip_vectorizer.pkl",
        sha256="483027fae4da25ac1e97c0670b465dd227c1005f3802e27d84ebbd01f6138a09",
    ),
    model=Artefact(
        package="guardify",
        path="models/lg_ip_guardrails.pkl",
        sha256="60c59ed6f6f9fafc6193ae7b895517ac751c0a29eec7b80ea9e1fc3cfbeba795",
    ),
)
TOXICITY = GuardrailSource(
    name="toxicity",
    category="toxicity",
    distribution="alt-profanity-check",
    threshold=0.5,
    vectorizer=Artefact(
        package="profanity_check",
        path="data/vectorizer.joblib",
        sha256="19c5200dc6a41f026e0558e2f164f5fe8d8f58e502b46b37e4385037fcfa4831",
    ),
    model=Artefact(
        package="profanity_check",
        path="data/model.joblib",
        sha256="aeafc04849d4d93db4721cf30a86ebf22085595294b8a07d51918e7fa98f538b",
    ),
)


class ArtefactRefused(DriftlineError):  # noqa: N818 - named for the reaction
    """A pickle is not the reviewed one, so it was not loaded."""


def verified_bytes(artefact: Artefact, *, folder: Path) -> bytes:
    """The artefact's bytes, after comparison with its SHA-256.

    Raises:
        ArtefactRefused: the file is missing or its hash differs.
    """
    file = folder / artefact.path
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise ArtefactRefused(f"package {artefact.package!r} carries no {artefact.path}") from None
    found = hashlib.sha256(content).hexdigest()
    if found != artefact.sha256:
        raise ArtefactRefused(
            f"{artefact.package}/{artefact.path} has SHA-256 {found}, expected {artefact.sha256}: not unpickled; "
            "reinstall the demo's packages from a source that you trust"
        )
    return content


def load_guardrail(source: GuardrailSource) -> Guardrail:
    """Check, then unpickle, one guardrail.

    Raises:
        DemoPackageMissing: its package is not installed.
        ArtefactRefused: a pickle is not the reviewed one.
    """
    contents = [
        verified_bytes(artefact, folder=package_folder(artefact.package))
        for artefact in (source.vectorizer, source.model)
    ]
    vectorizer, model = (_unpickle(content) for content in contents)

    def score(texts: Sequence[str]) -> NDArray[np.float64]:
        if not texts:
            return np.empty(0)
        unsafe: NDArray[np.float64] = model.predict_proba(vectorizer.transform(texts))[:, 1]
        return unsafe

    return Guardrail(
        name=source.name,
        category=source.category,
        version=package_version(source.distribution),
        threshold=source.threshold,
        score=score,
    )


def load_guardrails() -> tuple[Guardrail, Guardrail]:
    """``prompt-injection`` and ``toxicity``, in this order. Raises as `load_guardrail`."""
    return load_guardrail(PROMPT_INJECTION), load_guardrail(TOXICITY)


def load_language_identifier() -> Callable[[str], str]:
    """A function from a text to its ISO 639-1 code, one of the corpus's languages.

    Raises:
        DemoPackageMissing: `py3langid` is not installed.
    """
    package_folder("py3langid")
    from py3langid import langid  # noqa: PLC0415 - an optional package

    identifier = langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE)
    identifier.set_languages(sorted(set(CHATTERBOT_LANGUAGES.values())))

    def language(text: str) -> str:
        return str(identifier.classify(text)[0])

    return language


def _unpickle(content: bytes) -> Any:
    import joblib  # noqa: PLC0415 - an optional package, there once the model's package is
    from sklearn.exceptions import InconsistentVersionWarning  # noqa: PLC0415 - as above

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=_KNOWN_VERSION_GAP, category=InconsistentVersionWarning)
        return joblib.load(io.BytesIO(content))
