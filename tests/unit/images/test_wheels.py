"""What has no wheel is told apart, and a lock names it as it was asked for."""

from __future__ import annotations

import pytest

from launcher.errors import BuildError
from launcher.images.wheels import Git, lock_of, of_lock, plan


def test_what_an_index_has_wheels_of_is_left_as_it_is() -> None:
    wheel = "y-1-py3-none-any.whl"
    lines = ("six<2", "dlt[duckdb]==1.31.0", f"y @ https://example.org/{wheel}", f"./w/{wheel}")
    found = plan(lines)
    assert found.lines == (*lines[:3], f"./local/w/{wheel}")
    assert found.builds == ()


@pytest.mark.parametrize(
    ("text", "line", "asked", "git"),
    [
        ("./packages/erp[pdf]", "@@0@@[pdf]", "./local/packages/erp", None),
        ("./packages/erp-1.tar.gz", "@@0@@", "./local/packages/erp-1.tar.gz", None),
        ("https://example.org/erp-1.tar.gz", "@@0@@", "https://example.org/erp-1.tar.gz", None),
        (
            "erp[pdf] @ git+https://example.org/acme/erp.git@v1#subdirectory=python/erp",
            "erp[pdf] @ file://@@0@@",
            "",
            Git("https://example.org/acme/erp.git", "v1", "python/erp"),
        ),
        ("git+https://example.org/erp", "@@0@@", "", Git("https://example.org/erp", "")),
        ("git+ssh://git@example.org/erp", "@@0@@", "", Git("ssh://git@example.org/erp", "")),
        ("e @ git+https://x.org/e#subdirectory=../..", "e @ file://@@0@@", "", Git("https://x.org/e", "")),
    ],
)
def test_what_is_built_stands_as_a_number(text: str, line: str, asked: str, git: Git | None) -> None:
    found = plan([text])
    assert found.lines == (line,)
    (item,) = found.builds
    assert (item.number, item.text, item.asked, item.git) == (0, text, asked, git)


def test_a_package_that_turns_out_to_have_no_wheel_is_built_as_it_was_asked_for() -> None:
    found = plan(["six", "Doc_Opt[x]<1 ; python_version > '3'"], ["doc-opt", "deep"])
    assert found.lines == (
        "six",
        'Doc_Opt[x] @ file://@@0@@ ; python_version > "3"',
        "deep @ file://@@1@@",
    )
    assert [item.asked for item in found.builds] == ["Doc_Opt[x]<1 ; python_version > '3'", "deep"]


LOCK = """\
# Made by: dltpod lock one
docopt==0.6.2 \\
    --hash=sha256:aa
six==1.17.0 \\
    --hash=sha256:bb \\
    --hash=sha256:cc
./packages/erp[pdf]
erp2 @ git+https://example.org/erp@0123
"""


def test_of_a_lock_what_is_built_is_built_by_its_hash() -> None:
    hashed, rest = of_lock(LOCK, ["docopt"])
    assert hashed == "six==1.17.0 \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc\n"
    assert rest.lines == ("docopt @ file://@@0@@", "@@1@@[pdf]", "erp2 @ file://@@2@@")
    assert rest.builds[0].asked == "docopt==0.6.2 \\\n    --hash=sha256:aa"


def test_a_lock_names_what_was_built_as_it_was_asked_for_and_a_clone_by_its_commit() -> None:
    made = plan(["./packages/erp[pdf]", "erp2[x] @ git+https://example.org/erp@main", "six"])
    resolved = """\
/dev/dltpod/environment/wheels/ab/erp-1.0-py3-none-any.whl
erp2[x] @ file:///dev/dltpod/environment/wheels/cd/erp2-1.0-py3-none-any.whl \\
    --hash=sha256:ee
six==1.17.0 \\
    --hash=sha256:bb
"""
    built = f"0 erp-1.0-py3-none-any.whl \n1 erp2-1.0-py3-none-any.whl {'ab' * 20}\n"
    assert lock_of(resolved, built, made.builds) == (
        f"./packages/erp[pdf]\nerp2[x] @ git+https://example.org/erp@{'ab' * 20}\n"
        "six==1.17.0 \\\n    --hash=sha256:bb\n"
    )


@pytest.mark.parametrize(
    "line", ["0", "0 erp 1.0-py3-none-any.whl ", "erp-1.0-py3-none-any.whl ", "0 ../erp.whl ", "0 a.whl main"]
)
def test_a_list_of_wheels_that_build_code_wrote_is_an_error_in_words(line: str) -> None:
    made = plan(["./packages/erp"])
    with pytest.raises(BuildError, match="the list of the wheels that were built for the lock is damaged"):
        lock_of("six==1.17.0\n", f"{line}\n", made.builds)
