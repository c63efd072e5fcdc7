"""Exact tails of the binomial and hypergeometric laws, compiled; accurate from 0 to populations of 1e9.

    binomial_pmf(x, n, p)      hypergeometric_pmf(x, success, failure, n)
    hypergeometric_pit(x, success, failure, n, v) -> (tail, lower)     the randomised transform, as a small tail
    binomial_inverse(tail, lower, n, p) -> (x, within)                 and back, through another law

Probabilities come from Loader's saddle-point expansion: differences of log-gamma lose all digits that matter
once the population passes 1e7. A transform is carried as the smaller of its two tails, so that a count that is
a one in 1e30 event stays one instead of rounding to 0 or 1. The way back also returns where within the step of x the
transform fell: given x, that is a uniform of its own, and the caller may use it as the next v.
Source: C. Loader, Fast and accurate computation of binomial probabilities, 2000; as in R's dbinom and dhyper.
"""

from __future__ import annotations

import math

import numpy as np

from detectors.compiled import njit

# log(x!) - Stirling's formula, exactly, for 0..15; the series below is accurate to 1e-16 from 16 on
_EXACT = np.array(
    [0.0]
    + [
        math.log(math.factorial(x)) - ((x + 0.5) * math.log(x) - x + 0.5 * math.log(2 * math.pi))
        for x in range(1, 16)
    ]
)
_LOG_2PI = math.log(2 * math.pi)
_NEGLIGIBLE = 1e-17  # a term below this share of its sum no longer changes it
FEW = 64  # draws, or expected events, up to which sums from 0 are quicker than logarithms
NEARLY_ONE = 1 - 1e-6  # above, the upper tail is summed instead: 1 - u would lose its digits
_TINY = 1e-290  # tails are kept away from 0 so that their logarithm exists
# Sums of i^k over i < n, divided by k, for n up to FEW and k up to 7: log(F (F-1) ... (F-n+1) / F^n) is minus
# their series in 1/F. With F >= 64 n the first term left out is below 64 / 72 x 64^-8 = 3e-15.
_TERMS = 7
_POWERS = np.array([[sum(i**k for i in range(n)) / k for k in range(1, _TERMS + 1)] for n in range(FEW + 1)])


@njit(cache=True, nogil=True)
def _stirling_error(x: float) -> float:
    if x < 16:
        return float(_EXACT[int(x)])
    xx = x * x
    return (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - 1 / 1188 / xx) / xx) / xx) / xx) / x


@njit(cache=True, nogil=True)
def _deviance(x: float, mean: float) -> float:
    """x log(x / mean) + mean - x, without cancellation near x = mean."""
    if abs(x - mean) < 0.1 * (x + mean):
        v = (x - mean) / (x + mean)
        s = (x - mean) * v
        term = 2 * x * v
        v *= v
        for j in range(1, 1000):
            term *= v
            longer = s + term / (2 * j + 1)
            if longer == s:
                break
            s = longer
        return s
    return x * math.log(x / mean) + mean - x


@njit(cache=True, nogil=True)
def _log_binomial(x: float, n: float, p: float, q: float) -> float:
    """log P(X = x); p + q = 1, both given because 1 - p loses digits."""
    if p == 0.0:
        return 0.0 if x == 0 else -np.inf
    if q == 0.0:
        return 0.0 if x == n else -np.inf
    if x < 0 or x > n:
        return -np.inf
    if x == 0:
        return n * math.log1p(-p) if p < 0.1 else n * math.log(q)
    if x == n:
        return n * math.log1p(-q) if q < 0.1 else n * math.log(p)
    bulk = _stirling_error(n) - _stirling_error(x) - _stirling_error(n - x)
    bulk -= _deviance(x, n * p) + _deviance(n - x, n * q)
    return float(bulk - 0.5 * (_LOG_2PI + math.log(x) + math.log1p(-x / n)))


@njit(cache=True, nogil=True)
def binomial_pmf(x: int, n: int, p: float) -> float:
    """P(X = x) for X ~ Binomial(n, p)."""
    return float(math.exp(_log_binomial(float(x), float(n), p, 1 - p)))


@njit(cache=True, nogil=True)
def hypergeometric_pmf(x: int, success: int, failure: int, n: int) -> float:
    """P(X = x) successes among n drawn without replacement from `success + failure`."""
    if x < max(0, n - failure) or x > min(n, success):
        return 0.0
    population = float(success) + float(failure)
    if n == 0:
        return 1.0
    p = n / population
    q = (population - n) / population
    log_pmf = _log_binomial(float(x), float(success), p, q) + _log_binomial(float(n - x), float(failure), p, q)
    return float(math.exp(log_pmf - _log_binomial(float(n), population, p, q)))


@njit(cache=True, nogil=True)
def _none_of_few(success: float, failure: float, n: int) -> float:
    """P(X = 0): no success among few draws."""
    population = success + failure
    if failure >= 64.0 * n and n > 0:
        powers = _POWERS[n]
        one, all_ = 1.0 / failure, 1.0 / population
        a, b = 0.0, 0.0
        for k in range(_TERMS - 1, -1, -1):
            a = (a + powers[k]) * one
            b = (b + powers[k]) * all_
        return float(math.exp(n * math.log1p(-success * all_) - (a - b)))
    # four products of at most 19 factors below 1e9 each: none overflows, and none waits for another
    a0, a1, a2, a3, b0, b1, b2, b3 = 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0
    i = 0
    while i + 3 < n:
        a0 *= failure - i
        b0 *= population - i
        a1 *= failure - i - 1
        b1 *= population - i - 1
        a2 *= failure - i - 2
        b2 *= population - i - 2
        a3 *= failure - i - 3
        b3 *= population - i - 3
        i += 4
    while i < n:
        a0 *= failure - i
        b0 *= population - i
        i += 1
    return float((a0 / b0) * (a1 / b1) * ((a2 / b2) * (a3 / b3)))


@njit(cache=True, nogil=True)
def _few_pit(x: int, success: float, failure: float, n: int, v: float) -> float:
    """The transform of a count among few draws, from P(X = 0) up."""
    here = _none_of_few(success, failure, n)
    total = 0.0
    for k in range(x):
        total += here
        here *= (success - k) * (n - k) / ((k + 1.0) * (failure - n + k + 1.0))
    return float(total + v * here)


@njit(cache=True, nogil=True)
def hypergeometric_pit(x: int, success: int, failure: int, n: int, v: float) -> tuple[float, bool]:
    """The randomised probability integral transform of a hypergeometric count.

    With v uniform on (0, 1), `u = P(X < x) + v P(X = x)` is uniform. Returns (u, True) where x is at or below
    the mean and (1 - u, False) above it: always the tail that is summed, never the one that is subtracted.
    """
    if n <= FEW and failure >= n:
        u = _few_pit(x, float(success), float(failure), n, v)
        if u < NEARLY_ONE:
            return u, True
    here = hypergeometric_pmf(x, success, failure, n)
    lowest, highest = max(0, n - failure), min(n, success)
    total = 0.0
    term = here
    if float(x) * (float(success) + float(failure)) <= float(n) * float(success):
        k = x
        while k > lowest:
            term *= (float(k) * float(failure - n + k)) / (float(success - k + 1) * float(n - k + 1))
            total += term
            if term <= total * _NEGLIGIBLE:
                break
            k -= 1
        return total + v * here, True
    k = x
    while k < highest:
        term *= (float(success - k) * float(n - k)) / (float(k + 1) * float(failure - n + k + 1))
        total += term
        if term <= total * _NEGLIGIBLE:
            break
        k += 1
    return total + (1 - v) * here, False


@njit(cache=True, nogil=True)
def _normal_quantile(tail: float) -> float:
    """z with P(Z < z) = tail <= 1/2, to three digits (Abramowitz and Stegun 26.2.23): a place to start."""
    t = math.sqrt(-2 * math.log(max(tail, _TINY)))
    top = 2.515517 + t * (0.802853 + 0.010328 * t)
    return top / (1 + t * (1.432788 + t * (0.189269 + 0.001308 * t))) - t


@njit(cache=True, nogil=True)
def _lower_inverse(tail: float, n: int, p: float, q: float) -> tuple[int, float]:
    """Smallest x with P(X <= x) > tail, and the share of its step that lies below the tail."""
    if n == 0 or p <= 0.0:
        return 0, tail
    if q <= 0.0:
        return n, tail
    spread = math.sqrt(n * p * q)
    z = _normal_quantile(min(tail, 1 - tail))
    if tail > 0.5:
        z = -z
    skew = (z * z - 1) * (q - p) / 6
    x = min(max(math.floor(n * p + z * spread + skew) - 1, 0), n)
    odds = p / q
    below = 0.0
    while True:  # P(X <= x) by a sum downwards; a start above the answer steps down and sums again
        pmf = math.exp(_log_binomial(float(x), float(n), p, q))
        below = pmf
        term = pmf
        k = x
        while k > 0:
            term *= k / ((n - k + 1) * odds)
            below += term
            # the terms fall only below the mode; before it, a small one proves nothing
            if term <= below * _NEGLIGIBLE and k <= (n + 1) * p:
                break
            k -= 1
        if below <= tail or x == 0:
            break
        x = max(0, x - 1 - int(0.5 * spread))
    while below <= tail and x < n:
        if pmf == 0.0:
            pmf = math.exp(_log_binomial(float(x + 1), float(n), p, q))
        else:
            pmf *= (n - x) / (x + 1.0) * odds
        x += 1
        below += pmf
        if pmf <= below * _NEGLIGIBLE and x > n * p:
            break
    return int(x), _within(tail, below, pmf)


@njit(cache=True, nogil=True)
def _within(tail: float, below: float, pmf: float) -> float:
    return 1 - min(max((below - tail) / pmf, 0.0), 1.0) if pmf > 0.0 else 0.5


@njit(cache=True, nogil=True)
def _few_inverse(tail: float, n: int, odds: float, pmf: float) -> tuple[int, float]:
    """The same from P(X = 0) = pmf up."""
    x = 0
    below = pmf
    while below <= tail and x < n:
        pmf *= (n - x) / (x + 1.0) * odds
        x += 1
        below += pmf
    return x, _within(tail, below, pmf)


@njit(cache=True, nogil=True)
def binomial_inverse(tail: float, lower: bool, n: int, p: float) -> tuple[int, float]:
    """The x that a uniform u falls on, smallest x with P(X <= x) > u; u given as its lower or upper tail.

    Also returns where u fell within the step of x, from 0 (its lower edge) to 1: given x, a uniform.
    """
    if lower:
        if tail < NEARLY_ONE and n * p < FEW:
            pmf = math.exp(n * math.log1p(-p)) if p < 1 else 0.0
            if pmf > 1e-250:
                x, within = _few_inverse(tail, n, p / (1 - p), pmf)
                return int(x), float(within)
        x, within = _lower_inverse(tail, n, p, 1 - p)
        return int(x), float(within)
    x, within = _lower_inverse(tail, n, 1 - p, p)
    return int(n - x), float(1 - within)
