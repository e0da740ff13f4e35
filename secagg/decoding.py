"""Polynomials through points of which some are wrong (Berlekamp and Welch 1986), modulo a prime."""

from collections.abc import Sequence

Row = list[int]


def polynomial_through(points: Sequence[tuple[int, int]], size: int, prime: int) -> list[int] | None:
    """The `size` coefficients, lowest first, of the polynomial through all but a few of m points.

    With e = (m - size) // 2 wrong ones, Q(x) = y E(x) holds at every point for E the monic polynomial of
    degree e that vanishes at the wrong ones and Q = P E; both follow from linear equations. None if more
    are wrong.
    """
    errors = (len(points) - size) // 2
    rows = [_equation(x, y, size + errors, errors, prime) for x, y in points]
    solution = _solve(rows, size + 2 * errors, prime)
    if solution is None:
        return None
    numerator, locator = solution[: size + errors], [*solution[size + errors :], 1]
    quotient, rest = _divide(numerator, locator, prime)
    return None if any(rest) else (quotient + [0] * size)[:size]


def _equation(x: int, y: int, terms: int, errors: int, prime: int) -> Row:
    """Coefficients of Q_0 .. Q_(terms - 1), E_0 .. E_(errors - 1), and the right side y x^errors."""
    powers = [pow(x, exponent, prime) for exponent in range(max(terms, errors + 1))]
    locator = [-y * power % prime for power in powers[:errors]]
    return [*powers[:terms], *locator, y * powers[errors] % prime]


def _solve(rows: list[Row], unknowns: int, prime: int) -> Row | None:
    """One solution of the linear equations, free unknowns zero; None if they contradict each other."""
    pivots: list[int] = []
    for column in range(unknowns):
        place = len(pivots)
        found = next((index for index in range(place, len(rows)) if rows[index][column]), None)
        if found is None:
            continue
        rows[place], rows[found] = rows[found], rows[place]
        _eliminate(rows, place, column, prime)
        pivots.append(column)
    if any(row[-1] for row in rows[len(pivots) :]):
        return None
    solution = [0] * unknowns
    for row, column in zip(rows, pivots, strict=False):
        solution[column] = row[-1]
    return solution


def _eliminate(rows: list[Row], place: int, column: int, prime: int) -> None:
    inverse = pow(rows[place][column], -1, prime)
    pivot = rows[place] = [value * inverse % prime for value in rows[place]]
    for index, row in enumerate(rows):
        if index != place and row[column]:
            factor = row[column]
            rows[index] = [(value - factor * own) % prime for value, own in zip(row, pivot, strict=True)]


def _divide(numerator: Row, monic: Row, prime: int) -> tuple[Row, Row]:
    """Quotient and rest, lowest coefficients first."""
    rest, degree = list(numerator), len(monic) - 1
    quotient = [0] * max(len(rest) - degree, 0)
    for shift in reversed(range(len(quotient))):
        factor = quotient[shift] = rest[shift + degree]
        for index, own in enumerate(monic):
            rest[shift + index] = (rest[shift + index] - factor * own) % prime
    return quotient, rest[:degree]
