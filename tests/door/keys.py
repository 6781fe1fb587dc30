"""Key pairs of every kind.

They stand in public and guard nothing: tests need the same ones again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.door.model.authentication.ring import Key

HMAC = ("HS256", "HS384", "HS512")
RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
NATIVE = (*HMAC, *RSA, "ES256", "ES384", "ES512", "EdDSA")

_SIGNERS = jwt.PyJWS()

RSA_PRIMES = [
    (
        "e1fe823a661b8c30e34e69f89135cd13dc107ac88c16c8cdc66e6d2a9743a1dd6a6d4df75544468c"
        "5dd245908ed6c41db2eb31d4c0977f0b4e1d1cb7d62c4d50d25c6ea4eeafecc2be7cad24149ec7f5"
        "a6bb6da582ad6073352270dcde0ed4253e54db988f6f1d85848d9aa8f370863477ded00560bef330"
        "b99a4a58afe2a837",
        "dce045e0d26c47706e9f6ac3a3af07812937ab42bc15ccab55608d7c75d0873bd060516236dfd5e4"
        "4b9d546476794a497a4cc8cbf0ab2e7f700a9a1fd41267179a011c2a18a56fc9f874ef8c1074c88a"
        "ddb8d43d5663bf0157d85d7cbee63514ebcae04c921090881c328067a3dc269b4e1db65cb51f7f70"
        "32b8cc2bfc8f0b93",
    ),
    (
        "d6366727e3a779f2c225dee5b83b06d926663ec8ee99f69c23a7d5f023a7a1c072b70e71c95f87e4"
        "e6a340e44654c96873e0f7122147b2ac3f125a1f78114ba5062e390d8e90fc9682baab27c3278754"
        "d547ea08c34ff768db55f6f8fb43006c81b868ab283d2ae52806f70e4273bcc5739c22c0587774b3"
        "4e617dd8c5e628b5",
        "bb4edb4ab15767075b63937773cc31a274b0e85cd974a0c758d0e6671d589ac4c16b487131901cb1"
        "2ca24172ce13440a3869eefff3e0944f3fd8fbe62ad9496532b5e1ead51a75cc97b8ad4fccd26077"
        "095807db881efae6805f13d53e81530b3aca18b8c0bd7c4fb5c25758f65f3363c44ee8c5e4097ba2"
        "6d07db28742db5e3",
    ),
]


@dataclass(frozen=True)
class Pair:
    """Both halves of a key, and what the gate is given of it."""

    name: str
    kind: str
    algorithms: tuple[str, ...]
    material: bytes = field(repr=False)
    private: object = field(repr=False)
    public: object = field(repr=False)

    def sign(self, algorithm: str, signing_input: bytes) -> bytes:
        signer = _SIGNERS.get_algorithm_by_name(algorithm)
        return signer.sign(signing_input, signer.prepare_key(self.private))

    def key(self, key_id: str | None = None, *algorithms: str) -> Key:
        """The public half as a member of a ring."""
        return Key(key_id, algorithms or self.algorithms, self.kind, self.material, self.public)


def secret(name: str) -> Pair:
    """Long enough for every HMAC of RFC 7518 section 3.2."""
    material = (f"{name} is known to everybody. " * 3).encode()[:64]
    return Pair(name, "hmac", HMAC, material, material, material)


def rsa_pair(name: str, primes: tuple[str, str], exponent: int = 65537) -> Pair:
    p, q = (int(prime, 16) for prime in primes)
    d = pow(exponent, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p,
        q,
        d,
        rsa.rsa_crt_dmp1(d, p),
        rsa.rsa_crt_dmq1(d, q),
        rsa.rsa_crt_iqmp(p, q),
        rsa.RSAPublicNumbers(exponent, p * q),
    )
    private = numbers.private_key()
    public = private.public_key()
    return Pair(name, "rsa", RSA, rsa_material(public), private, public)


def rsa_material(public: rsa.RSAPublicKey) -> bytes:
    return public.public_bytes(Encoding.DER, PublicFormat.PKCS1)


def curve_pair(name: str, kind: str, algorithm: str, curve: ec.EllipticCurve, scalar: int) -> Pair:
    private = ec.derive_private_key(scalar, curve)
    public = private.public_key()
    material = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return Pair(name, kind, (algorithm,), material, private, public)


def edwards_pair(name: str, seed: bytes) -> Pair:
    private = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    public = private.public_key()
    return Pair(name, "ed25519", ("EdDSA",), public.public_bytes_raw(), private, public)


def ed448_pair(name: str, seed: bytes) -> Pair:
    """What the native side lacks; the gate only passes it on."""
    private = ed448.Ed448PrivateKey.from_private_bytes(seed)
    return Pair(name, "external", ("EdDSA",), name.encode(), private, private.public_key())


def external_curve_pair(name: str, scalar: int) -> Pair:
    private = ec.derive_private_key(scalar, ec.SECP256K1())
    return Pair(name, "external", ("ES256K",), name.encode(), private, private.public_key())


def by_name(*pairs: Pair) -> dict[str, Pair]:
    return {pair.name: pair for pair in pairs}


PAIRS = by_name(
    secret("secret-a"),
    secret("secret-b"),
    rsa_pair("rsa-a", (RSA_PRIMES[0][0], RSA_PRIMES[0][1])),
    rsa_pair("rsa-b", (RSA_PRIMES[1][0], RSA_PRIMES[1][1])),
    curve_pair("p256-a", "p256", "ES256", ec.SECP256R1(), 2**255 // 3),
    curve_pair("p256-b", "p256", "ES256", ec.SECP256R1(), 2**255 // 7),
    curve_pair("p384-a", "p384", "ES384", ec.SECP384R1(), 2**383 // 3),
    curve_pair("p384-b", "p384", "ES384", ec.SECP384R1(), 2**383 // 7),
    curve_pair("p521-a", "p521", "ES512", ec.SECP521R1(), 2**520 // 3),
    curve_pair("p521-b", "p521", "ES512", ec.SECP521R1(), 2**520 // 7),
    edwards_pair("ed25519-a", bytes(range(32))),
    edwards_pair("ed25519-b", bytes(range(32, 64))),
    ed448_pair("ed448-a", bytes(range(57))),
    external_curve_pair("secp256k1-a", 2**255 // 5),
)
