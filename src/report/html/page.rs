//! What a page is written with. Markup is `&'static str`, so that nothing but our own source can be markup; all else is escaped text.

use std::io::{self, Write};

use crate::report::text::{grouped, shown, usd_aligned};
use crate::report::view::Usd;
use crate::report::xml::escaped;

/// A page on its way out.
pub struct Page<'o> {
    out: &'o mut dyn Write,
}

/// A column: its title, and whether it holds numbers.
pub type Column = (&'static str, Holds);

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    Texts,
    Numbers,
    Bars,
}

/// A cell of a table.
#[derive(Clone, Debug)]
pub enum Cell {
    /// A text from a log or a config.
    Text(String),
    /// A text from a log that may be empty, with what stands for it.
    TextOr(String, &'static str),
    /// Our own words.
    Words(String),
    Number(i128),
    Money(Usd),
    Bar(Bar),
    Blank,
}

/// A bar from the middle of its cell: to the right what is too much, to the left what is too little.
#[derive(Clone, Debug)]
pub struct Bar {
    pub value: i128,
    /// The value that fills a side.
    pub most: i128,
    pub label: String,
}

pub const TEXTS: Holds = Holds::Texts;
pub const NUMBERS: Holds = Holds::Numbers;

/// So many things of a kind are told one by one.
pub const MOST_LINES: usize = 200;

impl<'o> Page<'o> {
    pub fn new(out: &'o mut dyn Write) -> Page<'o> {
        Page { out }
    }

    /// Our own markup.
    pub fn mark(&mut self, markup: &'static str) -> io::Result<()> {
        self.out.write_all(markup.as_bytes())
    }

    /// Begins a section with its title and a sentence.
    pub fn section(&mut self, title: &'static str, sentence: &'static str) -> io::Result<()> {
        self.mark("<section>\n<h2>")?;
        self.mark(title)?;
        self.mark("</h2>\n<p class=\"note\">")?;
        self.mark(sentence)?;
        self.mark("</p>\n")
    }

    pub fn end_section(&mut self) -> io::Result<()> {
        self.mark("</section>\n")
    }

    /// Says that not all are told.
    pub fn more(&mut self, count: usize, told: usize) -> io::Result<()> {
        match count.saturating_sub(told) {
            0 => Ok(()),
            more => self.element("<p class=\"note\">", &format!("and {} more", grouped(more as i128)), "</p>\n"),
        }
    }

    /// A text from a log or a config, no longer than a line or two.
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(escaped(&shown(text)).as_bytes())
    }

    /// Our own words, or a text that is long of itself.
    pub fn words(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(escaped(text).as_bytes())
    }

    /// An attribute with a text.
    pub fn attribute(&mut self, name: &'static str, text: &str) -> io::Result<()> {
        write!(self.out, " {name}=\"{}\"", escaped(text))
    }

    /// Words within an element without attributes.
    pub fn element(&mut self, open: &'static str, text: &str, close: &'static str) -> io::Result<()> {
        self.mark(open)?;
        self.words(text)?;
        self.mark(close)
    }

    /// A table; the last `sums` rows are set off as sums.
    pub fn table(&mut self, columns: &[Column], rows: &[Vec<Cell>], sums: usize) -> io::Result<()> {
        self.mark("<table>\n<thead><tr>")?;
        for (title, holds) in columns {
            self.mark(match holds {
                Holds::Numbers => "<th scope=\"col\" class=\"n\">",
                _ => "<th scope=\"col\">",
            })?;
            self.mark(title)?;
            self.mark("</th>")?;
        }
        self.mark("</tr></thead>\n<tbody>\n")?;
        for (index, row) in rows.iter().enumerate() {
            self.mark(if index + sums >= rows.len() { "<tr class=\"sum\">" } else { "<tr>" })?;
            columns.iter().zip(row).try_for_each(|(column, cell)| self.cell(*column, cell))?;
            self.mark("</tr>\n")?;
        }
        self.mark("</tbody>\n</table>\n")
    }

    fn cell(&mut self, (title, holds): Column, cell: &Cell) -> io::Result<()> {
        self.mark(match (holds, cell) {
            (_, Cell::Blank) => "<td class=\"blank\"",
            (Holds::Numbers, _) => "<td class=\"n\"",
            (Holds::Bars, _) => "<td class=\"b\"",
            (Holds::Texts, _) => "<td",
        })?;
        self.attribute("data-l", title)?;
        self.mark(">")?;
        match cell {
            Cell::Text(text) => self.text(text)?,
            Cell::TextOr(text, without) if text.is_empty() => self.element("<i>", without, "</i>")?,
            Cell::TextOr(text, _) => self.text(text)?,
            Cell::Words(words) => self.words(words)?,
            Cell::Number(number) => self.words(&minus(&grouped(*number)))?,
            Cell::Money(usd) => self.words(&minus(&usd_aligned(&usd.0)))?,
            Cell::Bar(bar) => self.bar(bar)?,
            Cell::Blank => {}
        }
        self.mark("</td>")
    }

    fn bar(&mut self, bar: &Bar) -> io::Result<()> {
        let length = part_of(bar.value.unsigned_abs(), bar.most.unsigned_abs(), 100);
        let length = if bar.value == 0 { 0 } else { length.max(1) };
        self.mark("<svg class=\"bar\" viewBox=\"0 0 200 8\" preserveAspectRatio=\"none\" role=\"img\"")?;
        self.attribute("aria-label", &bar.label)?;
        self.mark("><rect class=\"axis\" x=\"99.5\" y=\"0\" width=\"1\" height=\"8\"/>")?;
        let (markup, x) = if bar.value > 0 {
            ("<rect class=\"over\" y=\"1\" height=\"6\"", 100)
        } else {
            ("<rect class=\"under\" y=\"1\" height=\"6\"", 100 - length)
        };
        self.mark(markup)?;
        self.attribute("x", &x.to_string())?;
        self.attribute("width", &length.to_string())?;
        self.mark("/></svg>")
    }
}

/// `value` of `most`, on a scale.
pub fn part_of(value: u128, most: u128, scale: u128) -> u128 {
    // More than the scale can multiply is more than any bill.
    value.saturating_mul(scale).checked_div(most).unwrap_or(0).min(scale)
}

/// A true minus sign, as wide as a digit.
pub fn minus(number: &str) -> String {
    number.replace('-', "\u{2212}")
}
