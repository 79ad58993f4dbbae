//! `--statements DIR`: one page a user, with only that user's rows, names and sums in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::file::write_whole;
use super::outcome::Failure;
use crate::audit::{By, Summary, Totals, Verdict};
use crate::exact::Ratio;
use crate::log::{LogEntry, Place};
use crate::report::html::Html;
use crate::report::{InputInfo, Report, UsdTotals};

/// So many wrong charges are listed in a statement.
const LISTED: usize = 100;

/// The statements of a run as they grow: sums, a few rows of each class, the largest findings.
#[derive(Debug)]
pub struct Statements {
    folder: PathBuf,
    users: BTreeMap<String, Statement>,
}

#[derive(Debug)]
struct Statement {
    summary: Summary,
    usd: UsdTotals,
    /// The totals when the input began.
    before: Totals,
}

impl Statement {
    fn new() -> Statement {
        let summary = Summary::new(LISTED, &[By::Model, By::Group, By::Day]).with_cases();
        Statement { summary, usd: UsdTotals::default(), before: Totals::default() }
    }
}

impl Statements {
    /// Makes the folder, so that a run does not fail at its end.
    pub fn open(folder: &Path) -> Result<Statements, Failure> {
        let problem = |error| Failure::usage(format!("cannot make the folder `{}`: {error}", folder.display()), None);
        std::fs::create_dir_all(folder).map_err(problem)?;
        Ok(Statements { folder: folder.to_owned(), users: BTreeMap::new() })
    }

    /// Counts a row for its user.
    pub fn add(&mut self, place: Place, entry: Option<&LogEntry<'_>>, verdict: &Verdict, day: &dyn Fn(i64) -> String) {
        let user = entry.map_or("", |entry| entry.user);
        let statement = match self.users.get_mut(user) {
            Some(statement) => statement,
            None => self.users.entry(user.to_owned()).or_insert_with(Statement::new),
        };
        statement.summary.add(place, entry, verdict, day);
    }

    /// An input has ended, in which so many points are 1 USD.
    pub fn end_input(&mut self, per_unit: Ratio) {
        for Statement { summary, usd, before } in self.users.values_mut() {
            usd.add(before, &summary.totals, per_unit);
            before.clone_from(&summary.totals);
        }
    }

    /// Writes them all. `whole` is the report of the run.
    pub fn write(self, whole: &Report) -> Result<(), Failure> {
        for (user, Statement { summary, usd, .. }) in self.users {
            let path = self.folder.join(file_name(&user));
            let report = Report {
                inputs: whole.inputs.iter().enumerate().map(|(at, info)| nameless(at, info)).collect(),
                sources: Vec::new(),
                basis: whole.basis,
                profile: whole.profile,
                quota_per_unit: whole.quota_per_unit,
                summary,
                usd,
                by: Vec::new(),
            };
            write_whole(&path, |file| Ok(report.write(&mut Html { user: Some(user) }, file)?))?;
        }
        Ok(())
    }
}

/// A log by its number: its name and size say something of others.
fn nameless(at: usize, info: &InputInfo) -> InputInfo {
    InputInfo { name: format!("log {}", at + 1), format: info.format.clone(), rows: 0, bytes: 0 }
}

/// A file name that every system takes, and that no two users share.
fn file_name(user: &str) -> String {
    if user.is_empty() {
        return "no-user.html".to_owned();
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let plain: String = user.chars().take(40).map(|c| if is_plain(c) { c } else { '_' }).collect();
    let hash: String = Sha256::digest(user).iter().take(5).map(|byte| format!("{byte:02x}")).collect();
    format!("{plain}-{hash}.html")
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn file_names_stay_in_their_folder_and_apart() {
        for user in ["../../etc/passwd", "a/b", "..", "CON", "a\0b", "模型", &"x".repeat(500), ".hidden"] {
            let name = file_name(user);
            assert!(name.len() < 64 && !name.starts_with('.') && name.is_ascii(), "{name}");
            assert!(!name.contains(['/', '\\', ':', '\0']), "{name}");
        }
        assert_ne!(file_name("Alice").to_lowercase(), file_name("alice"));
        assert_ne!(file_name("no-user"), file_name(""));
    }
}
