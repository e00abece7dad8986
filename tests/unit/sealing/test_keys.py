"""Keys are taken in every promised form, and refused without being shown."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from paykeel.errors import InvalidInput, Misconfigured
from paykeel.sealing.keys import read_private_key, read_public_keys
from paykeel.sealing.signing import SigningKey, key_id_of, verifies

if TYPE_CHECKING:
    from pathlib import Path

SEED = bytes(range(32))
PUBLIC = SigningKey.from_seed(SEED).public_key
_KEY = ed25519.Ed25519PrivateKey.from_private_bytes(SEED)
PEM = _KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
PUBLIC_PEM = _KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
OTHER_PEM = (
    ec.generate_private_key(ec.SECP256R1())
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    .decode()
)


@pytest.mark.parametrize("text", [base64.b64encode(SEED).decode(), PEM])
def test_a_key_is_read_from_the_setting_and_from_a_file(text: str, tmp_path: Path) -> None:
    file = tmp_path / "seal.key"
    file.write_text(f"{text}\n")

    assert read_private_key(text).public_key == PUBLIC
    assert read_private_key(str(file)).public_key == PUBLIC


@pytest.mark.parametrize(
    "text",
    ["", "c2hvcnQ=", "no such file", OTHER_PEM, PEM[:60], base64.b64encode(bytes(64)).decode()],
)
def test_what_is_no_key_is_refused_and_not_shown(text: str, tmp_path: Path) -> None:
    file = tmp_path / "seal.key"
    file.write_text(text)
    for given in (text, str(file), str(tmp_path)):
        with pytest.raises(Misconfigured) as refused:
            read_private_key(given)
        assert refused.value.code == "sealing_key_invalid"
        assert not text or text not in refused.value.message


def test_a_signature_is_of_one_key_and_one_text() -> None:
    key = SigningKey.from_seed(SEED)
    signature = key.sign(b"a")

    assert verifies(PUBLIC, signature, b"a")
    assert not verifies(PUBLIC, signature, b"b")
    assert not verifies(SigningKey.from_seed(bytes(32)).public_key, signature, b"a")
    assert not verifies(b"short", signature, b"a")


def test_the_signature_is_that_of_the_standard() -> None:
    """RFC 8032, section 7.1, the first test."""
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    key = SigningKey.from_seed(seed)

    assert (
        key.public_key.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    )
    assert key.sign(b"").hex().startswith("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06")


@pytest.mark.parametrize("text", [PUBLIC.hex(), base64.b64encode(PUBLIC).decode()])
def test_trusted_keys_are_read_singly_and_from_a_file(text: str, tmp_path: Path) -> None:
    file = tmp_path / "trusted"
    file.write_text(f"# ours\n\n{text}  # since 2026\n{'ab' * 32}\n")

    assert read_public_keys(text) == {PUBLIC}
    assert read_public_keys(str(file)) == {PUBLIC, bytes.fromhex("ab" * 32)}


def test_a_trusted_key_may_be_pem(tmp_path: Path) -> None:
    file = tmp_path / "trusted.pem"
    file.write_bytes(PUBLIC_PEM)

    assert read_public_keys(str(file)) == {PUBLIC}


@pytest.mark.parametrize("text", ["", "abc", "x" * 64, "-----BEGIN PUBLIC KEY-----\n"])
def test_what_is_no_trusted_key_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "trusted"
    file.write_text(text)
    for given in (text, str(file)):
        with pytest.raises(InvalidInput) as refused:
            read_public_keys(given)
        assert refused.value.code == "trusted_key_invalid"


def test_a_key_is_named_by_its_hash() -> None:
    assert key_id_of(PUBLIC) == key_id_of(PUBLIC)
    assert len(key_id_of(PUBLIC)) == 16
