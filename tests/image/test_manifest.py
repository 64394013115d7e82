"""Packages with their licences, and hashes of our own files that tell every change."""

from __future__ import annotations

from pathlib import Path

import pytest

from image import manifest
from image.manifest import Package


def test_installed_packages_have_their_licences(root: Path) -> None:
    assert list(manifest.debian_packages(root)) == [
        Package(
            "debian",
            "libexample",
            "1.2-3",
            ("GPL-2+", "MIT"),
            "/usr/share/doc/libexample/copyright",
        )
    ]


def test_a_documentation_folder_may_be_a_link(root: Path) -> None:
    folder = root / "usr/share/doc/libexample"
    for target in ("other", "/usr/share/doc/other"):
        folder.rename(root / "usr/share/doc/other")
        folder.symlink_to(target)
        assert next(manifest.debian_packages(root)).licences == ("GPL-2+", "MIT")
        folder.unlink()
        (root / "usr/share/doc/other").rename(folder)


def test_an_old_copyright_file_names_common_licences() -> None:
    text = "It is free.\nOn Debian see /usr/share/common-licenses/GPL-2.\n"
    assert manifest.licences(text) == ["GPL-2"]
    assert manifest.licences("Do as you like.") == []


@pytest.mark.parametrize(
    ("fields", "licence"),
    [
        ("License-Expression: Apache-2.0 OR MIT\nLicense: long", "Apache-2.0 OR MIT"),
        ("Classifier: License :: OSI Approved :: MIT License", "MIT License"),
        ("License: BSD\n and its text", "BSD"),
    ],
)
def test_a_wheels_licence_stands_in_one_of_three_fields(
    root: Path, fields: str, licence: str
) -> None:
    metadata = next(root.rglob("METADATA"))
    metadata.write_text(f"Name: example\nVersion: 1.0\n{fields}\n\n")
    (found,) = manifest.python_packages(root)
    assert (found.name, found.version, found.licences) == ("example", "1.0", (licence,))


def test_own_files_are_listed_once_and_in_order(root: Path) -> None:
    files = manifest.own_files(root)
    paths = [file.path for file in files]
    assert paths == sorted(set(paths))
    assert "/opt/polar-appliance/0.1.0/bin/polar-appliance" in paths
    assert not any("libexample" in path for path in paths)


def test_each_change_changes_the_sums(root: Path) -> None:
    before = manifest.sums(manifest.own_files(root))
    assert manifest.sums(manifest.own_files(root)) == before
    program = root / "opt/polar-appliance/0.1.0/bin/polar-appliance"
    program.chmod(0o644)
    modes = manifest.sums(manifest.own_files(root))
    program.chmod(0o755)
    program.write_text("other")
    content = manifest.sums(manifest.own_files(root))
    link = root / "opt/polar-appliance/current"
    link.unlink()
    link.symlink_to("0.2.0")
    assert len({before, modes, content, manifest.sums(manifest.own_files(root))}) == 4


def test_what_the_stage_copies_is_ours() -> None:
    copied = {str(path) for path in manifest.copied()}
    assert "usr/lib/sysusers.d/polar-appliance.conf" in copied
    assert "etc/cloud/cloud.cfg.d/99-polar-appliance.cfg" in copied
