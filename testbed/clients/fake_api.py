#!/usr/bin/env python3
"""All vendors of the agent CLIs in one process: accepts the one valid token of each CLI, and notes every request.

    fake_api.py STATE

Listens on 127.0.0.1:8080, for plain requests and as the HTTPS proxy that answers itself in the name of each vendor. In
the directory STATE it reads ``valid.json``, {"claude": 3}: the serial of the only access token of each CLI that is
accepted, all others get a 401; and appends to ``requests.jsonl`` one object for each request, which tells the tokens in
it by kind, CLI and serial (see testbed/fake-login), never the tokens themselves. A model's answer is the serial of its
request's token.

``renewal.json``, if it is there, says how a renewal of Claude's login is answered, {"delay": 0.5, "failures": 2,
"answer": 503, "lifetime": 3600}: after so many seconds, and so many failures. It then gives a serial greater by 1000,
the only valid one from then on, and accepts no refresh token twice. ``asked`` holds the serial that came last.
"""

from __future__ import annotations

import http.server
import json
import pathlib
import re
import socketserver
import ssl
import sys
import time
from typing import Any

TLS = pathlib.Path("/opt/clients/tls")
TOKEN = re.compile(r"fake-token-(?P<kind>access|refresh)-(?:(?P<cli>[a-z]+)-)?(?P<serial>\d{6})")
HOSTS = re.compile(
    r"([a-z-]+\.)?anthropic\.com|([a-z-]+\.)?claude\.(com|ai)|([a-z-]+\.)?openai\.com|([a-z-]+\.)?chatgpt\.com"
    r"|[a-z0-9-]+\.googleapis\.com|accounts\.google\.com|(api\.)?github\.com|api\.([a-z]+\.)?githubcopilot\.com"
)
"""Those of vendors.cnf; a proxy request for any other is refused, and noted."""

TOKEN_ENDPOINT = re.compile(r"/(oauth/|oauth2/)?(token|revoke)(/revoke)?$|/login/oauth/access_token$")
"""Where a vendor gives, renews or revokes tokens."""

Token = tuple[str, str, int]
Answer = tuple[int, Any]


def tokens_in(text: str) -> list[Token]:
    """(kind, CLI, serial) of each fabricated token in ``text``."""
    return [(match["kind"], match["cli"] or "claude", int(match["serial"])) for match in TOKEN.finditer(text)]


def events(*documents: dict[str, Any]) -> bytes:
    """Server-sent events, named by their type where they have one."""
    return b"".join(
        (f"event: {document['type']}\n" if "type" in document else "").encode()
        + b"data: "
        + json.dumps(document).encode()
        + b"\n\n"
        for document in documents
    )


def anthropic_message(text: str, stream: bool) -> Any:
    usage = {"input_tokens": 1, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "usage": usage}
    if not stream:
        return message | {"content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": None}
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    return events(
        {"type": "message_start", "message": message | {"content": [], "stop_reason": None, "stop_sequence": None}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": end, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    )


def openai_response(text: str) -> bytes:
    part = {"type": "output_text", "text": text, "annotations": []}
    item = {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [part]}
    usage = {
        "input_tokens": 1,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 1,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 2,
    }
    response = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "model": "gpt",
        "usage": usage,
    }
    started = response | {"status": "in_progress", "output": []}
    delta = {"item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": text}
    return events(
        {"type": "response.created", "response": started},
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": item | {"status": "in_progress", "content": []},
        },
        {"type": "response.output_text.delta"} | delta,
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": response | {"output": [item]}},
    )


def chat_completion(text: str, stream: bool) -> Any:
    base = {"id": "chat_1", "created": 1, "model": "gpt-4.1"}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    if not stream:
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return base | {"object": "chat.completion", "choices": [choice], "usage": usage}
    chunk = base | {"object": "chat.completion.chunk"}
    start = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}
    end = {"index": 0, "delta": {}, "finish_reason": "stop"}
    return events(chunk | {"choices": [start]}, chunk | {"choices": [end], "usage": usage}) + b"data: [DONE]\n\n"


COPILOT_MODEL = {
    "id": "gpt-4.1",
    "name": "GPT",
    "object": "model",
    "vendor": "fake",
    "version": "1",
    "preview": False,
    "model_picker_enabled": True,
    "policy": {"state": "enabled", "terms": ""},
    "supported_endpoints": ["/chat/completions"],
    "capabilities": {
        "family": "gpt-4.1",
        "type": "chat",
        "object": "model_capabilities",
        "tokenizer": "o200k_base",
        "limits": {"max_context_window_tokens": 128000, "max_output_tokens": 4096, "max_prompt_tokens": 100000},
        "supports": {"streaming": True, "tool_calls": True},
    },
}
GEMINI_PART = {"content": {"role": "model", "parts": [{"text": ""}]}, "finishReason": "STOP", "index": 0}


def answer(host: str, path: str, body: str, text: str) -> Answer:
    """What a vendor says to an authorised request; ``text`` is what its model says."""
    stream = '"stream":true' in body.replace(" ", "")
    if path.endswith("/v1/messages"):
        return 200, anthropic_message(text, stream)
    if path.endswith("/responses"):
        return 200, openai_response(text)
    if path.endswith("/chat/completions"):
        return 200, chat_completion(text, stream)
    if "enerateContent" in path:
        part = GEMINI_PART | {"content": {"role": "model", "parts": [{"text": text}]}}
        document = {"response": {"candidates": [part], "usageMetadata": {"totalTokenCount": 2}}}
        return 200, events(document) if "stream" in path else document
    tier = {"id": "standard-tier", "name": "standard"}
    plan = {"login": "dev-login", "copilot_plan": "individual", "access_type_sku": "x", "chat_enabled": True}
    fixed = {
        "/tokeninfo": {"aud": "x", "email": "dev@example.com", "expires_in": 3000, "scope": "a"},
        "/oauth2/v2/userinfo": {"email": "dev@example.com", "id": "1"},
        "/v1internal:loadCodeAssist": {"currentTier": tier, "cloudaicompanionProject": "project"},
        "/copilot_internal/user": plan | {"endpoints": {"api": "https://api.individual.githubcopilot.com"}},
        "/user": {"login": "dev-login", "id": 1},
        "/models": {"object": "list", "data": [COPILOT_MODEL]},
        "/models/session": {"selected_model": "gpt-4.1", "session_token": "none", "available_models": ["gpt-4.1"]},
    }
    if path in fixed:
        return 200, fixed[path]
    return (200, {}) if host.endswith("googleapis.com") else (404, {"error": {"message": "not here"}})


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection of a CLI; ``host`` is whom it believes to talk to."""

    protocol_version = "HTTP/1.1"
    host = "127.0.0.1"
    server: Vendors

    def do_CONNECT(self) -> None:
        host = self.path.rpartition(":")[0]
        if not HOSTS.fullmatch(host):
            self.server.note(method="CONNECT", host=host, path="", tokens=[], status=502)
            self.send_error(502, "no vendor")
            return
        self.send_response(200)
        self.end_headers()
        try:
            connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        except OSError:  # the CLI has looked whether somebody is there
            self.close_connection = True
            return
        self.host, self.connection = host, connection
        self.rfile, self.wfile = connection.makefile("rb"), connection.makefile("wb", 0)  # type: ignore[assignment]
        self.close_connection = False
        while not self.close_connection:
            self.handle_one_request()
        connection.close()

    def reply(self) -> None:
        body = self._body()
        path = self.path.split("?")[0]
        authorization = self.headers.get("Authorization") or self.headers.get("x-api-key") or ""
        tokens = tokens_in(f"{authorization} {self.path} {body}")
        status, content = self._decide(path, body, tokens, tokens_in(authorization))
        self.server.note(method=self.command, host=self.host, path=path, tokens=tokens, status=status)
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/event-stream" if isinstance(content, bytes) else "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = reply  # noqa: N815

    def _decide(self, path: str, body: str, tokens: list[Token], bearer: list[Token]) -> Answer:
        if path == "/login/device/code":
            code = {"device_code": "1", "user_code": "FAKE-CODE", "verification_uri": "https://github.com/login/device"}
            return 200, code | {"expires_in": 900, "interval": 1}
        if "device_code" in body:  # somebody has entered the code at once
            token = f"fake-token-access-copilot-{self.server.valid('copilot'):06d}"
            return 200, {"access_token": token, "token_type": "bearer", "scope": "read:user"}
        if TOKEN_ENDPOINT.search(path):
            return self._token(tokens)
        if not bearer:
            return 401, {"error": {"type": "authentication_error", "code": 401, "message": "no token"}}
        _kind, cli, serial = bearer[0]
        if serial != self.server.valid(cli):
            return 401, {"error": {"type": "authentication_error", "code": 401, "message": "an old token"}}
        return answer(self.host, path, body, f"serial {serial:06d}")

    def _token(self, tokens: list[Token]) -> Answer:
        """A pair of the valid serial for any refresh token: this vendor is more generous than the real ones."""
        spent = [token for token in tokens if token[0] == "refresh"]
        if not spent:
            return 400, {"error": "invalid_grant", "error_description": "no refresh token"}
        if spent[0][1] == "claude" and self.server.renewal:
            return self._renewal(spent[0][2])
        infix = "" if spent[0][1] == "claude" else f"{spent[0][1]}-"
        serial = self.server.valid(spent[0][1])
        return 200, {
            "token_type": "Bearer",
            "access_token": f"fake-token-access-{infix}{serial:06d}",
            "refresh_token": f"fake-token-refresh-{infix}{serial:06d}",
            "expires_in": 3599,
            "scope": "user:inference user:profile",
        }

    def _renewal(self, serial: int) -> Answer:
        """As the real vendor: a refresh token is accepted once."""
        renewal, path = self.server.renewal, self.server.state / "renewal.json"
        (self.server.state / "asked").write_text(f"{serial}")
        time.sleep(renewal.get("delay", 0))
        if renewal.get("failures", 0):
            path.write_text(json.dumps(renewal | {"failures": renewal["failures"] - 1}))
            status = renewal["answer"]
            return status, {"error": "invalid_grant" if status == 400 else "unavailable"}
        if serial in self.server.accepted:
            return 400, {"error": "invalid_grant", "error_description": "spent"}
        self.server.accepted.add(serial)
        new = serial + 1000
        valid = json.loads((self.server.state / "valid.json").read_text()) | {"claude": new}
        (self.server.state / "valid.json").write_text(json.dumps(valid))
        return 200, {
            "token_type": "Bearer",
            "access_token": f"fake-token-access-{new:06d}",
            "refresh_token": f"fake-token-refresh-{new:06d}",
            "expires_in": renewal.get("lifetime", 3600),
            "scope": "user:inference user:profile",
        }

    def _body(self) -> str:
        content = b""
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline().split(b";")[0], 16):
                content += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return content.decode(errors="replace")

    def log_message(self, format: str, *arguments: object) -> None:
        """The requests are noted already."""


class Vendors(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """Knows the valid tokens, and keeps the notes."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, state: pathlib.Path) -> None:
        self.state = state
        self.accepted: set[int] = set()
        (state / "requests.jsonl").touch()
        self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.tls.load_cert_chain(TLS / "vendors.pem", TLS / "vendors.key")
        super().__init__(("127.0.0.1", 8080), Handler)

    @property
    def renewal(self) -> dict[str, Any]:
        path = self.state / "renewal.json"
        return dict(json.loads(path.read_text())) if path.exists() else {}

    def valid(self, cli: str) -> int:
        return int(json.loads((self.state / "valid.json").read_text()).get(cli, 0))

    def note(self, **request: Any) -> None:
        with (self.state / "requests.jsonl").open("a") as file:
            file.write(json.dumps(request) + "\n")

    def handle_error(self, request: object, client_address: object) -> None:
        """A CLI that hangs up is no error."""


if __name__ == "__main__":
    Vendors(pathlib.Path(sys.argv[1])).serve_forever()
