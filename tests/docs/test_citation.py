"""CITATION.cff and CHANGELOG.md have the form that their readers expect."""

import re

import pytest
import yaml

from core.files import PROJECT

CITATION = yaml.safe_load((PROJECT / "CITATION.cff").read_text(encoding="utf-8"))
README = (PROJECT / "README.md").read_text(encoding="utf-8")
CHANGELOG = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
ENTRY = re.compile(r"^@inproceedings\{\w+,\n(.*?)^\}", re.MULTILINE | re.DOTALL)
FIELD = re.compile(r"^ +(\w+) += \{(.*)\}", re.MULTILINE)

# Of the schema of CFF 1.2.0: https://github.com/citation-file-format/citation-file-format
TOP_KEYS = {
    "abstract", "authors", "cff-version", "commit", "contact", "date-released", "doi",
    "identifiers", "keywords", "license", "license-url", "message", "preferred-citation",
    "references", "repository", "repository-artifact", "repository-code", "title", "type", "url",
    "version",
}  # fmt: skip
PERSON = {"family-names", "given-names", "name-particle", "name-suffix", "affiliation", "orcid"}


def bibtex():
    """Return the entries of the README in order, each as a dict."""
    return [dict(FIELD.findall(entry)) for entry in ENTRY.findall(README)]


def test_required_fields_are_there_and_no_field_is_unknown():
    assert CITATION["cff-version"] == "1.2.0"
    assert CITATION["message"] and CITATION["title"] and CITATION["type"] == "software"
    assert CITATION["authors"] and set(CITATION) <= TOP_KEYS


def test_the_licence_is_that_of_the_project():
    licence = (PROJECT / "LICENSE").read_text(encoding="utf-8")
    assert licence.startswith(f"{CITATION['license']} License")
    assert any(author.get("name", "") in licence for author in CITATION["authors"])


@pytest.mark.parametrize("number", [0, 1])
def test_the_papers_are_those_of_the_readme(number):
    paper = [CITATION["preferred-citation"], *CITATION["references"]][number]
    expected = bibtex()[number]
    assert paper["type"] == "conference-paper" and paper["conference"]["name"]
    assert paper["title"] == expected["title"]
    assert paper["collection-title"] == expected["booktitle"]
    assert paper["year"] == int(expected["year"])
    names = []
    for author in paper["authors"]:
        assert set(author) <= PERSON
        names.append(f"{author['family-names']}, {author['given-names']}")
    assert " and ".join(names) == expected["author"]


def test_the_changelog_has_versions_and_known_groups():
    versions = re.findall(r"^## (.*)$", CHANGELOG, re.MULTILINE)
    assert versions[0] == "[Unreleased]"
    for version in versions[1:]:
        assert re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", version)
    groups = re.findall(r"^### (.*)$", CHANGELOG, re.MULTILINE)
    assert set(groups) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
