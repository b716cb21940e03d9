"""The gate as ASGI middleware: what may not pass is answered here, and bodies have a limit."""

from __future__ import annotations

import html

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hil_serl_ros.console.gate import Answer, Gate, Visit

LARGEST_BODY = 1_000_000  # bytes of a request
LARGEST_FRAME = 64 * 1024  # bytes of a websocket message; the server closes the socket with code 1009
TOO_LARGE = Answer(413, f"The request is larger than {LARGEST_BODY // 1000} kB.")

# The page is no part of another page (a hidden frame under a foreign button), and its address goes nowhere.
PROTECTION = {
    "content-security-policy": "frame-ancestors 'none'",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


class Guard:
    """Lets through to ``app`` what ``gate`` lets through."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self.app, self.gate = app, gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        answer = self.gate.check(_visit(scope))
        if scope["type"] == "websocket":
            await (self.app(scope, receive, send) if answer is None else _refuse_socket(scope, send, answer))
            return
        if answer is None and _length(scope) > LARGEST_BODY:
            answer = TOO_LARGE
        if answer is not None:
            await _say(send, answer)
            return
        await self._pass(scope, receive, send)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through and count its body, which may be in chunks and of any length."""
        read, started, cut = 0, False, False

        async def counted() -> Message:
            nonlocal read, cut
            message = {"type": "http.disconnect"} if cut else await receive()
            read += len(message.get("body", b""))
            if read > LARGEST_BODY and not cut:
                cut = True
                if not started:
                    await _say(send, TOO_LARGE)
                return {"type": "http.disconnect"}
            return message

        async def protected(message: Message) -> None:
            nonlocal started
            if cut:
                return
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in PROTECTION.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self.app(scope, counted, protected)
        except ClientDisconnect:
            if not cut:
                raise


def _visit(scope: Scope) -> Visit:
    headers = Headers(scope=scope)
    return Visit(
        path=scope["path"],
        client=(scope.get("client") or ("",))[0],
        headers={name: ", ".join(headers.getlist(name)) for name in headers},
        query=scope["query_string"].decode("latin-1"),
        method=scope.get("method", "GET"),
        websocket=scope["type"] == "websocket",
    )


def _length(scope: Scope) -> int:
    length = Headers(scope=scope).get("content-length", "0")
    return int(length) if length.isdecimal() else 0


async def _say(send: Send, answer: Answer) -> None:
    if answer.status == 200:
        # Not a redirect: after a link on a foreign page it would not carry the strict cookie, and end at the gate.
        text = f'<!doctype html><meta http-equiv="refresh" content="0;url={html.escape(answer.sentence)}">'
        kind = "text/html"
    else:
        text, kind = answer.sentence + "\n", "text/plain"
    headers = {"content-type": f"{kind}; charset=utf-8", "content-length": str(len(text.encode())), **PROTECTION}
    headers |= {"connection": "close"} if answer.status >= 400 else {}  # else the server would read the body on
    raw = [(name.encode(), value.encode()) for name, value in (headers | dict(answer.headers)).items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": text.encode()})


async def _refuse_socket(scope: Scope, send: Send, answer: Answer) -> None:
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008})
        return
    body = (answer.sentence + "\n").encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "websocket.http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})
