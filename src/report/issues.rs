//! An issue of a config as a person reads it: what, where, the offending text, a way out.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::text::printable;
use crate::float::expr::ExprError;

use crate::config::issue::{Issue, Severity};

/// Columns that a rendered line may take: an excerpt and its margin.
const WIDTH: usize = 240;

/// The issue in several lines, without a line end.
pub fn render(issue: &Issue, colour: bool) -> String {
    let level = match issue.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let path = match &issue.part {
        Some(part) => printable(&format!("{} ({part})", issue.source)),
        None => printable(&issue.source),
    };
    let (message, hint) = (printable(&issue.message), printable(&issue.hint));
    let mut group = Group::with_title(level.primary_title(message).id(issue.code.word()));
    group = group.element(Origin::path(path).line(issue.line as usize).char_column(issue.column as usize));
    if !issue.excerpt.text.trim().is_empty() {
        let snippet = Snippet::source(issue.excerpt.text.as_str()).line_start(issue.line as usize).fold(false);
        group = group.element(snippet.annotation(AnnotationKind::Primary.span(issue.excerpt.span.clone())));
    }
    let hint = Group::with_title(Level::HELP.secondary_title(hint));
    let report = [group, hint];
    let print = |renderer: Renderer| renderer.decor_style(DecorStyle::Ascii).term_width(WIDTH).render(&report);
    let plain = print(Renderer::plain());
    let styled = if colour { print(Renderer::styled()) } else { plain.clone() };
    // An excerpt is a window, so its place is said apart from it; the renderer marks that gap by a line that says nothing.
    let lines = plain.lines().zip(styled.lines()).filter(|(plain, _)| plain.trim() != ":::");
    lines.map(|(_, line)| line).collect::<Vec<_>>().join("\n")
}

/// An error of a price expression, with the text that it is in.
pub fn render_expression(text: &str, error: &ExprError, colour: bool) -> String {
    let snippet = Snippet::source(text).line_start(1).fold(false).annotation(AnnotationKind::Primary.span(error.span.clone()));
    let title = format!("the expression cannot be read: {}", error.message);
    let group = Group::with_title(Level::ERROR.primary_title(title)).element(snippet);
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    renderer.decor_style(DecorStyle::Ascii).term_width(160).render(&[group])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::config::read;

    #[test]
    fn an_issue_names_file_line_column_text_and_a_way_out() {
        let issues = read("ratios.json", b"{\"GroupRatio\": {\n  \"default\": 1,\n  \"vip\": -0.8}}").unwrap_err();
        let text = render(&issues[0], false);
        for part in
            ["error[negative-ratio]: `vip`: negative ratio `-0.8`", "--> ratios.json:3:10", "\"vip\": -0.8}", "^^^^", "0 (free)"]
        {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }

    #[test]
    fn hostile_text_is_rendered_too() {
        let long = format!("{{\"GroupRatio\": {{\"{}\u{1b}[31m\": -1}}}}", "模".repeat(100_000));
        for bytes in [long.as_bytes(), b"", b"\xFF", b"\r\n\t{", "[\u{0}".as_bytes()] {
            for issue in read("\u{1b}x", bytes).map_or_else(|issues| issues, |loaded| loaded.issues) {
                assert!(render(&issue, true).len() < 4_000);
            }
        }
    }
}
