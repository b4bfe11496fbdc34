"""Docker v1 ids: those that a real daemon (20.10) wrote for this image."""

from __future__ import annotations

from s3lo.model.digest import Digest
from s3lo.transports.docker_v1 import layer_namer, v1_ids

DIFF_IDS = [
    Digest.from_hex("38c38a2558b76eab034d02c8965cee1ba6d74081c4f938dd827ed4c8d2f48aeb"),
    Digest.from_hex("1b5e5238c304c04228c4b4950d8702d9712945e890674f5b73b91377d48eff6b"),
    Digest.from_hex("c7df71c383627e4b9d456a9fc58d2d0467709de3889a73f8acecd9760fc2dbed"),
]
IDS = [
    "35d3bcfbdc2e06db71f70591647b93e48ba717bdd51fefdb942b288ba5df6e01",
    "b1aaed29d8983c99bcb2e64e27f2c30e6109d12fb1be6674b0baa40dddaef9dc",
]


def test_ids_follow_from_the_layers_below() -> None:
    assert v1_ids(DIFF_IDS) == IDS
    assert v1_ids(DIFF_IDS[:1]) == []


def test_a_layer_is_known_by_its_directory_and_the_topmost_by_none() -> None:
    name = layer_namer(DIFF_IDS)
    top = "b8ea9e8d83be180ff505b1d3e062bc674c8e7aea9cec0e13cd417ef0e4114179"
    assert [name(f"{id_}/layer.tar") for id_ in (*IDS, top)] == DIFF_IDS


def test_what_is_no_layer_has_no_name() -> None:
    name = layer_namer(DIFF_IDS)
    assert name(f"{IDS[0]}/json") is None
    assert name("manifest.json") is None
    assert name(f"x{IDS[0]}/layer.tar") is None
    assert layer_namer([])(f"{IDS[0]}/layer.tar") is None
