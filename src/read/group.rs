//! The group of a row that has no column for it: one-hub names it in `metadata`.

use std::sync::Arc;

use crate::details::Details;
use crate::log::{Field, Row};

use super::ahead::Scout;
use super::{Ahead, Next, ReadRows};

/// Rows whose group is set wherever the row names one.
pub(super) struct WithGroups(pub Box<dyn ReadRows + Send>);

impl ReadRows for WithGroups {
    fn next(&mut self, row: &mut Row) -> Next {
        let next = self.0.next(row);
        named(next, row)
    }

    fn ahead(&mut self) -> Option<Ahead<'_>> {
        self.0.ahead().filter(|ahead| !ahead.layout.columns.contains(Field::Metadata))
    }

    fn read_ahead(&mut self, threads: usize, scout: Arc<dyn Scout>) {
        self.0.read_ahead(threads, scout);
    }

    fn pass(&mut self, bytes: usize, lines: u64) {
        self.0.pass(bytes, lines);
    }

    fn again(&mut self, bytes: &[u8], line: u64, row: &mut Row) -> Next {
        let next = self.0.again(bytes, line, row);
        named(next, row)
    }

    fn failure(&self) -> Option<&str> {
        self.0.failure()
    }

    fn bytes(&self) -> u64 {
        self.0.bytes()
    }
}

fn named(next: Next, row: &mut Row) -> Next {
    if next == Next::Row {
        name_group(row);
    }
    next
}

fn name_group(row: &mut Row) {
    let metadata = row.get(Field::Metadata);
    if row.get(Field::Group).is_empty()
        && metadata.contains("\"group_name\"")
        && let Some(group) = group_of(metadata)
    {
        row.set(Field::Group, &group);
    }
}

/// The group that served the request: the backup group where the first one could not.
fn group_of(metadata: &str) -> Option<String> {
    let details = Details::parse("metadata", metadata).ok()?;
    let key = if details.flag("is_backup_group") { "backup_group_name" } else { "group_name" };
    Some(details.text(key)?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(metadata: &str, expected: &str) {
        let mut row = Row::default();
        row.set(Field::Metadata, metadata);
        name_group(&mut row);
        assert_eq!(row.get(Field::Group), expected);
    }

    #[test]
    fn the_group_that_served_is_the_rows_group() {
        check(r#"{"group_name":"超级\"vip\"","backup_group_name":"","is_backup_group":false}"#, "超级\"vip\"");
        check(r#"{"group_name":"vip","backup_group_name":"odd","is_backup_group":true}"#, "odd");
        check(r#"{"cache_write_tokens":{}}"#, "");
        check("null", "");
    }
}
