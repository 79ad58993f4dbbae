//! Several threads look at the rows at hand, a slice each.
//!
//! ```text
//! │ slice 0                    │ slice 1                    │ slice 2               │ a cut row, for the next round
//! │ right right ? right right  │ right right right right    │ right ✗               │
//! plan:  (2 rows) ?  (2 + 4 + 1 rows) ✗
//! ```
//!
//! A slice is cut at a line end before which there is an even number of quotes. That is a row's end if all rows before are by the rules,
//! and the thread that reads those sees whether they are: where one is not (✗), what was found in later slices is dropped, and the
//! general reader goes on from there. A row that is not known (?) is left for the general way, which gets these rows in the order of the
//! input. So nothing depends on how many threads there are, or where slices begin.

use std::collections::VecDeque;
use std::thread;

use memchr::{memchr_iter, memrchr2};

use super::scan::Facts;
use super::{Kinds, Look, Seen, Step, Tally};

/// What a thread found in a slice.
#[derive(Debug, Default)]
pub struct Part {
    pub steps: Vec<Step>,
    pub tallies: Vec<Tally>,
    /// All rows were by the rules.
    pub is_whole: bool,
}

/// Cuts the bytes behind rows; what is behind the last whole row is left out.
pub fn slices(bytes: &[u8], count: usize) -> Vec<&[u8]> {
    let mut slices = Vec::with_capacity(count);
    let mut start = 0;
    for number in 1..=count {
        let wanted = bytes.len() / count * number + if number == count { bytes.len() % count } else { 0 };
        let length = bytes.get(start..wanted).map_or(0, whole_rows);
        slices.push(&bytes[start..start + length]);
        start += length;
    }
    slices
}

/// The length of the rows that are whole.
fn whole_rows(bytes: &[u8]) -> usize {
    let mut is_open = memchr_iter(b'"', bytes).count() % 2 == 1;
    let mut end = bytes.len();
    while let Some(at) = memrchr2(b'"', b'\n', &bytes[..end]) {
        match bytes[at] {
            b'"' => is_open = !is_open,
            _ if !is_open => return at + 1,
            _ => {}
        }
        end = at;
    }
    0
}

/// Has each slice looked at by a thread of its own.
pub fn look_at(slices: &[&[u8]], look: &Look<'_>, known: &Kinds) -> Vec<Part> {
    thread::scope(|scope| {
        let (first, others) = slices.split_first().map_or((&[][..], &[][..]), |(first, others)| (*first, others));
        let threads: Vec<_> = others.iter().map(|slice| scope.spawn(|| part(slice, look, known))).collect();
        let first = part(first, look, known);
        // A slice whose thread broke down is as one that cannot be read.
        std::iter::once(first).chain(threads.into_iter().map(|thread| thread.join().unwrap_or_default())).collect()
    })
}

fn part(slice: &[u8], look: &Look<'_>, known: &Kinds) -> Part {
    let mut part = Part { tallies: vec![Tally::default(); known.outcomes.len()], ..Part::default() };
    let mut facts = Facts::default();
    let mut step = Step::default();
    let mut at = 0;
    while let Some((length, seen)) = look.at(&slice[at..], known, &mut facts) {
        at += length;
        if let Seen::Right(outcome) = seen {
            part.tallies[outcome].count(&facts);
            step.rows += 1;
            step.length += length;
        } else {
            part.steps.push(std::mem::take(&mut step));
        }
    }
    part.steps.push(step);
    part.is_whole = at == slice.len();
    part
}

/// Adds the steps of the next slice: its first rows follow on the last ones of the slice before.
pub fn append(plan: &mut VecDeque<Step>, steps: Vec<Step>) {
    let mut steps = steps.into_iter();
    if let Some(last) = plan.back_mut() {
        let first = steps.next().unwrap_or_default();
        last.rows += first.rows;
        last.length += first.length;
    }
    plan.extend(steps);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_end_behind_rows() {
        let text = b"a,1\n\"b\n\",2\nc,3\nd,\"4\n";
        for count in 1..6 {
            let slices = slices(text, count);
            assert_eq!((slices.len(), slices.concat()), (count, b"a,1\n\"b\n\",2\nc,3\n".to_vec()));
            for slice in slices {
                assert!(slice.is_empty() || slice.ends_with(b"\n"));
                assert_eq!(memchr_iter(b'"', slice).count() % 2, 0);
            }
        }
    }
}
