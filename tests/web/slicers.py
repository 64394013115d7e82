"""Requests as slicers send them, byte for byte."""

from __future__ import annotations

import asyncio


def prusa(
    port: int, key: str, content: bytes, *, printing: bool, name: str = "Vase.gcode"
) -> bytes:
    """libcurl's multipart as PrusaSlicer and OrcaSlicer use it: print, path, then the file."""
    boundary = "------------------------0e5f0d1bd6f0d5a1"
    started = "true" if printing else "false"
    body = (
        f"--{boundary}\r\n"
        'Content-Disposition: form-data; name="print"\r\n\r\n'
        f"{started}\r\n"
        f"--{boundary}\r\n"
        'Content-Disposition: form-data; name="path"\r\n\r\n'
        "\r\n"
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    body += content + f"\r\n--{boundary}--\r\n".encode()
    head = (
        "POST /api/files/local HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{port}\r\n"
        "User-Agent: PrusaSlicer/2.8.0\r\n"
        "Accept: */*\r\n"
        f"X-Api-Key: {key}\r\n"
        f"Content-Length: {len(body)}\r\n"
        f"Content-Type: multipart/form-data; boundary={boundary}\r\n"
        "Expect: 100-continue\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body


def cura(port: int, key: str, content: bytes, *, printing: bool) -> bytes:
    """Qt's multipart as Cura's plugin uses it: path, the file, then select and print."""
    boundary = "boundary_.oOo._MTY4MDk4NzY1NDMyMTA="

    def field(name: str, value: bytes, kind: str = "text/plain") -> bytes:
        head = f"--{boundary}\r\nContent-Type: {kind}\r\n"
        head += f"Content-Disposition: form-data; {name}\r\n\r\n"
        return head.encode() + value + b"\r\n"

    body = field('name="path"', b"")
    body += field('name="file"; filename="UM_Vase.gcode"', content, "application/octet-stream")
    body += field('name="select"', b"true")
    if printing:
        body += field('name="print"', b"true")
    body += f"--{boundary}--\r\n".encode()
    head = (
        "POST /api/files/local HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{port}\r\n"
        f"X-Api-Key: {key}\r\n"
        "User-Agent: Cura/5.8.0 OctoPrintPlugin/3.7.3\r\n"
        f'Content-Type: multipart/form-data; boundary="{boundary}"\r\n'
        "MIME-Version: 1.0\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Connection: close\r\n"
        "Accept-Encoding: gzip, deflate\r\n\r\n"
    )
    return head.encode() + body


async def send(port: int, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    await writer.drain()
    async with asyncio.timeout(20):
        data = await reader.read()
    writer.close()
    data = data.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return int(first.split()[1]), headers, body
