"""Driftline: watches the guardrails around LLM products and reports drift early, within a false-alarm budget."""

__version__ = "0.1.0"
