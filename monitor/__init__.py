"""Driftline: watches the guardrails around LLM products and says, early and within a budget, that one drifts."""

__version__ = "0.1.0"
