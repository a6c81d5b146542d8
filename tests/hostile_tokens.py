"""Tokens that are none: each is good in every way but the one that its name tells.

They are made with the service's own keys, so that a signature never saves it from looking at the rest. What goes wrong
stands in hostile_tokens.toml; here is how it gets into a token.
"""

import base64
import hmac
import json
import re
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from api import keys
from api.keys import Key

WORDS: dict[str, dict[str, list[str]]] = tomllib.loads((Path(__file__).parent / "hostile_tokens.toml").read_text())
TEXTS = ("iss", "aud", "sub", "client_id", "sid", "jti")
TIMES = ("iat", "nbf", "exp")
P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ED25519 = 2**252 + 27742317777372353535851937790883648493
"""Orders of the two groups: a number in a signature is taken modulo one of them."""

Members = dict[str, str]
"""Names and values, both as they are written in JSON."""
Cases = Iterator[tuple[str, str]]
Sign = Callable[[bytes], bytes]


def encode(raw: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """The bytes of base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def pair(r: int, s: int) -> bytes:
    """An ECDSA signature as tokens have it (RFC 7518, 3.4)."""
    return r.to_bytes(32) + s.to_bytes(32)


def signer(key: Key) -> Sign:
    """Signs as the key's algorithm does."""
    private = key.private
    if not isinstance(private, EllipticCurvePrivateKey):
        return private.sign

    def sign(message: bytes) -> bytes:
        r, s = decode_dss_signature(private.sign(message, ECDSA(SHA256())))
        return pair(r, min(s, P256 - s))

    return sign


def members(values: dict[str, Any]) -> Members:
    """An object's members as JSON has them."""
    return {json.dumps(name): json.dumps(value) for name, value in values.items()}


def written(parts: Members) -> str:
    """The object with these members."""
    return "{" + ",".join(f"{name}:{value}" for name, value in parts.items()) + "}"


@dataclass
class Forge:
    """Makes tokens for a service whose two keys it has. `claims` are those of a good token."""

    keys: tuple[Key, Key]
    claims: dict[str, Any]
    other: tuple[Key, Key] = field(default_factory=lambda: (keys.new("EdDSA", 0), keys.new("ES256", 0)))

    def head(self, key: Key, **changes: str | None) -> Members:
        """The header of the key's tokens, with values changed as JSON; None takes one away."""
        good = members({"alg": key.algorithm, "kid": key.kid, "typ": "at+jwt"})
        return self._changed(good, changes)

    def body(self, **changes: str | None) -> Members:
        """Good claims, changed likewise."""
        return self._changed(members(self.claims), changes)

    def _changed(self, good: Members, changes: dict[str, str | None]) -> Members:
        quoted = {json.dumps(name, ensure_ascii=False): value for name, value in changes.items()}
        return {name: value for name, value in (good | quoted).items() if value is not None}

    def token(self, key: Key, head: Any = None, body: Any = None, sign: Sign | None = None) -> str:
        """A token of these parts, signed by the key unless something else signs."""
        head = self.head(key) if head is None else head
        body = self.body() if body is None else body
        first, second = (
            part if isinstance(part, bytes) else (written(part) if isinstance(part, dict) else part).encode()
            for part in (head, body)
        )
        message = f"{encode(first)}.{encode(second)}"
        return f"{message}.{encode((sign or signer(key))(message.encode()))}"

    def fill(self, text: str, good: Any = "") -> str:
        """A value of the corpus with what its names stand for."""
        names = {
            "iss": self.claims["iss"],
            "aud": self.claims["aud"],
            "kid": self.keys[0].kid,
            "other": self.other[0].kid,
            "jwk": json.dumps(self.other[0].jwk),
            "good": str(good),
        }
        for name, value in names.items():
            text = text.replace(f"{{{name}}}", value)
        return re.sub(r"\{now([+-]\d+)?\}", lambda m: str(int(time.time()) + int(m[1] or 0)), text)


def corpus(forge: Forge) -> dict[str, str]:
    """All of them by name."""
    cases: dict[str, str] = {}
    for part in (_headers, _members, _claims, _duplicates, _parts, _confusions, _signatures, _spellings, _sizes):
        for name, token in part(forge):
            assert name not in cases, name
            cases[name] = token
    return cases


def _headers(forge: Forge) -> Cases:
    for key in forge.keys:
        for value in WORDS["header"]["alg"]:
            head = forge.head(key, alg=value)
            yield f"{key.algorithm} key, alg {value}", forge.token(key, head)
            yield f"{key.algorithm} key, alg {value}, no signature", forge.token(key, head, sign=lambda _: b"")
        for name in ("alg", "kid", "typ"):
            yield f"{key.algorithm} key, no {name}", forge.token(key, forge.head(key, **{name: None}))
    key, attacker = forge.keys[0], forge.other[0]
    for value in map(forge.fill, WORDS["header"]["kid"]):
        yield f"kid {value}", forge.token(key, forge.head(key, kid=value))
        yield f"kid {value}, signed by another", forge.token(attacker, forge.head(key, kid=value))
    for value in WORDS["header"]["typ"]:
        yield f"typ {value}", forge.token(key, forge.head(key, typ=value))


def _members(forge: Forge) -> Cases:
    for name, values in WORDS["members"].items():
        for value in map(forge.fill, values):
            for key in forge.keys:
                yield f"{key.algorithm}, {name!r} {value}", forge.token(key, forge.head(key, **{name: value}))
            head = forge.head(forge.keys[0], **{name: value})
            yield f"{name!r} {value}, signed by another", forge.token(forge.other[0], head)


def _claims(forge: Forge) -> Cases:
    key, words = forge.keys[0], WORDS["claims"]
    odd = {name: words["texts"] + words.get(name, []) for name in TEXTS}
    odd |= {name: words["times"] + words[name] for name in TIMES} | {"roles": words["roles"]}
    for name, values in odd.items():
        yield f"no {name}", forge.token(key, body=forge.body(**{name: None}))
        capital = {name: None, name.upper(): json.dumps(forge.claims[name])}
        yield f"{name} in capitals", forge.token(key, body=forge.body(**capital))
        for value in values:
            filled = forge.fill(value, forge.claims[name])
            yield f"{name} {value}", forge.token(key, body=forge.body(**{name: filled}))
    yield "expired, the other key", forge.token(forge.keys[1], body=forge.body(exp=forge.fill("{now-1}")))


def _duplicates(forge: Forge) -> Cases:
    key = forge.keys[0]

    def twice(parts: Members, name: str, value: str, is_escaped: bool) -> Iterator[str]:
        text, quoted = written(parts), json.dumps(name)
        again = f'"\\u{ord(name[0]):04x}{name[1:]}"' if is_escaped else quoted
        yield f"{{{again}:{value},{text[1:]}"
        yield f"{text[:-1]},{again}:{value}}}"

    for is_escaped in (False, True):
        manner = "escaped" if is_escaped else "plain"
        for name in ("alg", "kid", "typ"):
            for value in ('"none"', forge.head(key)[json.dumps(name)]):
                for number, text in enumerate(twice(forge.head(key), name, value, is_escaped)):
                    yield f"{name} twice, {manner}, {value}, {number}", forge.token(key, text)
        for name in forge.claims:
            for value in ('"x"', "null", forge.body()[json.dumps(name)]):
                for number, text in enumerate(twice(forge.body(), name, value, is_escaped)):
                    yield f"{name} twice, {manner}, {value}, {number}", forge.token(key, body=text)


def _parts(forge: Forge) -> Cases:
    def raw(text: str) -> bytes:
        return bytes.fromhex(text[4:]) if text.startswith("hex:") else text.encode()

    key = forge.keys[0]
    for text in WORDS["parts"]["header"]:
        yield f"header is {text}", forge.token(key, raw(text))
    for text in WORDS["parts"]["payload"]:
        yield f"payload is {text}", forge.token(key, body=raw(text))
    for text in WORDS["parts"]["around"]:
        yield f"header in {text!r}", forge.token(key, text.replace("{json}", written(forge.head(key))))
        yield f"payload in {text!r}", forge.token(key, body=text.replace("{json}", written(forge.body())))
    for name in ("utf-16", "utf-16-be", "utf-32"):
        yield f"header in {name}", forge.token(key, written(forge.head(key)).encode(name))
        yield f"payload in {name}", forge.token(key, body=written(forge.body()).encode(name))


def _confusions(forge: Forge) -> Cases:
    """What everybody knows as the secret of an HMAC, and one key in place of another."""
    for key in forge.keys:
        for form, secret in _public_forms(key).items():
            for bits in (256, 384, 512):
                head = forge.head(key, alg=f'"HS{bits}"')

                def sign(message: bytes, secret: bytes = secret, bits: int = bits) -> bytes:
                    return hmac.digest(secret, message, f"sha{bits}")

                yield f"HS{bits} with {key.algorithm}'s {form}", forge.token(key, head, sign=sign)
            head = forge.head(key)
            token = forge.token(key, head, sign=lambda m, secret=secret: hmac.digest(secret, m, "sha512"))  # type: ignore[misc]
            yield f"an HMAC as {key.algorithm}, with its {form}", token
    for claimed in forge.keys:
        for actual in (*forge.keys, *forge.other):
            for algorithm in keys.ALGORITHMS:
                if actual is not claimed or algorithm != claimed.algorithm:
                    whose = "another's" if actual in forge.other else "our"
                    name = f"kid of {claimed.algorithm}, alg {algorithm}, signed by {whose} {actual.algorithm}"
                    yield name, forge.token(actual, forge.head(claimed, alg=f'"{algorithm}"'))


def _public_forms(key: Key) -> dict[str, bytes]:
    pem = key.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    forms = {
        "PEM": pem,
        "PEM without its last line break": pem.rstrip(b"\n"),
        "PEM in one line": pem.replace(b"\n", b""),
        "PEM of Windows": pem.replace(b"\n", b"\r\n"),
        "DER": key.public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "JWK": json.dumps(key.jwk).encode(),
        "JWK without spaces": json.dumps(key.jwk, separators=(",", ":")).encode(),
        "JWK, sorted": json.dumps(key.jwk, separators=(",", ":"), sort_keys=True).encode(),
        "JWK Set": json.dumps({"keys": [key.jwk]}).encode(),
        "x": str(key.jwk["x"]).encode(),
        "x, decoded": decode(key.jwk["x"]),
        "kid": key.kid.encode(),
        "nothing": b"",
        "a zero": b"\x00",
        "a word": b"secret",
    }
    if key.algorithm == "ES256":
        forms["point"] = key.public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        forms["short point"] = key.public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    return forms


def _signatures(forge: Forge) -> Cases:
    for key in forge.keys:
        message, _, text = forge.token(key).rpartition(".")
        good = decode(text)
        odd = {f"the first {n} bytes": good[:n] for n in range(len(good))}
        for n in range(len(good)):
            odd[f"byte {n} changed"] = good[:n] + bytes([good[n] ^ 1]) + good[n + 1 :]
        odd |= {
            "a zero more": good + b"\x00",
            "a zero before": b"\x00" + good,
            "twice": good + good,
            "backwards": good[::-1],
            "halves exchanged": good[32:] + good[:32],
            "as hexadecimal": good.hex().encode(),
            "in base64 twice": text.encode(),
            "zeros": bytes(64),
            "ones": b"\xff" * 64,
        }
        odd |= _of_curve(key, good)
        for name, signature in odd.items():
            yield f"{key.algorithm} signature: {name}", f"{message}.{encode(signature)}"
        first, second = message.split(".")
        for name, signed in {
            "of the header alone": first,
            "of the payload alone": second,
            "without the dot": first + second,
            "of what is encoded": decode(first).decode() + "." + decode(second).decode(),
            "of more": message + ".",
            "of the other order": f"{second}.{first}",
            "of nothing": "",
        }.items():
            yield f"{key.algorithm} signature {name}", f"{message}.{encode(signer(key)(signed.encode()))}"
        for name, claim in {"sub": '"somebody else"', "roles": '["admin"]', "exp": forge.fill("{now+1000}")}.items():
            other = forge.token(key, body=forge.body(**{name: claim})).split(".")[1]
            yield f"{key.algorithm}: {name} changed after it was signed", f"{first}.{other}.{text}"


def _of_curve(key: Key, good: bytes) -> dict[str, bytes]:
    if key.algorithm == "EdDSA":
        r, s = good[:32], int.from_bytes(good[32:], "little")
        odd = {"S of another form": r + (s + ED25519).to_bytes(32, "little"), "S of nothing": r + bytes(32)}
        odd["S, the order"] = r + ED25519.to_bytes(32, "little")
        odd["S, negative"] = r + (ED25519 - s).to_bytes(32, "little")
        for point in map(bytes.fromhex, WORDS["signatures"]["small_order"]):
            odd[f"R {point.hex()}, S of nothing"] = point + bytes(32)
            odd[f"R {point.hex()}, S the order"] = point + ED25519.to_bytes(32, "little")
            odd[f"R {point.hex()}"] = point + good[32:]
        return odd
    r_, s_ = int.from_bytes(good[:32]), int.from_bytes(good[32:])
    limits = {"0": 0, "1": 1, "order - 1": P256 - 1, "order": P256, "order + 1": P256 + 1, "all bits": 2**256 - 1}
    pairs = {f"r {a}, s {b}": pair(x, y) for a, x in limits.items() for b, y in limits.items()}
    pairs |= {f"r as it was, s {name}": pair(r_, value) for name, value in limits.items()}
    pairs |= {f"s as it was, r {name}": pair(value, s_) for name, value in limits.items()}
    der = encode_dss_signature(r_, s_)
    return pairs | {"the other s": pair(r_, P256 - s_), "DER": der, "DER in 64 bytes": der[:64].ljust(64, b"\x00")}


def _spellings(forge: Forge) -> Cases:
    for key in forge.keys:
        token = forge.token(key)
        parts = token.split(".")
        for text in WORDS["spellings"]["whole"]:
            yield f"{key.algorithm} as {text!r}", filled(text, token)
        for number, part in enumerate(parts):
            for name, changed in _other_spellings(part).items():
                whole = ".".join([*parts[:number], changed, *parts[number + 1 :]])
                yield f"{key.algorithm}, part {number}: {name}", whole
        yield f"{key.algorithm} in capitals", token.upper()
        yield f"{key.algorithm} backwards", token[::-1]
        yield f"{key.algorithm} in base64 once more", encode(token.encode())


def filled(text: str, token: str) -> str:
    """A spelling of the corpus for a token."""
    for number, part in enumerate(token.split("."), 1):
        text = text.replace(f"{{{number}}}", part)
    return text.replace("{token}", token)


def _other_spellings(part: str) -> dict[str, str]:
    """The same bytes as other decoders would take them, and a few that are nearly the same."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    spellings = {
        "padded": part + "=" * (-len(part) % 4 or 4),
        "space inside": f"{part[:4]} {part[4:]}",
        "percent": f"%{ord(part[0]):02X}{part[1:]}",
        "plus inside": f"{part[:4]}+{part[4:]}",
        "slash inside": f"{part[:4]}/{part[4:]}",
        "a letter less": part[:-1],
        "a letter more": part + "A",
        "full width": chr(ord(part[0]) + 0xFEE0) + part[1:],
    }
    for bits in range(1, {2: 16, 3: 4}.get(len(part) % 4, 1)):  # those that the last letter has and no byte
        spellings[f"unused bits {bits}"] = part[:-1] + alphabet[alphabet.index(part[-1]) + bits]
    return spellings


def _sizes(forge: Forge) -> Cases:
    key = forge.keys[0]
    for size in (3000, 4096, 30_000):
        yield f"kid of {size} letters", forge.token(key, forge.head(key, kid=json.dumps("x" * size)))
        yield f"jti of {size} letters", forge.token(key, body=forge.body(jti=json.dumps("x" * max(size, 4096))))
    for depth in (32, 500):
        nested = "[" * depth + "]" * depth
        yield f"header {depth} deep", forge.token(key, forge.head(key, crit=nested))
        yield f"roles {depth} deep", forge.token(key, body=forge.body(roles=nested))
    many = {f"m{number}": "0" for number in range(200)}
    yield "a header of 200 members", forge.token(key, forge.head(key, **many))
    yield "an exp of 4000 digits", forge.token(key, body=forge.body(exp="9" * 2500))
