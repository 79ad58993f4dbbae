//! Entries that come again from another input: saved pages overlap.

use super::prints::Print;
use super::recent::{Recent, WINDOW};
use crate::log::LogEntry;

/// The last charges, by what they say, and the input that each came from.
#[derive(Debug, Default)]
pub struct Repeats {
    recent: Recent,
    /// By the place of a charge in the window.
    inputs: Vec<u32>,
    /// With one input nothing can be repeated.
    watching: bool,
}

impl Repeats {
    /// Watches only where there are several inputs.
    pub fn among(inputs: usize) -> Repeats {
        Repeats { watching: inputs > 1, ..Repeats::default() }
    }

    pub fn is_watching(&self) -> bool {
        self.watching
    }

    /// Whether another input had this entry; remembers it.
    pub fn is_repeated(&mut self, entry: &LogEntry<'_>) -> bool {
        if !self.watching {
            return false;
        }
        let (print, input) = (Print::of(entry), entry.place.input);
        match self.recent.find(print.key()) {
            Some(place) => self.inputs[place] != input,
            None => {
                self.remember(print, input);
                false
            }
        }
    }

    /// Whether any input, be it the same, had an entry with this print.
    #[inline]
    pub fn has(&self, print: Print) -> bool {
        self.recent.has(print.key())
    }

    /// Looks where some prints would be.
    pub fn fetch(&self, prints: impl Iterator<Item = Print>) {
        self.recent.fetch(prints.map(Print::key));
    }

    /// Remembers an entry that no input had.
    #[inline]
    pub fn remember(&mut self, print: Print, input: u32) {
        let place = self.recent.remember(print.key());
        if self.inputs.is_empty() {
            self.inputs = vec![0; WINDOW];
        }
        self.inputs[place] = input;
    }
}
