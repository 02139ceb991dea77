"""Somebody on the network who was never paired, and what an agent answers to it.

    python strange_caller.py HOST:PORT [--keys DIR]

Tries every route of the protocol over TLS, with the key and certificate of `DIR` or with none, and over plain HTTP;
prints one JSON list of what was let through. Shares no code with the program.
"""

import argparse
import http.client
import json
import socket
import ssl
from pathlib import Path

ROUTES = (
    ("GET", "/v1/card"), ("GET", "/v1/attempts"), ("PUT", "/v1/attempts/abcdefgh.1~txt2img~1"),
    ("POST", "/v1/attempts/abcdefgh.1~txt2img~1/cancel"), ("DELETE", "/v1/attempts/abcdefgh.1~txt2img~1"),
    ("HEAD", f"/v1/blobs/{'0' * 64}"), ("PUT", f"/v1/blobs/{'0' * 64}"), ("GET", f"/v1/blobs/{'0' * 64}"),
    ("GET", "/v1/feed"), ("PUT", "/v1/watched"), ("POST", "/v1/free"), ("POST", "/v1/refresh"),
    ("DELETE", "/v1/pairing"), ("GET", "/"), ("GET", "/pair/0"), ("POST", "/pair/1"), ("POST", "/pair/2"),
)  # fmt: skip


def ask(host: str, port: int, method: str, path: str, context: ssl.SSLContext | None) -> int | None:
    """The status; None: nobody answered it."""
    wire = (
        http.client.HTTPConnection(host, port, timeout=3)
        if context is None
        else http.client.HTTPSConnection(host, port, timeout=3, context=context)
    )
    try:
        wire.request(method, path, body=b"\x80" if method in ("PUT", "POST") else None)
        return wire.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        wire.close()


def open_context(keys: Path | None, oldest: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if oldest:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    if keys is not None:
        context.load_cert_chain(keys / "cert.pem", keys / "key.pem")
    return context


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("--keys", type=Path)
    asked = parser.parse_args()
    host, _, port = asked.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=3):
        pass  # somebody listens there: silence means a refusal
    ways = {
        "plain": None,
        "tls": open_context(asked.keys),
        "tls 1.2": open_context(asked.keys, oldest=True),
    }
    let_through = [
        {"way": way, "method": method, "path": path, "status": status}
        for way, context in ways.items()
        for method, path in ROUTES
        if (status := ask(host, int(port), method, path, context)) is not None
    ]
    print(json.dumps(let_through))


if __name__ == "__main__":
    main()
