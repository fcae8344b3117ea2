from dataclasses import replace
from datetime import UTC, datetime
from html import escape

import pytest

from dashboard.presentation import escape_markdown
from monitoring.anchor import Anchor, Anchors, anchors_in, short_anchor
from monitoring.errors import AuditChainError

HEAD = Anchor(12, "ab" * 32, datetime(2026, 11, 25, 1, 2, 3, tzinfo=UTC))
START = "0" * 64


@pytest.mark.parametrize(
    "text",
    [
        HEAD.line,
        f"# Minutes\n\n- Ada was here\n- `{HEAD.line}`\n",
        f"<p>Record: <code>{escape(HEAD.line)}</code></p>",
        escape_markdown(HEAD.line),
        HEAD.line.replace(" ", "\n  "),
        f"\ufeff{HEAD.line}\r\n",
    ],
)
def test_line_is_found_in_whatever_text_it_stands(text: str) -> None:
    assert anchors_in(text, where="minutes.md") == (replace(HEAD, where="minutes.md"),)


@pytest.mark.parametrize("text", ["", "modelfolio audit head", HEAD.line.replace("ab", "AB"), HEAD.line[:-1]])
def test_what_is_no_line_is_not_found(text: str) -> None:
    assert anchors_in(text) == ()


def test_head_as_verify_prints_it_is_read() -> None:
    assert short_anchor(f"12:{'ab' * 32}") == replace(HEAD, at=None)
    assert short_anchor("12:ab") is None


def test_trail_without_its_tail_or_with_another_row_is_refused() -> None:
    def read(*rows: str) -> None:
        anchors = Anchors([replace(HEAD, sequence=2, where="minutes.md")], first_previous_hash=START)
        for number, digest in enumerate(rows, 1):
            anchors.meet(number, digest)
        anchors.end(len(rows))

    read("cd" * 32, "ab" * 32, "ef" * 32)
    with pytest.raises(AuditChainError, match=r"row 2 is missing: row 2 was .* on 2026-11-25 01:02 UTC in minutes\.md"):
        read("cd" * 32)
    with pytest.raises(AuditChainError, match="row 2 is not the one written down on"):
        read("cd" * 32, "cd" * 32)


def test_trail_that_began_anew_is_refused() -> None:
    with pytest.raises(AuditChainError, match="row 0 is not the one"):
        Anchors([replace(HEAD, sequence=0)], first_previous_hash=START)


def test_head_with_a_time_that_does_not_exist_is_one_sentence() -> None:
    line = f"modelfolio audit head 7 {'ab' * 32} 20261399T999999Z"
    with pytest.raises(AuditChainError, match=r"in heads\.txt has a time that does not exist: 20261399T999999Z"):
        anchors_in(line, where="heads.txt")
