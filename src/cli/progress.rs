//! Progress on standard error: rows, bytes, rate and time left, on a terminal only, after one second.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// A run that is shorter shows nothing.
const QUIET: Duration = Duration::from_secs(1);

/// Rows between two looks at the clock.
const ROWS: u64 = 4096;

/// How far a run is.
#[derive(Debug)]
pub struct Progress {
    /// When it began; none where nobody watches.
    began: Option<Instant>,
    /// Bytes of all inputs, where they are known.
    total: Option<u64>,
    /// Rows and bytes of the inputs that have ended.
    before: (u64, u64),
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Progress through files; nothing is shown where it is `quiet`.
    pub fn new(files: &[PathBuf], quiet: bool) -> Progress {
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let is_watched = !quiet && !is_dumb && io::stderr().is_terminal();
        let size = |path: &PathBuf| std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|data| data.len());
        let total = files.iter().map(size).sum();
        Progress { began: is_watched.then(Instant::now), total, before: (0, 0), bar: None }
    }

    /// So many rows and bytes of an input were read.
    pub fn see(&mut self, rows: u64, bytes: impl FnOnce() -> u64) {
        if rows.is_multiple_of(ROWS) && self.began.is_some_and(|began| began.elapsed() >= QUIET) {
            self.show(rows, bytes());
        }
    }

    /// An input has ended: results may follow.
    pub fn end_input(&mut self, rows: u64, bytes: u64) {
        self.before.0 += rows;
        self.before.1 += bytes;
        self.clear();
    }

    /// Takes it from the screen.
    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn show(&mut self, rows: u64, bytes: u64) {
        let (rows, bytes) = (self.before.0 + rows, self.before.1 + bytes);
        // A packed file holds more than its size.
        if self.total.is_some_and(|total| bytes > total) {
            self.total = None;
            self.clear();
        }
        let elapsed = self.began.map_or(QUIET, |began| began.elapsed());
        let total = self.total;
        let bar = self.bar.get_or_insert_with(|| bar(total, elapsed));
        bar.set_position(bytes);
        bar.set_message(format!("{} rows", crate::report::grouped(rows.into())));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

fn bar(total: Option<u64>, elapsed: Duration) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (ProgressBar::new(total), "{msg}  {percent}% of {total_bytes}  {binary_bytes_per_sec}  {eta} left"),
        None => (ProgressBar::new_spinner(), "{msg}  {bytes}  {binary_bytes_per_sec}"),
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.with_style(style).with_elapsed(elapsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_watches_a_pipe() {
        let mut progress = Progress::new(&[], true);
        for rows in [0, ROWS, 2 * ROWS] {
            progress.see(rows, || 1);
        }
        assert!(progress.bar.is_none());
    }

    #[test]
    fn a_packed_file_has_no_end_in_sight() {
        let mut progress = Progress { began: None, total: Some(10), before: (0, 0), bar: None };
        progress.show(1, 5);
        assert_eq!(progress.bar.as_ref().and_then(ProgressBar::length), Some(10));
        progress.end_input(1, 5);
        assert!(progress.bar.is_none(), "results may follow");
        progress.show(1, 6);
        assert_eq!((progress.total, progress.bar.as_ref().map(ProgressBar::position)), (None, Some(11)));
    }
}
