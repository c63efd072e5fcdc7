"""Identifiers of known attack techniques that an incident may be consistent with; a person sets them at triage.

A drift is not an attack: these are candidates. MITRE ATLAS data version 5.6 (dist/ATLAS.yaml), OWASP Top 10 for LLM
applications 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

ATLAS_VERSION: Final = "5.6"
OWASP_YEAR: Final = 2026
CANDIDATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "AML.T0015": "Evade AI Model",
        "AML.T0018": "Manipulate AI Model",
        "AML.T0020": "Poison Training Data",
        "AML.T0024.002": "Extract AI Model",
        "AML.T0029": "Denial of AI Service",
        "AML.T0031": "Erode AI Model Integrity",
        "AML.T0040": "AI Model Inference API Access",
        "AML.T0042": "Verify Attack",
        "AML.T0043.001": "Black-Box Optimization",
        "AML.T0043.003": "Manual Modification",
        "AML.T0046": "Spamming AI System with Chaff Data",
        "AML.T0048.003": "User Harm",
        "AML.T0051": "LLM Prompt Injection",
        "AML.T0054": "LLM Jailbreak",
        "AML.T0056": "Extract LLM System Prompt",
        "AML.T0057": "LLM Data Leakage",
        "AML.T0063": "Discover AI Model Outputs",
        "AML.T0065": "LLM Prompt Crafting",
        "AML.T0068": "LLM Prompt Obfuscation",
        "AML.T0093": "Prompt Infiltration via Public-Facing Application",
        "LLM01:2026": "Prompt Injection",
        "LLM02:2026": "Sensitive Information Disclosure",
        "LLM03:2026": "Excessive Agency",
        "LLM04:2026": "Supply Chain",
        "LLM05:2026": "Data and Model Poisoning",
        "LLM06:2026": "Unbounded Consumption",
        "LLM07:2026": "Misinformation",
        "LLM08:2026": "Hidden Context Exposure",
        "LLM09:2026": "Vector and Embedding Weaknesses",
        "LLM10:2026": "Improper Output Handling",
    }
)
