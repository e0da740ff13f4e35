"""Mutual TLS 1.3: who may connect to whom, and under which name."""

import asyncio
import ssl
from pathlib import Path

from examples.secagg_tls.certificates import AUTHORITY, CERTIFICATE, KEY
from gradveil.exchange import WireError
from secagg import SERVER

_HANDSHAKE_SECONDS = 30.0


def server_context(folder: Path) -> ssl.SSLContext:
    """Requires a client certificate of the authority."""
    context = _context(folder, ssl.Purpose.CLIENT_AUTH)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(folder: Path) -> ssl.SSLContext:
    """Requires a server certificate of the authority; the name is checked on connecting."""
    return _context(folder, ssl.Purpose.SERVER_AUTH)


async def connect(folder: Path, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the server on this machine; raises OSError (ssl.SSLError is one)."""
    return await asyncio.open_connection(
        "127.0.0.1",
        port,
        ssl=client_context(folder),
        server_hostname=SERVER,
        ssl_handshake_timeout=_HANDSHAKE_SECONDS,
    )


def peer_name(writer: asyncio.StreamWriter) -> str:
    """The one common name in the subject of the peer's certificate; raises WireError if there is not one."""
    certificate = writer.get_extra_info("peercert") or {}
    subject = [pair for part in certificate.get("subject", ()) for pair in part]
    names = [str(value) for field, value in subject if field == "commonName"]
    if len(names) != 1:
        raise WireError(f"a certificate with {len(names)} common names; issue one with the client's name")
    return names[0]


def _context(folder: Path, purpose: ssl.Purpose) -> ssl.SSLContext:
    context = ssl.create_default_context(purpose, cafile=folder / AUTHORITY)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(folder / CERTIFICATE, folder / KEY)
    return context
