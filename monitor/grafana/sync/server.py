"""A Grafana over HTTP, by grafana-api, with what that client does not know: empty answers, the /apis, our errors.

A reply without a body (204 after a DELETE) breaks the client's parser, and so does an error in HTML. Redirects are
not followed and proxies of the environment not used, so that the token goes to the host of the settings alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from grafana_api.grafana_api import GrafanaAPI, GrafanaException

from monitor.errors import DriftlineError, TryAgain
from monitor.incidents.words import plain

LONGEST_MESSAGE: Final = 300
_LATER: Final = frozenset({408, 425, 429})
ADMIN_HINT: Final = "; the token must be that of a service account with the role Admin"


class GrafanaUnavailable(TryAgain):
    """Grafana does not answer, or asks to come back later."""


class GrafanaRefused(DriftlineError):  # noqa: N818 - named for the situation
    """Grafana answers, and refuses."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class ProvisionedElsewhere(GrafanaRefused):
    """The object belongs to file provisioning (or another tool), and only that may change it."""


class Server:
    """One Grafana."""

    def __init__(self, url: str, token: str, *, timeout_s: float, ca_file: str | None = None) -> None:
        parts = urlsplit(url)
        self.host = parts.hostname or ""
        prefix = parts.path.strip("/")
        self._api = GrafanaAPI(
            token,
            host=self.host if ":" not in self.host else f"[{self.host}]",
            port=parts.port,
            url_path_prefix=f"{prefix}/" if prefix else "",
            protocol=parts.scheme,
            verify=ca_file or True,
            timeout=timeout_s,
        )
        self._api.s.trust_env = False
        self._api.s.max_redirects = 0
        self._api.s.hooks["response"].append(_readable)
        self._base: str = self._api.url

    def get(self, path: str) -> Any:
        """The answer; None where there is no such thing.

        Raises:
            GrafanaUnavailable, GrafanaRefused: there is no answer, or another one.
        """
        try:
            return self.call("GET", path)
        except GrafanaRefused as error:
            if error.status == 404:
                return None
            raise

    def call(self, method: str, path: str, document: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        """One request to ``path``, which begins with /api or /apis.

        Raises:
            ProvisionedElsewhere: the object belongs to file provisioning.
            GrafanaUnavailable, GrafanaRefused: there is no answer, or Grafana says no.
        """
        place = f"{self.host}{path.partition('?')[0]}"
        self._api.url = self._base.removesuffix("/api")
        try:
            return getattr(self._api, method)(path, json=document, headers=headers)
        except GrafanaException as error:
            raise _refusal(error, place) from error
        except requests.exceptions.JSONDecodeError as error:
            raise GrafanaRefused(
                f"{place}: answers with something that is not JSON; is this Grafana?", status=0
            ) from error
        except requests.exceptions.TooManyRedirects as error:
            raise GrafanaRefused(
                f"{place}: redirects, which are not followed; give the final address in grafana.url", status=0
            ) from error
        except requests.exceptions.RequestException as error:
            raise GrafanaUnavailable(f"{place}: {type(error).__name__}") from error


def _refusal(error: GrafanaException, place: str) -> DriftlineError:
    status = int(error.status_code)
    said = plain(str(error.message), longest=LONGEST_MESSAGE)
    if "provenance" in said.lower():
        return ProvisionedElsewhere(f"{place}: {said}", status=status)
    if status >= 500 or status in _LATER:
        return GrafanaUnavailable(f"{place}: {said}")
    hint = ADMIN_HINT if status in (401, 403) else ""
    return GrafanaRefused(f"{place}: {said}{hint}", status=status)


def _readable(response: requests.Response, **_: Any) -> None:
    """The answer in the one form that the client reads.

    What has no body means "done, nothing to say"; the client would take it for broken JSON. An error that is no JSON
    object (a page of HTML, of Grafana or of a proxy before it) would break its search for the message.
    """
    if response.status_code < 400:
        if not response.is_redirect and not response.content:
            response._content = b"null"
        return
    try:
        document = response.json()
    except ValueError:
        document = response.text
    if not (isinstance(document, dict) and isinstance(document.get("message"), str)):
        said = plain(str(document), longest=LONGEST_MESSAGE) or "no reason given"
        response._content = json.dumps({"message": said}).encode()
