"""HTTP proxies of Debian, started on loopback between a client and the gateway."""
import os

import serving

NGINX = """\
{user}daemon off;
worker_processes 1;
pid {dir}/nginx.pid;
error_log stderr;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{target};
{location}        }}
    }}
}}
"""

NGINX_TUNED = """\
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_read_timeout 1h;
"""

HAPROXY = """\
global
    nbthread 1
defaults
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 1h
{option}frontend clients
    bind 127.0.0.1:{port}
    default_backend gateway
backend gateway
    server gateway 127.0.0.1:{target}
"""

HAPROXY_TUNED = """\
    option http-no-delay
"""

SQUID = """\
http_port 127.0.0.1:{port} accel defaultsite=127.0.0.1 no-vhost
cache_peer 127.0.0.1 parent {target} 0 no-query originserver login=PASSTHRU
http_access allow all
cache deny all
access_log none
cache_log /dev/null
cache_store_log none
netdb_filename none
pid_filename none
coredump_dir /
memory_cache_shared off
shutdown_lifetime 0 seconds
"""

VARNISH = """\
vcl 4.1;
backend gateway {{ .host = "127.0.0.1"; .port = "{target}"; .first_byte_timeout = 1h; }}
sub vcl_recv {{ return (pass); }}
"""


def nginx(location):
    def make(directory, port, target):
        user = "user root;\n" if os.getuid() == 0 else ""  # its temporary files lie in ours
        text = NGINX.format(user=user, dir=directory, port=port, target=target, location=location)
        path = directory / "nginx.conf"
        path.write_text(text)
        return ["nginx", "-p", directory, "-e", "stderr", "-c", path]

    return make


def haproxy(option):
    def make(directory, port, target):
        path = directory / "haproxy.cfg"
        path.write_text(HAPROXY.format(port=port, target=target, option=option))
        return ["haproxy", "-q", "-db", "-f", path]

    return make


def squid(directory, port, target):
    path = directory / "squid.conf"
    path.write_text(SQUID.format(port=port, target=target))
    return ["squid", "-N", "-f", path]


def varnish(directory, port, target):
    path = directory / "varnish.vcl"
    path.write_text(VARNISH.format(target=target))
    return ["varnishd", "-F", "-j", "none", "-n", directory / "varnish", "-f", path,
            "-a", f"127.0.0.1:{port}", "-s", "malloc,16m"]


# Name, and what makes configuration and command line. "tuned" is what docs/proxies.md advises.
PROXIES = {
    "nginx stock": nginx(""),
    "nginx tuned": nginx(NGINX_TUNED),
    "HAProxy stock": haproxy(""),
    "HAProxy tuned": haproxy(HAPROXY_TUNED),
    "Squid": squid,
}
# Independent readers of HTTP/1.1, to ask what they take a message for.
READERS = {
    "nginx tuned": PROXIES["nginx tuned"],
    "HAProxy stock": PROXIES["HAProxy stock"],
    "Varnish": varnish,
}


class Proxy(serving.Server):
    """One of PROXIES or READERS between its own .port and the port `target`."""

    def __init__(self, kind, directory, target):
        self.port = serving.free_port()
        command = {**PROXIES, **READERS}[kind](directory, self.port, target)
        command[0] = serving.program(command[0])
        super().__init__(command, directory, kind.replace(" ", "-"))
        self.wait_port(self.port)


def available(kind):
    name = kind.split()[0].lower()
    return serving.program({"varnish": "varnishd"}.get(name, name)) is not None
