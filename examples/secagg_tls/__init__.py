"""Secure aggregation between processes: asyncio, mutual TLS, dropouts, and a server that can be killed."""
