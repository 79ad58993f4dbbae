//! `--format github`: workflow commands that put the largest classes of findings into the run of a GitHub action.

use std::io::{self, Write};

use super::Format;
use super::junit::{class_line, named};
use super::text::{printable, shown};
use super::view::View;

/// GitHub shows so many errors of a step.
const SHOWN: usize = 10;

/// The report as workflow commands.
#[derive(Clone, Copy, Debug)]
pub struct GitHub;

/// A value of a command: nothing in it ends the line.
pub(super) fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a command: nothing in it ends the property either.
pub(super) fn property(text: &str) -> String {
    data(&printable(text)).replace(':', "%3A").replace(',', "%2C")
}

impl Format for GitHub {
    fn end(&mut self, view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", view.sentence())?;
        for class in view.classes.iter().take(SHOWN) {
            let place = class.first.filter(|(_, input)| *input != "-");
            let place = place.map(|(finding, input)| format!("file={},line={},", property(input), finding.place.line.max(1)));
            let title = property(&format!("{} in group {}", named(class.model, "no model"), named(class.group, "no group")));
            writeln!(out, "::error {}title={title}::{}", place.unwrap_or_default(), data(&class_line(class)))?;
        }
        let left = SHOWN.saturating_sub(view.classes.len());
        for part in view.policy.iter().filter(|part| part.level == "violation").take(left) {
            writeln!(out, "::error title={}::{}, {} rows", property(part.finding), data(&shown(part.detail)), part.rows)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_command_or_a_property() {
        assert_eq!(data("50%\r\n::error::x"), "50%25%0D%0A::error::x");
        assert_eq!(property("a,b:c\n"), "a%2Cb%3Ac\\u{a}");
    }
}
