//! What a row is known by: of its bytes the same print as of the entry that the general reader makes of them.

use memchr::memchr;

use super::Facts;
use crate::alike::bytes::Span;
use crate::alike::template::Quoting;
use crate::audit::{Print, PrintSum, Quotes};
use crate::log::Field;
use crate::read::{Form, Layout};

/// Which columns a print is made of.
#[derive(Debug)]
pub struct Prints {
    texts: Vec<(usize, Field)>,
    id: Option<usize>,
    kind: Option<usize>,
    cells: Cells,
}

/// How texts are written.
#[derive(Clone, Copy, Debug)]
enum Cells {
    Csv,
    Json,
}

impl Prints {
    /// None where a print needs more than is read here.
    pub fn new(layout: &Layout) -> Option<Prints> {
        let cells = match layout.form {
            Form::Csv { .. } => Cells::Csv,
            Form::Lines { .. } => Cells::Json,
            Form::Cells => return None,
        };
        let mut prints = Prints { texts: Vec::new(), id: None, kind: None, cells };
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
            sum.add_text(*field, self.text(bytes, facts.field(*column))?, Quotes::Doubled);
        }
        if let Some(id) = self.id.filter(|_| facts.request.is_empty()) {
            sum.add_text(Field::Id, self.text(bytes, facts.field(id))?, Quotes::Doubled);
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

    /// The text of a field, as the general reader has it but for doubled quotes.
    fn text<'b>(&self, bytes: &'b [u8], field: Span) -> Option<&'b [u8]> {
        let text = field.of(bytes);
        match (self.cells, text) {
            (_, []) => Some(text),
            (Cells::Csv, b"NULL" | b"\\N") => Some(b""),
            // A guard against formulas, maybe.
            (Cells::Csv, _) => (text[0] != b'\'').then_some(text),
            (Cells::Json, b"null") if bytes[field.start() - 1] != b'"' => Some(b""),
            (Cells::Json, _) => memchr(b'\\', text).is_none().then_some(text),
        }
    }

    fn details<'b>(&self, bytes: &'b [u8], facts: &Facts) -> Option<(&'b [u8], Quotes)> {
        let text = facts.details.of(bytes);
        match (self.cells, facts.quoting) {
            _ if text == b"null" || text == b"NULL" || text == b"\\N" => None,
            (_, Quoting::Json) => has_no_escapes_but_of_quotes(text).then_some((text, Quotes::Escaped)),
            (Cells::Csv, _) => Some((text, Quotes::Doubled)),
            (Cells::Json, _) => text.is_empty().then_some((text, Quotes::Doubled)),
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
