"""The vault: what is sealed opens with its key and for its student alone, and is never shown."""

import base64
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from schemas.errors import SettingsError
from schemas.settings import Settings
from schemas.vault import Identity, Vault, VaultError, new_key, vault_of

ONE, OTHER = Vault(bytes(32)), Vault(bytes(range(32)))
WHO = Identity("pupil-1", "Zoë", "O'Brien, née X")


@given(st.text(max_size=80), st.text(max_size=80), st.integers(-(2**63), 2**63 - 1))
def test_any_name_comes_back(sourced_id, name, student_id):
    identity = Identity(sourced_id, name, name)
    assert ONE.open(student_id, ONE.seal(student_id, identity)) == identity


def test_the_same_name_is_never_sealed_to_the_same_bytes():
    assert len({ONE.seal(1, WHO) for _ in range(50)}) == 50


def test_a_row_that_was_moved_to_another_student_does_not_open():
    with pytest.raises(VaultError, match="sealed with another key, or was changed"):
        ONE.open(2, ONE.seal(1, WHO))


def test_another_key_opens_nothing_and_is_named():
    with pytest.raises(VaultError, match=f"does not open with key {OTHER.key_id}"):
        OTHER.open(1, ONE.seal(1, WHO))


@given(st.data())
def test_what_was_changed_or_cut_does_not_open(data):
    sealed = bytearray(ONE.seal(1, WHO))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    for damaged in (bytes(sealed), bytes(sealed[:place])):
        with pytest.raises(VaultError):
            ONE.open(1, damaged)


def test_ids_are_found_again_by_site_and_key_only():
    hashed = ONE.hash_sourced_id("school", "pupil-1")
    assert hashed == Vault(bytes(32)).hash_sourced_id("school", "pupil-1")
    others = {
        ONE.hash_sourced_id("school", "pupil-2"),
        ONE.hash_sourced_id("schoo", "lpupil-1"),
        OTHER.hash_sourced_id("school", "pupil-1"),
    }
    assert len({hashed, *others}) == 4
    assert b"pupil" not in hashed


def test_neither_names_nor_keys_are_shown_when_printed(caplog):
    key = new_key()
    settings = Settings(vault_key=SecretStr(key))
    with caplog.at_level(logging.DEBUG):
        logging.getLogger().info("%s %s %s", WHO, vault_of(settings), settings)
    for secret in (key, "Zoë", "Brien", "pupil-1"):
        assert secret not in caplog.text
    assert ONE.key_id != OTHER.key_id
    assert bytes(32).hex()[:16] != ONE.key_id


def test_a_key_comes_from_the_environment_or_from_a_file(tmp_path):
    key = new_key()
    assert len(base64.b64decode(key)) == 32
    path = tmp_path / "key"
    path.write_text(f"{key}\n")
    of_file = vault_of(Settings(vault_key_file=path))
    assert of_file.key_id == vault_of(Settings(vault_key=SecretStr(key))).key_id


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "no key is set: set FACEPOSE_VAULT_KEY, or FACEPOSE_VAULT_KEY_FILE"),
        ({"vault_key": SecretStr("no key!")}, "FACEPOSE_VAULT_KEY is not base64"),
        ({"vault_key": SecretStr("AAAA")}, "has 3 bytes instead of 32"),
        ({"vault_key_file": "/nowhere/key"}, "/nowhere/key cannot be read: No such file"),
    ],
)
def test_a_key_that_is_none_says_how_to_make_one(settings, told):
    with pytest.raises(SettingsError, match="make one with `facepose roster key`") as caught:
        vault_of(Settings(**settings))
    assert told in str(caught.value)
    assert "no key!" not in str(caught.value)


def test_two_keys_are_one_too_many(tmp_path):
    with pytest.raises(SettingsError, match="not both"):
        vault_of(Settings(vault_key=SecretStr(new_key()), vault_key_file=tmp_path))
