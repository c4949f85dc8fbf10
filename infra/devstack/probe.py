#!/usr/bin/env python3
"""Asks a broker or a store something in its own protocol: probe.py kafka|cassandra HOST:PORT.

Exits 0 where it answers as one that is ready to work does, and 1 with a line that says what else it did.
"""

import socket
import struct
import sys

TIMEOUT_SECONDS = 3

KAFKA_METADATA = 3
CQL_VERSION = 4
CQL_STARTUP = 0x01
CQL_READY = 0x02
CQL_AUTHENTICATE = 0x03
CQL_QUERY = 0x07
CQL_RESULT = 0x08
CQL_AUTH_RESPONSE = 0x0F
CQL_AUTH_SUCCESS = 0x10
CQL_CONSISTENCY_ONE = 0x0001

# The user that Cassandra makes by itself, a while after it answers.
CQL_LOGIN = b"\0cassandra\0cassandra"


def kafka(peer):
    """A broker is ready when it counts itself among the brokers of its cluster."""
    client_id = b"probe"
    head = struct.pack(">hhih", KAFKA_METADATA, 1, 7, len(client_id)) + client_id
    no_topics = struct.pack(">i", 0)
    peer.sendall(struct.pack(">i", len(head + no_topics)) + head + no_topics)
    (length,) = struct.unpack(">i", receive(peer, 4))
    correlation, brokers = struct.unpack(">ii", receive(peer, length)[:8])
    expect(correlation == 7, "an answer to another question")
    expect(brokers > 0, "no broker has joined the cluster")


def cassandra(peer):
    """A store is ready when it has started a session and can read its own tables."""
    options = b"".join(
        struct.pack(">H", len(text)) + text for text in (b"CQL_VERSION", b"3.0.0")
    )
    answer = cql(peer, CQL_STARTUP, struct.pack(">H", 1) + options)
    if answer == CQL_AUTHENTICATE:
        login = struct.pack(">i", len(CQL_LOGIN)) + CQL_LOGIN
        expect(cql(peer, CQL_AUTH_RESPONSE, login) == CQL_AUTH_SUCCESS, "no user yet")
    else:
        expect(answer == CQL_READY, "no session")
    query = b"SELECT release_version FROM system.local"
    body = struct.pack(">i", len(query)) + query + struct.pack(">HB", CQL_CONSISTENCY_ONE, 0)
    expect(cql(peer, CQL_QUERY, body) == CQL_RESULT, "no rows")


def cql(peer, opcode, body):
    peer.sendall(struct.pack(">BBhBi", CQL_VERSION, 0, 1, opcode, len(body)) + body)
    _, _, _, answer, length = struct.unpack(">BBhBi", receive(peer, 9))
    receive(peer, length)
    return answer


def receive(peer, length):
    data = b""
    while len(data) < length:
        more = peer.recv(length - len(data))
        expect(more, "the connection was closed")
        data += more
    return data


def expect(holds, otherwise):
    if not holds:
        raise ValueError(otherwise)


def main():
    service, address = sys.argv[1:]
    host, port = address.rsplit(":", 1)
    try:
        with socket.create_connection((host, int(port)), TIMEOUT_SECONDS) as peer:
            {"kafka": kafka, "cassandra": cassandra}[service](peer)
    except (OSError, ValueError, struct.error) as error:
        sys.exit(f"{service} at {address}: {error}")


if __name__ == "__main__":
    main()
