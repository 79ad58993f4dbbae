//! Least squares: a quick look at what a few numbers may be. Whether they are is proven exactly, elsewhere.

use super::to_ratio;
use crate::exact::{Exact, Ratio};

/// A sum of counts, each times a number that is sought, which is nearly a value.
#[derive(Clone, Debug)]
pub struct Equation {
    counts: Vec<f64>,
    value: f64,
    /// How far off the value may be.
    slack: f64,
}

/// The numbers that are sought, as parts of the first one; none where they are not known.
pub type Known = Vec<Option<Ratio>>;

/// Numbers that nearly solve some equations: those that are not known, behind the first one.
#[derive(Clone, Debug)]
struct Solution {
    numbers: Vec<f64>,
    /// How they vary with the values.
    covariance: Vec<Vec<f64>>,
}

/// A part of the first number: no less, and no more than that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    pub low: Ratio,
    pub high: Ratio,
    /// How far apart these are, for comparison.
    spread: f64,
}

/// So many standard deviations to each side.
const DEVIATIONS: f64 = 3.0;
/// What is further off than the others by so much is no part of the same.
const FAR: f64 = 4.0;
/// So many times what is far off is left out.
const ROUNDS: usize = 5;

impl Part {
    pub fn is_narrower(&self, other: &Part) -> bool {
        self.spread < other.spread
    }
}

impl Equation {
    /// `low` and `high` are the ends of the value. All is divided by a number.
    pub fn new(counts: impl Iterator<Item = i64>, (low, high): (&Exact, &Exact), divisor: Ratio) -> Option<Equation> {
        let end = |end: &Exact| end.to_string().parse::<f64>().ok();
        let (low, high, divisor) = (end(low)?, end(high)?, super::of(divisor));
        let (value, slack) = ((low + high) / 2.0 / divisor, (high - low) / 2.0 / divisor);
        (slack > 0.0 && value.is_finite()).then(|| Equation { counts: counts.map(|count| count as f64).collect(), value, slack })
    }

    /// The counts of what is not known, behind what is known already.
    fn row(&self, known: &Known) -> Vec<f64> {
        let parts = || self.counts.iter().zip(known);
        let first = parts().map(|(count, part)| part.map_or(0.0, |part| count * super::of(part))).sum();
        [first].into_iter().chain(parts().filter(|(_, part)| part.is_none()).map(|(count, _)| *count)).collect()
    }

    fn off(&self, known: &Known, numbers: &[f64]) -> f64 {
        let sum: f64 = self.row(known).iter().zip(numbers).map(|(count, number)| count * number).sum();
        (sum - self.value).abs() / self.slack
    }
}

/// What each number that is not known is as a part of the first one; none where the equations do not tell.
pub fn parts(equations: &[Equation], known: &Known) -> Option<Vec<Part>> {
    let Solution { numbers, covariance } = trimmed(equations, known)?;
    let first = numbers[0];
    let part = |at: usize| {
        let part = numbers[at] / first;
        let variance = covariance[at][at] - 2.0 * part * covariance[at][0] + part * part * covariance[0][0];
        let spread = DEVIATIONS * variance.max(0.0).sqrt() / first;
        let (low, high) = ((part - spread).max(0.0), part + spread);
        (first > 0.0 && high >= 0.0)
            .then(|| Some(Part { low: short(low)?, high: short(high)?, spread: spread / part.abs().max(1e-3) }))?
    };
    (1..numbers.len()).map(part).collect()
}

/// A number to twelve digits.
fn short(number: f64) -> Option<Ratio> {
    to_ratio(format!("{number:.12}").parse().ok()?)
}

/// The numbers that solve most equations, where some are far off.
fn trimmed(equations: &[Equation], known: &Known) -> Option<Solution> {
    let mut kept: Vec<&Equation> = equations.iter().collect();
    let mut solution = solved(&kept, known)?;
    for _ in 0..ROUNDS {
        let mut off: Vec<f64> = kept.iter().map(|equation| equation.off(known, &solution.numbers)).collect();
        off.sort_by(f64::total_cmp);
        let far = FAR * off[off.len() / 2].max(1.0);
        let near: Vec<&Equation> = equations.iter().filter(|equation| equation.off(known, &solution.numbers) <= far).collect();
        if near.len() == kept.len() {
            break;
        }
        kept = near;
        solution = solved(&kept, known)?;
    }
    Some(solution)
}

/// Solves the normal equations; none where they say nothing of a number.
fn solved(equations: &[&Equation], known: &Known) -> Option<Solution> {
    let size = 1 + known.iter().filter(|part| part.is_none()).count();
    if equations.len() <= size {
        return None;
    }
    let (mut squares, mut values) = (vec![vec![0.0; size]; size], vec![0.0; size]);
    for equation in equations {
        let (row, weight) = (equation.row(known), 1.0 / (equation.slack * equation.slack));
        for (at, count) in row.iter().enumerate() {
            values[at] += weight * count * equation.value;
            row.iter().zip(&mut squares[at]).for_each(|(other, square)| *square += weight * count * other);
        }
    }
    // A value is anywhere within its slack, whose variance is a third of its square.
    let covariance = inverse(squares)?;
    let numbers = covariance.iter().map(|row| row.iter().zip(&values).map(|(one, other)| one * other).sum()).collect();
    let covariance = covariance.into_iter().map(|row| row.into_iter().map(|number| number / 3.0).collect()).collect();
    Some(Solution { numbers, covariance })
}

/// The inverse of a matrix of squares, by elimination; none where it has nearly none.
fn inverse(mut matrix: Vec<Vec<f64>>) -> Option<Vec<Vec<f64>>> {
    let size = matrix.len();
    // Scaled so that all squares are 1: counts of classes differ by much.
    let scale: Vec<f64> = (0..size).map(|at| matrix[at][at].sqrt()).collect();
    let mut found: Vec<Vec<f64>> = (0..size).map(|at| (0..size).map(|other| f64::from(u8::from(at == other))).collect()).collect();
    for (at, row) in matrix.iter_mut().enumerate() {
        row.iter_mut().zip(&scale).for_each(|(number, other)| *number /= scale[at] * other);
    }
    for at in 0..size {
        let pivot = matrix[at][at];
        // What is left of 1, once the numbers before are known.
        if pivot.is_nan() || pivot < 1e-9 {
            return None;
        }
        let (row, own) = (matrix[at].clone(), found[at].clone());
        for other in (0..size).filter(|other| *other != at) {
            let factor = matrix[other][at] / pivot;
            matrix[other].iter_mut().zip(&row).for_each(|(number, above)| *number -= factor * above);
            found[other].iter_mut().zip(&own).for_each(|(number, above)| *number -= factor * above);
        }
        matrix[at].iter_mut().chain(&mut found[at]).for_each(|number| *number /= pivot);
    }
    for (at, row) in found.iter_mut().enumerate() {
        row.iter_mut().zip(&scale).for_each(|(number, other)| *number /= scale[at] * other);
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three classes at 1.25, 5 and 0.125, rounded; one row is wrong.
    fn equations() -> Vec<Equation> {
        let rows: Vec<[i64; 3]> = (1..40).map(|n| [n * 7919 % 997, n * 104_729 % 499, n * 1_299_709 % 1999]).collect();
        let charge = |[input, output, cached]: [i64; 3]| (input * 1250 + output * 5000 + cached * 125 + 500) / 1000;
        let ends = |points: i64| [Exact::from(points) - Ratio::new(5, -1).into(), Exact::from(points) + Ratio::new(5, -1).into()];
        let equation = |(at, row): (usize, &[i64; 3])| {
            let [low, high] = ends(if at == 7 { 10 * charge(*row) } else { charge(*row) });
            Equation::new(row.iter().copied(), (&low, &high), Ratio::ONE).unwrap()
        };
        rows.iter().enumerate().map(equation).collect()
    }

    #[track_caller]
    fn check(part: Part, expected: Ratio) {
        assert!(part.low <= expected && expected <= part.high && part.spread < 0.05, "{part:?} for {expected}");
    }

    #[test]
    fn rates_are_found_beside_a_wrong_row() {
        let found = parts(&equations(), &vec![Some(Ratio::ONE), None, None]).unwrap();
        check(found[0], Ratio::from(4));
        check(found[1], Ratio::new(1, -1));
        let found = parts(&equations(), &vec![Some(Ratio::ONE), Some(Ratio::from(4)), None]).unwrap();
        check(found[0], Ratio::new(1, -1));
    }

    #[test]
    fn what_always_comes_together_is_not_told_apart() {
        let amount = (Exact::from(1), Exact::from(2));
        let equation = |n: i64| Equation::new([n, 3 * n].into_iter(), (&amount.0, &amount.1), Ratio::ONE).unwrap();
        let equations: Vec<Equation> = (1..9).map(equation).collect();
        assert_eq!(parts(&equations, &vec![Some(Ratio::ONE), None]), None);
    }
}
