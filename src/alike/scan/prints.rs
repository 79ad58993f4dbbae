//! What a row is known by: of its bytes the same print as of the entry that the general reader makes of them.

use super::{Facts, Texts};
use crate::alike::template::Quoting;
use crate::audit::{Print, PrintSum, Quotes};
use crate::log::Field;
use crate::read::Layout;

/// Which columns a print is made of.
#[derive(Debug)]
pub struct Prints {
    texts: Vec<(usize, Field)>,
    id: Option<usize>,
    kind: Option<usize>,
    written: Texts,
}

impl Prints {
    /// None where a print needs more than is read here.
    pub fn new(layout: &Layout) -> Option<Prints> {
        // Quotes of databases stand alone, those of a print are doubled.
        let written = Some(Texts::of(&layout.form)).filter(|written| !matches!(written, Texts::Cells))?;
        let mut prints = Prints { texts: Vec::new(), id: None, kind: None, written };
        for (column, field) in layout.cells.iter().enumerate() {
            let Some(field) = field else { continue };
            match field {
                Field::Id => prints.id = Some(column),
                Field::Type => prints.kind = Some(column),
                Field::Uuid | Field::ChannelUuid | Field::Metadata => return None,
                _ if Field::RATIOS.contains(field) => return None,
                _ if Print::TEXTS.contains(field) && *field != Field::Other => prints.texts.push((column, *field)),
                _ => {}
            }
        }
        Some(prints)
    }

    /// None where the row says something in another way than is read here.
    pub fn of(&self, bytes: &[u8], facts: &Facts) -> Option<Print> {
        let mut sum = PrintSum::default();
        for (column, field) in &self.texts {
            sum.add_text(*field, self.text(bytes, facts, *column)?, Quotes::Doubled);
        }
        if let Some(id) = self.id.filter(|_| facts.request.is_empty()) {
            sum.add_text(Field::Id, self.text(bytes, facts, id)?, Quotes::Doubled);
        }
        let (details, quotes) = self.details(bytes, facts)?;
        sum.add_text(Field::Other, details, quotes);
        if let Some(kind) = self.kind {
            sum.add_number(Field::Type, kind_number(facts.field(kind).of(bytes))?);
        }
        for (field, number) in [
            (Field::Time, facts.time.unwrap_or(0)),
            (Field::PromptTokens, facts.counts.prompt),
            (Field::CachedTokens, facts.counts.cached),
            (Field::CompletionTokens, facts.counts.completion),
            (Field::CacheWriteTokens, facts.counts.writes),
            (Field::Quota, facts.charged),
        ] {
            sum.add_number(field, number);
        }
        Some(sum.print())
    }

    fn text<'b>(&self, bytes: &'b [u8], facts: &Facts, column: usize) -> Option<&'b [u8]> {
        Some(self.written.at(bytes, facts.field(column))?.of(bytes))
    }

    fn details<'b>(&self, bytes: &'b [u8], facts: &Facts) -> Option<(&'b [u8], Quotes)> {
        let text = facts.details.of(bytes);
        match (self.written, facts.quoting) {
            _ if text == b"null" || text == b"NULL" || text == b"\\N" => None,
            (_, Quoting::Json) => has_no_escapes_but_of_quotes(text).then_some((text, Quotes::Escaped)),
            (Texts::Csv, _) => Some((text, Quotes::Doubled)),
            (_, _) => text.is_empty().then_some((text, Quotes::Doubled)),
        }
    }
}

/// A quote within a text of JSON stands behind a backslash, so that any other escape has one more of these.
fn has_no_escapes_but_of_quotes(text: &[u8]) -> bool {
    let count = |byte: u8| text.iter().filter(|other| **other == byte).count();
    count(b'\\') == count(b'"')
}

/// The number of a type that is written as one digit, as a print has it; 0 where there is none.
fn kind_number(text: &[u8]) -> Option<i64> {
    match text {
        [] => Some(0),
        [digit @ b'0'..=b'7'] => Some(i64::from(digit - b'0') + 1),
        _ => None,
    }
}
