//! Texts of single fields, as the general reader has them.

use memchr::memchr;

use super::{Facts, MOST_NAMES};
use crate::alike::bytes::Span;
use crate::audit::{By, Filter};
use crate::log::Field;
use crate::read::{Form, Layout};

/// How the texts of an input are written.
#[derive(Clone, Copy, Debug)]
pub enum Texts {
    Csv,
    Json,
    Cells,
}

impl Texts {
    pub fn of(form: &Form) -> Texts {
        match form {
            Form::Csv { .. } => Texts::Csv,
            Form::Lines { .. } => Texts::Json,
            Form::Cells => Texts::Cells,
        }
    }

    /// Where the text of a field stands, in which quotes may be doubled; none where it is written in another way.
    #[inline(always)]
    pub fn at(self, bytes: &[u8], field: Span) -> Option<Span> {
        let (text, nothing) = (field.of(bytes), Span::new(field.start(), field.start()));
        match (self, text) {
            (_, []) | (Texts::Cells, _) => Some(field),
            (Texts::Csv, b"NULL" | b"\\N") => Some(nothing),
            // A guard against formulas, maybe.
            (Texts::Csv, _) => (text[0] != b'\'').then_some(field),
            (Texts::Json, b"null") if bytes[field.start() - 1] != b'"' => Some(nothing),
            (Texts::Json, _) => memchr(b'\\', text).is_none().then_some(field),
        }
    }

    /// The same, where no quotes are in it.
    fn plain(self, bytes: &[u8], field: Span) -> Option<Span> {
        self.at(bytes, field).filter(|text| memchr(b'"', text.of(bytes)).is_none())
    }
}

/// The columns of the names that sums are broken down by.
#[derive(Debug)]
pub struct NameColumns {
    texts: Texts,
    columns: Vec<usize>,
}

impl NameColumns {
    /// None where a name may stand in more than one column.
    pub fn new(layout: &Layout, by: &[By]) -> Option<NameColumns> {
        // Behind the last column stands a field that is always empty.
        let column_of = |field| layout.column(field).unwrap_or(layout.cells.len());
        let columns = by.iter().map(|by| match by {
            By::Token => Some(column_of(Field::Token)),
            By::User => Some(column_of(Field::User)),
            By::Channel if !layout.columns.contains(Field::ChannelUuid) => Some(column_of(Field::Channel)),
            _ => None,
        });
        let columns = columns.collect::<Option<Vec<usize>>>().filter(|columns| columns.len() <= MOST_NAMES)?;
        Some(NameColumns { texts: Texts::of(&layout.form), columns })
    }

    /// Puts down where the names of a row stand; none where one is not written as it is.
    pub fn take(&self, bytes: &[u8], facts: &mut Facts) -> Option<()> {
        for (at, column) in self.columns.iter().enumerate() {
            facts.names[at] = self.texts.plain(bytes, facts.field(*column))?;
        }
        Some(())
    }

    /// How many names a row has.
    pub fn count(&self) -> usize {
        self.columns.len()
    }
}

/// Which rows the filter of an audit admits.
#[derive(Debug)]
pub struct RowFilter {
    texts: Texts,
    times: Filter,
    /// The names of which a column must hold one.
    lists: Vec<(usize, Vec<String>)>,
}

impl RowFilter {
    /// None where it asks for a column that there is not.
    pub fn new(layout: &Layout, filter: &Filter) -> Option<RowFilter> {
        let lists = [
            (Field::Model, &filter.models),
            (Field::Group, &filter.groups),
            (Field::Token, &filter.tokens),
            (Field::User, &filter.users),
        ];
        let lists = lists
            .into_iter()
            .filter(|(_, names)| !names.is_empty())
            .map(|(field, names)| Some((layout.column(field)?, names.clone())));
        let times = Filter { since: filter.since, until: filter.until, ..Filter::default() };
        Some(RowFilter { texts: Texts::of(&layout.form), times, lists: lists.collect::<Option<_>>()? })
    }

    /// Whether it may leave out any row.
    pub fn leaves_out(&self) -> bool {
        self.times != Filter::default() || !self.lists.is_empty()
    }

    /// None where a text is not written as it is.
    #[inline(always)]
    pub fn admits(&self, bytes: &[u8], facts: &Facts) -> Option<bool> {
        let mut is_admitted = self.times.admits_time(facts.time);
        for (column, names) in &self.lists {
            let text = self.texts.plain(bytes, facts.field(*column))?.of(bytes);
            is_admitted &= names.iter().any(|name| name.as_bytes() == text);
        }
        Some(is_admitted)
    }
}
