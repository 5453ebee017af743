#!/usr/bin/env python3
"""Keep one process of an agent CLI open, and talk with it: how a test sees what a RUNNING agent uses.

    conversation.py open NAME PROTOCOL COMMAND...     start it, and serve until it ends
    conversation.py ask NAME                          one turn: prints {"pid": …, "answer": …}
    conversation.py close NAME                        end it

PROTOCOL: ``stream-json`` (claude), ``app-server`` (codex), ``acp`` (Agent Client Protocol: gemini, opencode, copilot).
"""

from __future__ import annotations

import json
import os
import pathlib
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

HOME = pathlib.Path.home()
TURN = 90.0  # seconds
Message = dict[str, Any]


class Agent:
    """The process, and the lines of JSON that it says."""

    def __init__(self, name: str, command: list[str]) -> None:
        with (HOME / f"{name}.err").open("w") as errors:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        self.said: queue.Queue[Message | None] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        self._calls = 0

    def _listen(self) -> None:
        for line in self.process.stdout or ():
            if line.startswith("{"):
                self.said.put(json.loads(line))
        self.said.put(None)

    def say(self, message: Message) -> None:
        stdin = self.process.stdin
        if stdin:
            stdin.write(json.dumps(message) + "\n")
            stdin.flush()

    def next(self) -> Message:
        message = self.said.get(timeout=TURN)
        if message is None:
            raise EOFError(f"the process has ended with {self.process.wait()}")
        return message

    def call(self, method: str, params: Message, hear: Callable[[Message], None] = lambda _message: None) -> Message:
        """The answer to a JSON-RPC call; what the agent says until then goes to ``hear``."""
        self._calls += 1
        number = self._calls
        self.say({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        while True:
            message = self.next()
            if "method" in message:
                if "id" in message:
                    refusal = {"code": -32601, "message": "not here"}
                    self.say({"jsonrpc": "2.0", "id": message["id"], "error": refusal})
                hear(message)
            elif message.get("id") == number:
                return message


def stream_json(agent: Agent) -> Callable[[str], str]:
    def turn(prompt: str) -> str:
        agent.say({"type": "user", "message": {"role": "user", "content": prompt}})
        while (message := agent.next())["type"] != "result":
            pass
        return str(message.get("result", message))

    return turn


def acp(agent: Agent) -> Callable[[str], str]:
    agent.call("initialize", {"protocolVersion": 1, "clientCapabilities": {}})
    session = agent.call("session/new", {"cwd": str(pathlib.Path.cwd()), "mcpServers": []})
    if "result" not in session:
        raise EOFError(json.dumps(session["error"]))

    def turn(prompt: str) -> str:
        texts: list[str] = []

        def hear(message: Message) -> None:
            update = message["params"].get("update", {})
            if update.get("sessionUpdate") == "agent_message_chunk":
                texts.append(update["content"].get("text", ""))

        content = [{"type": "text", "text": prompt}]
        result = agent.call("session/prompt", {"sessionId": session["result"]["sessionId"], "prompt": content}, hear)
        return "".join(texts) + (json.dumps(result["error"]) if "error" in result else "")

    return turn


def app_server(agent: Agent) -> Callable[[str], str]:
    agent.call("initialize", {"clientInfo": {"name": "conversation", "version": "1"}})
    agent.say({"jsonrpc": "2.0", "method": "initialized"})
    thread = agent.call("thread/start", {"cwd": str(pathlib.Path.cwd())})["result"]["thread"]["id"]

    def turn(prompt: str) -> str:
        texts: list[str] = []
        ended: list[Message] = []

        def hear(message: Message) -> None:
            item = message["params"].get("item", {})
            if message["method"] == "item/completed" and item.get("type") == "agentMessage":
                texts.append(item["text"])
            elif message["method"] == "error":
                texts.append(message["params"]["error"]["message"])
            elif message["method"] == "turn/completed":
                ended.append(message)

        agent.call("turn/start", {"threadId": thread, "input": [{"type": "text", "text": prompt}]}, hear)
        while not ended:
            hear(agent.next())
        return " ".join(texts)

    return turn


PROTOCOLS = {"stream-json": stream_json, "acp": acp, "app-server": app_server}


def serve(name: str, protocol: str, command: list[str]) -> None:
    """Answer each connection that asks with one turn."""
    agent = Agent(name, command)
    server = socket.socket(socket.AF_UNIX)
    turn = PROTOCOLS[protocol](agent)
    server.bind(f"{HOME}/{name}.tmp")
    server.listen()
    os.rename(f"{HOME}/{name}.tmp", f"{HOME}/{name}.sock")  # a client finds it only when it listens
    while True:
        client, _address = server.accept()
        with client:
            if client.recv(16) == b"close":
                agent.process.kill()
                return
            try:
                said = turn("hello")
            except (EOFError, OSError, queue.Empty) as error:
                said = f"no answer: {error!r}"
            client.sendall(json.dumps({"pid": agent.process.pid, "answer": said}).encode())


def ask(name: str, what: str) -> str:
    end = time.monotonic() + 60
    while not (HOME / f"{name}.sock").exists():
        if time.monotonic() > end:
            sys.exit(f"{name} is not open")
        time.sleep(0.1)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(f"{HOME}/{name}.sock")
        client.sendall(what.encode())
        return b"".join(iter(lambda: client.recv(65536), b"")).decode()


if __name__ == "__main__":
    if sys.argv[1] == "open":
        serve(sys.argv[2], sys.argv[3], sys.argv[4:])
    else:
        print(ask(sys.argv[2], sys.argv[1]))
