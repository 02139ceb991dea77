"""What names a model of a site, and what the names that a site gives become here."""

import pytest

from daemon.library.models.remote.door import check_address
from daemon.library.models.remote.named import fit_name, named, target
from schema.errors import Refused


@pytest.mark.parametrize(
    ("name", "fit"),
    [
        ("haze.safetensors", "haze.safetensors"),
        ("../../.ssh/haze.safetensors", "haze.safetensors"),
        ("..\\haze.safetensors", "haze.safetensors"),
        ("...haze.safetensors", "haze.safetensors"),
        ("a\x00b\u202e:c.safetensors", "a_b__c.safetensors"),
    ],
)
def test_names_of_sites_are_made_plain(name, fit):
    assert fit_name(name) == fit


@pytest.mark.parametrize(
    "name", ["", "..", ".safetensors", "haze.sh", "haze.pt", "haze.ckpt", "x" * 300 + ".safetensors"]
)
def test_names_that_are_none_are_refused(name):
    with pytest.raises(Refused):
        fit_name(name)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    root = tmp_path / "models"
    for folder in (root, tmp_path / "elsewhere"):
        folder.mkdir()
    (root / "Lora").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(Refused, match="leads out of"):
        target([root], "loras", "haze.safetensors")
    with pytest.raises(Refused, match="what kind of model"):
        target([root], "", "haze.safetensors")
    with pytest.raises(Refused, match=r"\[library\] models"):
        target([], "loras", "haze.safetensors")
    assert target([root], "vaes", "a.safetensors") == root / "vae/a.safetensors"


@pytest.mark.parametrize(
    ("text", "source", "id"),
    [
        ("civitai:21", "civitai", "21"),
        ("https://civitai.com/models/7/sea-haze?modelVersionId=21", "civitai", "21"),
        ("https://civitai.com/api/download/models/21", "civitai", "21"),
        ("hf:artist/haze/sub/haze.safetensors", "huggingface", "artist/haze/sub/haze.safetensors"),
        ("https://huggingface.co/artist/haze/blob/main/s/a.safetensors", "huggingface", "artist/haze/s/a.safetensors"),
        ("https://huggingface.co/artist/haze", "huggingface", "artist/haze"),
        ("about:haze", "about", "haze"),
    ],
)  # fmt: skip
def test_downloads_are_named_as_people_find_them(text, source, id):
    assert named(text) == (source, id)


@pytest.mark.parametrize("text", ["", "haze", "civitai:", "https://example.org/x", "ftp://civitai.com/models/7"])
def test_what_names_no_download_is_refused(text):
    with pytest.raises(Refused, match="names no download"):
        named(text)


@pytest.mark.parametrize(
    "host", ["93.184.215.14", "civitai.com", "cdn.example.org", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"]
)
def test_public_addresses_are_asked(host):
    check_address(host)
