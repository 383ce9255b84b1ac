"""The table of kernels: what is declared to be tested and what the page says."""

import pytest

from tests import kernels

EMPTY = "# Page\n<!-- generated: kernels -->\n<!-- end -->\nrest\n"


def test_the_page_has_a_row_for_every_way_of_every_kernel_and_no_other() -> None:
    rows = kernels.rows_of(kernels.PAGE.read_text())
    assert list(rows) == kernels.declared()
    for kernel in kernels.KERNELS:
        for way in kernels.WAYS:
            _, *cells = rows[kernel.version or "newest", kernel.machine, way]
            refused = [(kind, way) in kernel.refuses for kind in kernels.KINDS]
            assert [cell.startswith("no: ") for cell in cells] == refused, (kernel.name, way)


def test_rows_keep_the_order_that_is_declared_and_what_was_not_run() -> None:
    first, second = kernels.declared()[:2]
    page = kernels.with_rows(EMPTY, {second: ("5.10.0", "same", "no: why", "same")})
    page = kernels.with_rows(page, {first: ("5.10.1", "same", "same", "same")})
    assert kernels.rows_of(page) == {
        first: ("5.10.1", "same", "same", "same"),
        second: ("5.10.0", "same", "no: why", "same"),
    }
    assert list(kernels.rows_of(page)) == [first, second]
    assert page.endswith("<!-- end -->\nrest\n")


def test_a_page_without_the_table_is_refused() -> None:
    with pytest.raises(ValueError, match="no block"):
        kernels.rows_of("# Page\n")
