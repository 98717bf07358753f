"""The proxies that the environment sets for HTTP clients (httpx takes them from there)."""

import os
import re
from urllib.parse import urlsplit

from ketune.runtime import StageError

_VARIABLES = {"all_proxy", "http_proxy", "https_proxy"}
_SCHEMES = {"http", "https", "socks5", "socks5h"}


def proxy_variables() -> list[str]:
    """The environment variables that set a proxy."""
    return [name for name in sorted(os.environ) if name.lower() in _VARIABLES and os.environ[name]]


def check_proxies() -> None:
    """Raise StageError naming the variable whose proxy no client can use."""
    for name in proxy_variables():
        if problem := url_problem(os.environ[name], _SCHEMES):  # it may hold a password
            raise StageError(
                f"{name}: {problem}; set it to a proxy, as http://host:3128 or socks5://host:1080, "
                "or unset it"
            )


def url_problem(url: str, schemes: set[str]) -> str:
    """Why no client can connect to a URL, without the URL; "" when one can. `host:port` is http."""
    if re.search("[^!-~]", url):
        return "it holds a space, a line end or a character that is not ASCII"
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        _ = parts.port
    except ValueError as error:
        return f"it is no URL ({error})"
    if parts.scheme.lower() not in schemes:
        return f"its scheme {parts.scheme} is none of {', '.join(sorted(schemes))}"
    return "" if parts.hostname else "it names no host"
