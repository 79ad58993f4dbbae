//! A source's text with its lines: byte offsets to line, column and excerpt.

use std::ops::Range;

use crate::config::issue::Excerpt;

/// Characters that an excerpt shows to each side, and of the offending text itself.
const WINDOW: usize = 60;

/// A text and where its lines begin.
#[derive(Debug)]
pub(super) struct Text<'a> {
    pub text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Text<'a> {
    pub fn new(text: &'a str) -> Text<'a> {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Text { text, starts: std::iter::once(0).chain(ends).collect() }
    }

    /// The line of a byte, from 1.
    pub fn line(&self, at: usize) -> u32 {
        u32::try_from(self.starts.partition_point(|start| *start <= at)).unwrap_or(u32::MAX)
    }

    /// The column of a byte in characters, from 1.
    pub fn column(&self, at: usize) -> u32 {
        let start = self.line_start(at);
        let before = self.text.get(start..self.floor(at)).unwrap_or_default();
        u32::try_from(before.chars().count() + 1).unwrap_or(u32::MAX)
    }

    fn line_start(&self, at: usize) -> usize {
        let line = self.starts.partition_point(|start| *start <= at);
        self.starts.get(line.saturating_sub(1)).copied().unwrap_or(0)
    }

    /// The nearest character boundary at or before a byte.
    fn floor(&self, at: usize) -> usize {
        self.text.floor_char_boundary(at.min(self.text.len()))
    }

    /// The line around a span, cut to a window.
    pub fn excerpt(&self, span: &Range<usize>) -> Excerpt {
        let start = self.floor(span.start);
        let line_end = self.text[start..].find(['\n', '\r']).map_or(self.text.len(), |length| start + length);
        let end = forward(self.text, start, WINDOW).min(self.floor(span.end).max(start)).min(line_end);
        let from = backward(self.text, start, WINDOW).max(self.line_start(start));
        let to = forward(self.text, end, WINDOW).min(line_end.max(end));
        Excerpt { text: self.text[from..to].to_owned(), span: start - from..end - from }
    }
}

/// The byte `characters` further on, or the end.
fn forward(text: &str, from: usize, characters: usize) -> usize {
    text[from..].char_indices().nth(characters).map_or(text.len(), |(at, _)| from + at)
}

/// The byte `characters` back, or the start.
fn backward(text: &str, from: usize, characters: usize) -> usize {
    text[..from].char_indices().nth_back(characters.saturating_sub(1)).map_or(0, |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        let text = Text::new("ab\n模型 = x\n");
        assert_eq!((text.line(0), text.column(0)), (1, 1));
        assert_eq!((text.line(4), text.column(4)), (2, 1), "inside a character: where it starts");
        let x = text.text.find('x').unwrap();
        assert_eq!((text.line(x), text.column(x)), (2, 6));
        assert_eq!((text.line(999), text.column(999)), (3, 1));
    }

    #[test]
    fn an_excerpt_is_a_window_of_its_line() {
        let long = format!("first\n{}here{}\nlast", "x".repeat(500), "y".repeat(500));
        let at = long.find("here").unwrap();
        let excerpt = Text::new(&long).excerpt(&(at..at + 4));
        assert_eq!(&excerpt.text[excerpt.span.clone()], "here");
        assert_eq!(excerpt.text.len(), 124);
        let excerpt = Text::new("a\nb = 1\nc").excerpt(&(6..7));
        assert_eq!((excerpt.text.as_str(), excerpt.span), ("b = 1", 4..5));
    }
}
