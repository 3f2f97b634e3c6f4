"""Certificates made on the spot by the openssl program: good ones, and every kind of bad one."""
import shutil
import subprocess

import pytest

CONFIG = """
[ca]
default_ca = here
[here]
database = {place}/index.txt
new_certs_dir = {place}
default_md = sha256
policy = any
unique_subject = no
rand_serial = yes
copy_extensions = copy
email_in_dn = no
[any]
commonName = supplied
[req]
distinguished_name = dn
prompt = no
[dn]
CN = placeholder
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
[visitor]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
"""
NOW_IS_GOOD = ("20240101000000Z", "20491231235959Z")
LONG_AGO = ("20200101000000Z", "20200102000000Z")
FAR_AHEAD = ("20480101000000Z", "20491231235959Z")


def openssl(*words, stdin=None):
    if not shutil.which("openssl"):
        pytest.skip("unsupported: no openssl program on this machine")
    run = subprocess.run(["openssl", *map(str, words)], capture_output=True, timeout=20,
                         input=stdin, check=False)
    assert run.returncode == 0, run.stderr.decode(errors="replace")
    return run.stdout


class Pair:
    """A certificate and its key, as files."""

    def __init__(self, cert, key):
        self.cert, self.key = cert, key

    @property
    def tls(self):
        """As a configuration says it."""
        return {"cert": str(self.cert), "key": str(self.key)}

    def become(self, other):
        """The files of this pair get the other's contents, whole."""
        for mine, its in ((self.cert, other.cert), (self.key, other.key)):
            new = mine.with_suffix(".new")
            new.write_bytes(its.read_bytes())
            new.replace(mine)


class Authority:
    """A CA of one's own in a directory of its own."""

    def __init__(self, place, name):
        self.place, self.name = place / name, name
        self.place.mkdir()
        (self.place / "index.txt").touch()
        self.config = self.place / "openssl.cnf"
        self.config.write_text(CONFIG.format(place=self.place))
        root = self.place / "root.csr"
        self.key = self._request(root, f"the {name} authority")
        self.cert = self._sign(root, self.place / "root.pem", "root", NOW_IS_GOOD,
                               "-selfsign", "-keyfile", self.key)

    def _request(self, csr, common_name, sans=(), rsa=False):
        key = csr.with_suffix(".key")
        names = ["-addext", "subjectAltName=" + ",".join(sans)] if sans else []
        sort = ["rsa:2048"] if rsa else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        openssl("req", "-new", "-newkey", *sort, "-nodes", "-keyout", key, "-out", csr, "-subj",
                f"/CN={common_name}", "-config", self.config, *names)
        return key

    def _sign(self, csr, cert, kind, valid, *more):
        openssl("ca", "-config", self.config, "-batch", "-notext", "-in", csr, "-out", cert,
                "-extensions", kind, "-startdate", valid[0], "-enddate", valid[1], *more)
        return cert

    def issue(self, name, sans, valid=NOW_IS_GOOD, rsa=False, kind="leaf"):
        """sans: "DNS:one.test", "IP:127.0.0.1", ..."""
        csr = self.place / f"{name}.csr"
        key = self._request(csr, name, sans, rsa)
        cert = self._sign(csr, self.place / f"{name}.pem", kind, valid, "-cert", self.cert,
                          "-keyfile", self.key)
        return Pair(cert, key)

    def self_signed(self, name, sans):
        csr = self.place / f"{name}.csr"
        key = self._request(csr, name, sans)
        cert = self._sign(csr, self.place / f"{name}.pem", "leaf", NOW_IS_GOOD, "-selfsign",
                          "-keyfile", key)
        return Pair(cert, key)
