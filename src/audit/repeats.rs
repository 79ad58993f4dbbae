//! Entries that come again from another input: saved pages overlap.

use super::prints::Print;
use super::recent::{Recent, WINDOW};
use crate::log::LogEntry;

/// The last charges, and the last of all other entries.
#[derive(Debug, Default)]
pub struct Repeats {
    charges: Seen,
    others: Seen,
    /// With one input nothing can be repeated.
    watching: bool,
}

/// The last entries, by what they say, and the input that each came from.
#[derive(Debug, Default)]
struct Seen {
    recent: Recent,
    /// By the place of an entry in the window.
    inputs: Vec<u32>,
}

impl Repeats {
    /// Watches only where there are several inputs.
    pub fn among(inputs: usize) -> Repeats {
        Repeats { watching: inputs > 1, ..Repeats::default() }
    }

    pub fn is_watching(&self) -> bool {
        self.watching
    }

    /// Whether another input had this charge; remembers it.
    pub fn is_repeated(&mut self, entry: &LogEntry<'_>) -> bool {
        self.watching && self.charges.is_repeated(entry)
    }

    /// The same of an entry that is no charge.
    pub fn is_other_repeated(&mut self, entry: &LogEntry<'_>) -> bool {
        self.watching && self.others.is_repeated(entry)
    }

    /// Whether any input, be it the same, had a charge with this print.
    #[inline]
    pub fn has(&self, print: Print) -> bool {
        self.charges.recent.has(print.key())
    }

    /// Looks where some prints would be.
    pub fn fetch(&self, prints: impl Iterator<Item = Print>) {
        self.charges.recent.fetch(prints.map(Print::key));
    }

    /// Remembers a charge that no input had.
    #[inline]
    pub fn remember(&mut self, print: Print, input: u32) {
        self.charges.remember(print, input);
    }
}

impl Seen {
    fn is_repeated(&mut self, entry: &LogEntry<'_>) -> bool {
        let (print, input) = (Print::of(entry), entry.place.input);
        match self.recent.find(print.key()) {
            Some(place) => self.inputs[place] != input,
            None => {
                self.remember(print, input);
                false
            }
        }
    }

    #[inline]
    fn remember(&mut self, print: Print, input: u32) {
        let place = self.recent.remember(print.key());
        if self.inputs.is_empty() {
            self.inputs = vec![0; WINDOW];
        }
        self.inputs[place] = input;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Field, Place, Reading, Row};

    #[test]
    fn charges_and_other_entries_have_windows_of_their_own() {
        let mut repeats = Repeats::among(2);
        let mut again = |input: u32, id: &str, is_charge: bool| {
            let mut row = Row::default();
            row.clear(Place { input, line: 1 });
            row.set(Field::Id, id);
            let entry = LogEntry::parse(&row, &Reading { time: &|_| None, currency: None }).unwrap();
            if is_charge { repeats.is_repeated(&entry) } else { repeats.is_other_repeated(&entry) }
        };
        assert!(!again(0, "first", true));
        assert!((0..=WINDOW).all(|number| !again(0, &number.to_string(), false)));
        assert!(!again(1, "0", false), "it is behind the window");
        assert!(again(1, "2", false));
        assert!(!again(0, "first", true), "the same input had it");
        assert!(again(1, "first", true));
    }
}
