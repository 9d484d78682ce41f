"""A mail server that does nothing but log in over TLS, for the -PLUS mechanisms that Dovecot does not have. The SASL is that
of GNU SASL or Cyrus SASL, the channel binding is OpenSSL's: nothing here knows SCRAM.

Takes one JSON object on stdin:
  library   "gnu" or "cyrus"
  protocol  "smtp" or "pop3"
  tls       "1.2" or "1.3"
  key, cert paths of PEM files
  user, password
  binding   false: the server has none, and so offers no -PLUS
  directory where Cyrus SASL keeps its users
Prints the port, then one JSON object for each log-in: mechanism, header (of GS2), error (null: it is in).
Ends with its stdin.
"""
import base64
import ctypes
import json
import os
import socket
import sys
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL

wanted = json.loads(sys.stdin.readline())
USER, PASSWORD = wanted["user"].encode(), wanted["password"].encode()


def fail(what):
    raise RuntimeError(what)


class Gnu:
    """libgsasl: SCRAM-SHA-1 and -256, bound by tls-exporter (and tls-unique, which is not used)."""

    AUTHID, PASSWORD, ITERATIONS, CB_TLS_UNIQUE, CB_TLS_EXPORTER = 1, 3, 15, 18, 25
    OK, NEEDS_MORE, NO_CALLBACK = 0, 1, 51

    def __init__(self):
        self.library = ctypes.CDLL("libgsasl.so.18")
        self.library.gsasl_strerror.restype = ctypes.c_char_p
        self.library.gsasl_property_fast.restype = ctypes.c_char_p
        self.library.gsasl_property_get.restype = ctypes.c_char_p
        for name in ("gsasl_property_get", "gsasl_property_set"):
            getattr(self.library, name).argtypes = [ctypes.c_void_p, ctypes.c_int] + (
                [ctypes.c_char_p] if name.endswith("set") else []
            )
        self.context = ctypes.c_void_p()
        self.check(self.library.gsasl_init(ctypes.byref(self.context)))
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
        self.asked = kind(self.property)
        self.library.gsasl_callback_set(self.context, self.asked)
        self.bindings = {}

    def check(self, code):
        if code not in (self.OK, self.NEEDS_MORE):
            fail(self.library.gsasl_strerror(code).decode())
        return code

    def property(self, _, session, name):
        known = {self.ITERATIONS: b"4096", self.CB_TLS_EXPORTER: self.bindings.get(session)}
        if name == self.PASSWORD and self.library.gsasl_property_get(session, self.AUTHID) == USER:
            known[name] = PASSWORD
        if known.get(name) is None:
            return self.NO_CALLBACK
        return self.library.gsasl_property_set(session, name, known[name])

    def mechanisms(self, binding):
        plain = ["SCRAM-SHA-1", "SCRAM-SHA-256"]
        return plain + [f"{name}-PLUS" for name in plain] if binding else plain

    def dialogue(self, mechanism, binding):
        session = ctypes.c_void_p()
        self.check(self.library.gsasl_server_start(self.context, mechanism.encode(), ctypes.byref(session)))
        try:
            if binding:
                self.bindings[session.value] = base64.b64encode(binding[1])
            answer = yield
            while True:
                challenge = ctypes.c_char_p()
                size = ctypes.c_size_t()
                code = self.check(
                    self.library.gsasl_step(
                        session, answer, ctypes.c_size_t(len(answer)), ctypes.byref(challenge), ctypes.byref(size)
                    )
                )
                said = ctypes.string_at(challenge, size.value)
                if code == self.OK and not said:
                    return
                answer = yield said
                if code == self.OK:
                    return
        finally:
            self.bindings.pop(session.value, None)
            self.library.gsasl_finish(session)


class Cyrus:
    """libsasl2: every SCRAM, bound by whatever the server says its channel is called."""

    GETOPT, LIST_END, CREATE, CHANNEL_BINDING = 1, 0, 1, 21
    OK, CONTINUE = 0, 1

    class Callback(ctypes.Structure):
        _fields_ = [("id", ctypes.c_ulong), ("proc", ctypes.c_void_p), ("context", ctypes.c_void_p)]

    class Binding(ctypes.Structure):
        _fields_ = [
            ("name", ctypes.c_char_p),
            ("critical", ctypes.c_int),
            ("len", ctypes.c_ulong),
            ("data", ctypes.c_char_p),
        ]

    def __init__(self):
        self.library = ctypes.CDLL("libsasl2.so.2")
        self.library.sasl_errdetail.restype = ctypes.c_char_p
        self.library.sasl_errdetail.argtypes = [ctypes.c_void_p]
        self.options = {
            b"auxprop_plugin": b"sasldb",
            b"sasldb_path": os.path.join(wanted["directory"], "sasldb").encode(),
            b"mech_list": b" ".join(
                b"SCRAM-SHA-" + size + plus for size in (b"1", b"256", b"512") for plus in (b"", b"-PLUS")
            ),
        }
        kind = ctypes.CFUNCTYPE(
            ctypes.c_int,
            ctypes.c_void_p,
            ctypes.c_char_p,
            ctypes.c_char_p,
            ctypes.POINTER(ctypes.c_char_p),
            ctypes.POINTER(ctypes.c_uint),
        )
        self.asked = kind(self.option)
        self.callbacks = (self.Callback * 2)(
            self.Callback(self.GETOPT, ctypes.cast(self.asked, ctypes.c_void_p), None),
            self.Callback(self.LIST_END, None, None),
        )
        self.check(self.library.sasl_server_init(self.callbacks, b"mailtool-interop"))
        maker = self.connection(None)
        self.check(
            self.library.sasl_setpass(maker, USER, PASSWORD, len(PASSWORD), None, 0, self.CREATE), maker
        )

    def option(self, _, plugin, name, result, length):
        found = self.options.get(name)
        if found is None:
            return -1
        result[0] = found
        if length:
            length[0] = len(found)
        return self.OK

    def check(self, code, connection=None):
        if code not in (self.OK, self.CONTINUE):
            fail((self.library.sasl_errdetail(connection) if connection else b"").decode() or f"SASL error {code}")
        return code

    def connection(self, binding):
        made = ctypes.c_void_p()
        self.check(
            self.library.sasl_server_new(
                wanted["protocol"].encode(), b"mx.mail.test", b"mail.test", None, None, None, 0, ctypes.byref(made)
            )
        )
        if binding:
            name, data = binding
            made.kept = self.Binding(name.encode(), 0, len(data), data)
            self.check(self.library.sasl_setprop(made, self.CHANNEL_BINDING, ctypes.byref(made.kept)), made)
        return made

    def mechanisms(self, binding):
        connection = self.connection(binding)
        found = ctypes.c_char_p()
        self.check(
            self.library.sasl_listmech(connection, None, b"", b" ", b"", ctypes.byref(found), None, None), connection
        )
        names = found.value.decode().split()  # the memory is the connection's
        self.library.sasl_dispose(ctypes.byref(connection))
        return names

    def dialogue(self, mechanism, binding):
        connection = self.connection(binding)
        said = ctypes.c_char_p()
        size = ctypes.c_uint()
        try:
            answer = yield
            code = self.library.sasl_server_start(
                connection, mechanism.encode(), answer, len(answer), ctypes.byref(said), ctypes.byref(size)
            )
            while self.check(code, connection) == self.CONTINUE:
                answer = yield ctypes.string_at(said, size.value)
                code = self.library.sasl_server_step(
                    connection, answer, len(answer), ctypes.byref(said), ctypes.byref(size)
                )
            if size.value:
                yield ctypes.string_at(said, size.value)
        finally:
            self.library.sasl_dispose(ctypes.byref(connection))


sasl = {"gnu": Gnu, "cyrus": Cyrus}[wanted["library"]]()
pem = open(wanted["cert"], "rb").read()
leaf = x509.load_pem_x509_certificate(pem)
context = SSL.Context(SSL.TLS_SERVER_METHOD)
version = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}[wanted["tls"]]
context.set_min_proto_version(version)
context.set_max_proto_version(version)
context.use_certificate_chain_file(wanted["cert"])
context.use_privatekey_file(wanted["key"])


def bound(tls):
    """RFC 9266 on TLS 1.3, RFC 5929 4.1 before."""
    if not wanted["binding"]:
        return None
    if wanted["tls"] == "1.3":
        return "tls-exporter", tls.export_keying_material(b"EXPORTER-Channel-Binding", 32, b"")
    algorithm = leaf.signature_hash_algorithm
    if isinstance(algorithm, (hashes.MD5, hashes.SHA1)):
        algorithm = hashes.SHA256()
    digest = hashes.Hash(algorithm)
    digest.update(leaf.public_bytes(Encoding.DER))
    return "tls-server-end-point", digest.finalize()


def serve(raw):
    tls = SSL.Connection(context, raw)
    tls.set_accept_state()
    held = b""

    def say(*lines):
        tls.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def read():
        nonlocal held
        while b"\r\n" not in held:
            held += tls.recv(4096)
        line, held = held.split(b"\r\n", 1)
        return line.decode()

    def log_in(mechanism, initial):
        report = {"mechanism": mechanism, "header": None, "error": None}
        try:
            dialogue = sasl.dialogue(mechanism, bound(tls))
            next(dialogue)
            answer = initial
            while True:
                if answer is None:
                    say("334 " if smtp else "+ ")
                    answer = read()
                octets = b"" if answer == "=" else base64.b64decode(answer)
                report["header"] = report["header"] or octets.split(b",")[0].decode()
                challenge = dialogue.send(octets)
                say(("334 " if smtp else "+ ") + base64.b64encode(challenge).decode())
                answer = read()
        except StopIteration:
            say("235 2.7.0 in" if smtp else "+OK in")
        except RuntimeError as error:
            report["error"] = str(error)
            say("535 5.7.8 no" if smtp else "-ERR [AUTH] no")
        print(json.dumps(report), flush=True)

    smtp = wanted["protocol"] == "smtp"
    try:
        tls.do_handshake()
        say("220 mx.mail.test ESMTP" if smtp else "+OK ready")
        while True:
            verb, *rest = read().split(" ")
            if verb == "EHLO":
                say("250-mx.mail.test", f"250 AUTH {' '.join(sasl.mechanisms(bound(tls)))}")
            elif verb == "CAPA":
                say("+OK", "UIDL", f"SASL {' '.join(sasl.mechanisms(bound(tls)))}", ".")
            elif verb == "AUTH":
                log_in(rest[0], rest[1] if len(rest) > 1 else None)
            elif verb == "QUIT":
                say("221 bye" if smtp else "+OK bye")
                tls.shutdown()
                return
            else:
                say("500 no" if smtp else "-ERR no")
    except (SSL.Error, OSError):
        pass  # whoever is there has gone
    finally:
        raw.close()


listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)


def accept():
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


threading.Thread(target=accept, daemon=True).start()
sys.stdin.read()
