"""Who may come in: the settings of a page's address, and the answer to each request before the page sees it.

Bound to loopback, everybody on this machine may; on any other address one must bring the token. Names and origins are
checked on both: a page of a foreign site in the person's own browser (cross-site requests, DNS rebinding) is on
loopback too.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket
import ssl
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from hil_serl_ros.settings import SettingError, setting, validate

LEAST_TOKEN = 12  # characters: ten tries a minute for a year are five million
TRIES = 10  # wrong tokens of one address within WINDOW, then it has to wait
WINDOW = 60.0  # s
ADDRESSES = 1000  # remembered at once
LOOPBACK_NAMES = ("localhost", "localhost.localdomain", "ip6-localhost")


@dataclass
class GateSettings:
    host: str = setting("127.0.0.1", "Address that the page listens on; any but loopback needs the token.")
    port: int = setting(8080, "Port of the page; 0 takes a free one.", minimum=0, maximum=65535)
    token: str = setting("", "What a visitor must bring; empty makes one where it is needed, and prints it.")
    certificate: str = setting("", "File with the TLS certificate (PEM); empty for a page without TLS.")
    key: str = setting("", "File with the key of the TLS certificate (PEM).")
    names: list[str] = setting([""], "Further names of this machine by which the page is opened.")


@dataclass(frozen=True)
class Visit:
    """One request or websocket handshake; names of headers in lower case, a repeated header joined by commas."""

    path: str
    client: str  # address of the visitor
    headers: Mapping[str, str]
    query: str = ""
    method: str = "GET"
    websocket: bool = False


@dataclass(frozen=True)
class Answer:
    """What a visit that does not pass is told: HTTP status, one sentence (200: the path to go on to), headers."""

    status: int
    sentence: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Tries:
    """Counts wrong tokens by address; too many, and the address waits."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def spent(self, address: str) -> bool:
        """Whether ``address`` has to wait."""
        times = self._wrong.get(address)
        while times and self.clock() - times[0] > WINDOW:
            times.popleft()
        return times is not None and len(times) >= TRIES

    def wrong(self, address: str) -> None:
        """Count a wrong token of ``address``."""
        self._wrong.setdefault(address, deque(maxlen=TRIES)).append(self.clock())
        self._wrong.move_to_end(address)
        while len(self._wrong) > ADDRESSES:
            self._wrong.popitem(last=False)


class Gate:
    """Decides on each request and each websocket; see :class:`~hil_serl_ros.console.guard.Guard` for the middleware.

    Raises:
        SettingError: the token is too short, or the TLS files cannot be used; one sentence.
    """

    def __init__(self, settings: GateSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self.settings = validate(settings)
        self.loopback = _is_loopback(settings.host)
        self.tls = bool(settings.certificate or settings.key)
        if self.tls:
            check_tls(settings.certificate, settings.key)
        if settings.token and len(settings.token) < LEAST_TOKEN:
            raise SettingError(f"token is too short; the least allowed is {LEAST_TOKEN} characters")
        self.token = settings.token or ("" if self.loopback else secrets.token_urlsafe(24))
        self.port = settings.port  # the one listened on, once it is known
        self.tries = Tries(clock)
        self.refused = 0  # requests that did not pass
        self._pass = secrets.token_urlsafe(32)  # value of the cookie: cannot be guessed, ends with the process
        names = {name.lower() for name in settings.names if name}
        self._names = {*LOOPBACK_NAMES, *names}
        if not self.loopback:
            own = socket.gethostname().lower()
            self._names |= {own, f"{own}.local"}

    @property
    def address(self) -> str:
        """Where a person opens the page, token included."""
        host = self.settings.host
        if host in ("0.0.0.0", "::", ""):
            host = socket.gethostname()
        host = f"[{host}]" if ":" in host else host
        query = f"/?{urlencode({'token': self.token})}" if self.token else ""
        return f"http{'s' if self.tls else ''}://{host}:{self.port}{query}"

    @property
    def warning(self) -> str:
        """What a person should know about this address; empty if nothing."""
        if self.loopback or self.tls:
            return ""
        return (
            f"the page listens on {self.settings.host} without TLS: token and pictures can be read on the network;"
            " give certificate and key"
        )

    def check(self, visit: Visit) -> Answer | None:
        """None if ``visit`` may pass, else what it is told (a right token in the address is told where to go on)."""
        answer = self._check_sender(visit) or self._check_token(visit)
        self.refused += answer is not None and answer.status >= 400
        return answer

    # -------------------- where it comes from --------------------
    def _check_sender(self, visit: Visit) -> Answer | None:
        host = visit.headers.get("host", "").lower()
        if not self._is_ours(host):
            # A name of our own choosing or a bare address cannot be rebound to us by a foreign name server.
            return Answer(403, "This machine does not go by that name; open the address that was printed at the start.")
        origin = visit.headers.get("origin")
        if origin is None:
            foreign = visit.websocket or not _may_lack_origin(visit)
        else:
            foreign = origin.lower().partition("://")[2] != host
        return Answer(403, "This request comes from another site's page; it was refused.") if foreign else None

    def _is_ours(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return name in self._names or _is_address(name)

    # -------------------- who sends it --------------------
    def _check_token(self, visit: Visit) -> Answer | None:
        if not self.token:
            return None
        query = parse_qsl(visit.query, keep_blank_values=True)
        given = next((value for name, value in query if name == "token"), None)
        scheme, _, bearer = visit.headers.get("authorization", "").partition(" ")
        if given is None and scheme.lower() == "bearer":
            given = bearer.strip()
        if given is None:
            if _same(_cookie(visit.headers.get("cookie", ""), self._cookie_name), self._pass):
                return None
            return Answer(401, "Open this page once with the token: add ?token=... as printed at the start.")
        if self.tries.spent(visit.client):
            return Answer(429, f"Too many wrong tokens; wait {WINDOW:.0f} seconds.")
        if not _same(given, self.token):
            self.tries.wrong(visit.client)
            return Answer(401, "That token is wrong; the right one was printed at the start.")
        if visit.websocket or visit.method != "GET" or bearer:
            return None
        rest = urlencode([(name, value) for name, value in query if name != "token"])
        target = "/" + quote(visit.path.lstrip("/")) + (f"?{rest}" if rest else "")
        cookie = f"{self._cookie_name}={self._pass}; HttpOnly; SameSite=Strict; Path=/" + "; Secure" * self.tls
        return Answer(200, target, {"set-cookie": cookie, "cache-control": "no-store"})

    @property
    def _cookie_name(self) -> str:
        # Cookies do not know ports: two pages of one machine would take each other's.
        return f"hil_serl_{self.port}"


def check_tls(certificate: str, key: str) -> None:
    """Refuse TLS files that cannot be used.

    Raises:
        SettingError: naming the file.
    """
    for name, file in (("certificate", certificate), ("key", key)):
        if not file:
            raise SettingError(f"{name} is missing; TLS needs certificate and key")
        try:
            with open(file, "rb"):
                pass
        except OSError as error:
            raise SettingError(f"{name} {file} cannot be read ({error.strerror})") from None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, ValueError, TypeError, OSError):
        raise SettingError(f"certificate {certificate} and key {key} are no pair of PEM files for TLS") from None


def _may_lack_origin(visit: Visit) -> bool:
    """Whether a request without an origin is not a foreign page's: a tool's, the page's own, or a link to the page."""
    site = visit.headers.get("sec-fetch-site", "none")
    link = visit.method == "GET" and visit.headers.get("sec-fetch-mode") == "navigate"
    return site in ("none", "same-origin") or link


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), right.encode())


def _cookie(header: str, name: str) -> str:
    try:
        morsel = SimpleCookie(header).get(name)
    except CookieError:
        return ""
    return morsel.value if morsel else ""
