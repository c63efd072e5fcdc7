"""The API against its own OpenAPI document: no 500, no answer that the document does not state, for every role."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.access.model import Role
from monitor.access.rate import RateLimit
from tests.web.site import Place, copy_of, place

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
NO_LIMIT = {"burst": 1_000_000, "per_minute": 1_000_000.0}


def asked(built: Place, role: Role, *, examples: int) -> subprocess.CompletedProcess[str]:
    """Requests by the document, right ones and wrong ones."""
    program = shutil.which("schemathesis", path=os.path.dirname(sys.executable)) or "schemathesis"
    return subprocess.run(
        [
            program,
            "run",
            f"{built.address}/api/v1/openapi.json",
            f"--url={built.address}",
            f"--header=Authorization: Bearer {built.token(role)}",
            f"--checks={CHECKS}",
            f"--max-examples={examples}",
            "--phases=examples,coverage,fuzzing",
            "--exclude-path=/events",
            "--seed=1",
            "--suppress-health-check=all",
            "--request-timeout=20",
            "--no-color",
        ],
        capture_output=True,
        text=True,
        timeout=1_800,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")},
        cwd=Path(__file__).parent,
    )


@pytest.mark.slow
@pytest.mark.parametrize("role", Role, ids=[role.value for role in Role])
def test_what_the_api_answers_stands_in_its_document(told: Path, tmp_path: Path, role: Role) -> None:
    with place(copy_of(told, tmp_path), limits=RateLimit(**NO_LIMIT)) as built:
        done = asked(built, role, examples=20)
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
