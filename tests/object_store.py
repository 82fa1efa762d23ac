"""An S3 server on this machine, and a gate before it that fails as networks and clouds do.

The server is moto's, in a process of its own, so that it is another program than the one under
test. It keeps its objects in memory: to be away, it is the gate that closes.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Self, cast

import fsspec

_STARTS_WITHIN_SECONDS = 60
_REFUSAL = b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class ObjectStore:
    """The server, by ``with``.

    Attributes:
        gate: What stands between it and its clients.
    """

    def __init__(self) -> None:
        port = _free_port()
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._port = port
        self.gate = Gate(port)

    def __enter__(self) -> Self:
        deadline = time.monotonic() + _STARTS_WITHIN_SECONDS
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self._port)).close()
                return self
            assert time.monotonic() < deadline, "the S3 server does not start"
            time.sleep(0.05)

    def __exit__(self, *_: object) -> None:
        self.gate.close()
        self._process.kill()
        self._process.wait()

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which clients find it, as operators set them."""
        return {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing-secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.gate.port}",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def make_bucket(self, name: str) -> None:
        """Make a bucket, past the gate."""
        import boto3

        client = cast("Any", boto3).client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self._port}",
            aws_access_key_id="testing",
            aws_secret_access_key="testing-secret",
            region_name="us-east-1",
        )
        client.create_bucket(Bucket=name)
        client.close()


class Gate:
    """Hands connections on to a port, or fails them.

    Attributes:
        port: Where clients connect.
        requests: The first line of each request that came.
        stalled: Set when a connection stalls.
    """

    def __init__(self, to_port: int) -> None:
        self._to = to_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.requests: list[str] = []
        self._serve: Callable[[socket.socket], None] = self._hand_on
        self._cut_after = -1
        self._delay_seconds = 0.0
        self._stall_after = -1
        self.stalled = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def open(self) -> None:
        """Hand everything on, as it comes."""
        self._serve, self._cut_after, self._delay_seconds = self._hand_on, -1, 0.0
        self._stall_after = -1
        self.stalled.clear()
        self.requests.clear()

    def shut(self) -> None:
        """Close each connection at once, as when nobody listens."""
        self._serve = _hang_up

    def forbid(self) -> None:
        """Answer 403 to each request."""
        self._serve = _refuse

    def slow_down(self, seconds: float) -> None:
        """Hand each piece on late."""
        self._delay_seconds = seconds

    def cut_after(self, count: int) -> None:
        """Break a connection after so many bytes of a client."""
        self._cut_after = count

    def stall_after(self, count: int) -> None:
        """Hand no more on of a connection after so many bytes of a client."""
        self._stall_after = count

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _hand_on(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            server = socket.create_connection(("127.0.0.1", self._to))
            with server:
                threading.Thread(target=self._back, args=(server, client), daemon=True).start()
                sent = 0
                while (data := client.recv(65_536)) and self._serve == self._hand_on:
                    line = data.split(b"\r\n", 1)[0]
                    if line.endswith(b"HTTP/1.1"):
                        self.requests.append(line.decode().removesuffix(" HTTP/1.1"))
                    sent += len(data)
                    if 0 <= self._cut_after < sent:
                        return
                    if 0 <= self._stall_after < sent:
                        self.stalled.set()
                        client.recv(1)  # until it goes
                        return
                    time.sleep(self._delay_seconds)
                    server.sendall(data)

    def _back(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65_536):
                client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)


def _hang_up(client: socket.socket) -> None:
    client.close()


def _refuse(client: socket.socket) -> None:
    with contextlib.suppress(OSError), client:
        client.recv(65_536)
        client.sendall(_REFUSAL)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def in_a_child(environment: dict[str, str]) -> dict[str, str]:
    """Return the environment of a child that shall reach the server."""
    return os.environ | environment


def file_system(url: str) -> tuple[Any, str]:
    """Return what reaches a URL, of fsspec, and the path of the URL there."""
    fs, root = cast("Any", fsspec).url_to_fs(
        url, use_listings_cache=False, skip_instance_cache=True
    )
    fs.invalidate_cache()
    return fs, str(root)


def files_at(url: str) -> list[str]:
    """Return the names of all files at a URL, without the URL."""
    fs, root = file_system(url)
    return sorted(str(name).split(root.strip("/"), 1)[1].lstrip("/") for name in fs.find(root))
