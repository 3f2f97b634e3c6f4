"""Providers that cannot prove by TLS who they are, each in a way of its own."""
import ssl
import warnings

import peers
import pki

OLD = {"minimum_version": ssl.TLSVersion.TLSv1, "maximum_version": ssl.TLSVersion.TLSv1}


def troubles(authority, stranger):
    """{name: (server, URL's host, the words that a client reads)}"""
    issue, here = authority.issue, ["IP:127.0.0.1"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old = peers.server_context(issue("old", here), **OLD)
    old.set_ciphers("ALL:@SECLEVEL=0")

    def tls(pair):
        return peers.Provider(context=peers.server_context(pair))

    return {
        "stranger": (tls(stranger.issue("stranger", here)), None, "unknown CA"),
        "expired": (tls(issue("expired", here, pki.LONG_AGO)), None, "has expired"),
        "future": (tls(issue("future", here, pki.FAR_AHEAD)), None, "not valid yet"),
        "other-host": (tls(issue("other", ["DNS:other.test"])), "localhost", "wrong host"),
        "other-address": (tls(issue("far", ["IP:192.0.2.1"])), None, "wrong host"),
        "common-name": (tls(issue("localhost", [])), "localhost", "wrong host"),
        "self-signed": (tls(authority.self_signed("self", here)), None, "self-signed"),
        "visitor": (tls(issue("visitor", here, kind="visitor")), None, "not meant for this use"),
        "tls-1.0": (peers.Provider(context=old), None, "TLS 1.2 or later"),
        "clear": (peers.Mute(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"), None,
                  "does not speak TLS"),
        "garbage": (peers.Mute(b"SSH-2.0-OpenSSH_9.2\r\n"), None, "does not speak TLS"),
        "hangs-up": (peers.Mute(hang_up=True), None, "TLS with"),
        "silent": (peers.Mute(), None, ""),
    }
