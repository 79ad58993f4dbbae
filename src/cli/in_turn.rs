//! Rows in the order of the input, though some of them are judged when those behind them are.
//!
//! ```text
//! row row row │ row that waits │ row row │ row that waits │ row …
//!  written    │ ─── from the first gap on: in a file of their own, until the gap is filled ───▶
//! ```

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};

use crate::log::Place;

/// Passes rows on in their order.
#[derive(Debug, Default)]
pub struct InTurn {
    later: Option<Later>,
}

/// What stands behind the first gap.
#[derive(Debug)]
struct Later {
    text: BufWriter<File>,
    /// So many bytes of it were passed on, and so many are there.
    passed: u64,
    length: u64,
    gaps: VecDeque<Gap>,
}

/// A row that waits.
#[derive(Debug)]
struct Gap {
    place: Place,
    offset: u64,
    row: Option<Vec<u8>>,
}

impl InTurn {
    /// The next row is judged later.
    pub fn wait(&mut self, place: Place) -> io::Result<()> {
        let later = match &mut self.later {
            Some(later) => later,
            none => none.insert(Later::new()?),
        };
        later.gaps.push_back(Gap { place, offset: later.length, row: None });
        Ok(())
    }

    /// Writes a row, if it is its turn, and those that waited for it.
    pub fn row(
        &mut self,
        place: Place,
        out: &mut dyn Write,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        let Some(later) = &mut self.later else { return write(out) };
        let mut row = Vec::new();
        write(&mut row)?;
        match later.gap(place) {
            Some(gap) => gap.row = Some(row),
            None => later.push(&row)?,
        }
        later.pass_on(out)?;
        if later.gaps.is_empty() {
            self.end(out)?;
        }
        Ok(())
    }

    /// Writes all that is left.
    pub fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.later.take().map_or(Ok(()), |mut later| later.pass(later.length, out))
    }
}

impl Later {
    fn new() -> io::Result<Later> {
        Ok(Later { text: BufWriter::new(tempfile::tempfile()?), passed: 0, length: 0, gaps: VecDeque::new() })
    }

    /// The gap of a row; rows stand behind all gaps mostly, and are not looked for.
    fn gap(&mut self, place: Place) -> Option<&mut Gap> {
        if self.gaps.back().is_none_or(|last| place > last.place) {
            return None;
        }
        self.gaps.iter_mut().find(|gap| gap.place == place)
    }

    fn push(&mut self, row: &[u8]) -> io::Result<()> {
        self.length += row.len() as u64;
        self.text.write_all(row)
    }

    /// Passes on what stands before the first gap that is not filled.
    fn pass_on(&mut self, out: &mut dyn Write) -> io::Result<()> {
        while let Some(Gap { offset, row: Some(row), .. }) = self.gaps.pop_front_if(|gap| gap.row.is_some()) {
            self.pass(offset, out)?;
            out.write_all(&row)?;
        }
        Ok(())
    }

    fn pass(&mut self, offset: u64, out: &mut dyn Write) -> io::Result<()> {
        if offset > self.passed {
            self.text.flush()?;
            let mut file = self.text.get_ref();
            file.seek(SeekFrom::Start(self.passed))?;
            io::copy(&mut file.take(offset - self.passed), out)?;
            file.seek(SeekFrom::End(0))?;
            self.passed = offset;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(line: u64) -> Place {
        Place { input: 0, line }
    }

    /// Whichever rows wait, and whenever they come, they are written in their order.
    #[test]
    fn rows_are_written_in_their_order() {
        for (waiting, later) in [(vec![], vec![]), (vec![1], vec![1]), (vec![2, 3, 7], vec![3, 2, 7]), (vec![1, 9], vec![9, 1])] {
            let (mut turn, mut out) = (InTurn::default(), Vec::new());
            let mut row = |turn: &mut InTurn, line| turn.row(place(line), &mut out, |to| write!(to, "{line} ")).unwrap();
            for line in 1..10 {
                if waiting.contains(&line) {
                    turn.wait(place(line)).unwrap();
                } else {
                    row(&mut turn, line);
                }
            }
            later.into_iter().for_each(|line| row(&mut turn, line));
            row(&mut turn, 10);
            turn.end(&mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), "1 2 3 4 5 6 7 8 9 10 ");
        }
    }

    #[test]
    fn a_row_that_never_comes_holds_back_no_others() {
        let (mut turn, mut out) = (InTurn::default(), Vec::new());
        turn.wait(place(1)).unwrap();
        turn.row(place(2), &mut out, |to| to.write_all(b"2")).unwrap();
        assert!(out.is_empty());
        turn.end(&mut out).unwrap();
        assert_eq!(out, b"2");
    }
}
