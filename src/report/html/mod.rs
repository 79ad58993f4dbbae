//! `--format html`: one page without scripts that asks for nothing from anywhere, for a reader who has never heard of ratios.
//!
//! First whether the bill is right and by how much it is not, then where the difference comes from, then each class of findings with a row to
//! check by hand, and at the end what was read.

mod days;
mod page;
mod sums;
mod tables;
mod worked;

use std::io::{self, Write};

use sha2::{Digest, Sha256};

use super::Format;
use super::text::{grouped, points_text, usd_aligned};
use super::view::{Usd, View, charges};
use page::{Cell, NUMBERS, Page, TEXTS};

const STYLE: &str = include_str!("style.css");

/// The report as a page.
#[derive(Clone, Debug, Default)]
pub struct Html {
    /// Whose statement it is, where it is one.
    pub user: Option<String>,
}

impl Format for Html {
    fn end(&mut self, view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
        let page = &mut Page::new(out);
        head(view, page)?;
        self.verdict(view, page)?;
        sums::by_day(view, page)?;
        sums::differences(view, page)?;
        worked::classes(view, page)?;
        tables::unrated(view, page)?;
        tables::drift(view, page)?;
        tables::beside(view, page)?;
        tables::quirks(view, page)?;
        sums::asked(view, page)?;
        tables::findings(view, page)?;
        if self.user.is_none() {
            read(view, page)?;
        }
        foot(view, page)
    }
}

fn head(view: &View<'_>, page: &mut Page<'_>) -> io::Result<()> {
    page.mark(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\"",
    )?;
    page.attribute("content", &content_policy())?;
    page.mark(concat!(
        ">\n",
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n",
        "<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n",
        "<link rel=\"icon\" href=\"data:,\">\n<title>"
    ))?;
    page.words(&view.sentence())?;
    page.mark("</title>\n<style>")?;
    page.mark(STYLE)?;
    page.mark("</style>\n</head>\n<body>\n")
}

/// What a browser may do with the page: show it in its own style, and nothing else.
fn content_policy() -> String {
    let style = base64(&Sha256::digest(STYLE));
    format!("default-src 'none'; style-src 'sha256-{style}'; img-src data:; base-uri 'none'; form-action 'none'")
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |three: &[u8]| {
        let bits = (0..3).fold(0, |bits, at| bits << 8 | u32::from(three.get(at).copied().unwrap_or(0)));
        let letter = move |at: usize| char::from(LETTERS[(bits >> (18 - 6 * at)) as usize & 63]);
        let length = three.len();
        (0..4).map(move |at| if at > length { '=' } else { letter(at) })
    };
    bytes.chunks(3).flat_map(group).collect()
}

impl Html {
    fn verdict(&self, view: &View<'_>, page: &mut Page<'_>) -> io::Result<()> {
        let totals = &view.totals;
        page.mark("<header>\n<p class=\"kicker\"><span>")?;
        match &self.user {
            Some(user) if user.is_empty() => page.words("Charges that name no user")?,
            Some(user) => {
                page.words("Statement of ")?;
                page.text(user)?;
            }
            None => page.words("Audit of a bill")?,
        }
        page.mark("</span>")?;
        if let (Some(first), Some(last)) = (&view.period.first, &view.period.last) {
            page.element("<span>", &format!("{first} to {last}"), "</span>")?;
        }
        page.mark("</p>\n")?;
        page.mark(match totals {
            totals if totals.wrong() > 0 => "<p class=\"verdict bad\">This bill is not right</p>\n",
            totals if totals.audited() == 0 => "<p class=\"verdict unsure\">This bill could not be checked</p>\n",
            _ => "<p class=\"verdict good\">This bill is right</p>\n",
        })?;
        page.element("<h1>", &view.sentence(), "</h1>\n")?;
        page.element("<p>", &self.lead(view), "</p>\n")?;
        statement(view, page)?;
        page.mark("</header>\n")
    }

    fn lead(&self, view: &View<'_>) -> String {
        let prices = match (view.config.basis, &self.user) {
            ("config", None) => "the prices of the config that is named below",
            ("config", Some(_)) => "the prices that the gateway is said to have",
            _ => "the prices that the log itself prints beside it",
        };
        let left = match view.totals.unrated {
            0 => String::new(),
            count => format!(" {} could not be judged, because the log does not say enough.", charges(count)),
        };
        format!("Every charge was computed again from what was used and {prices}, the way the gateway computes it.{left}")
    }
}

/// The sums, as a statement of account has them.
fn statement(view: &View<'_>, page: &mut Page<'_>) -> io::Result<()> {
    let totals = &view.totals;
    let lines: [(&'static str, &str, i128, &Usd); 6] = [
        ("<tr>", "Charged", totals.charged_points, &totals.charged_usd),
        ("<tr>", "Expected", totals.expected_points, &totals.expected_usd),
        ("<tr class=\"sum\">", "Difference", totals.net_points, &totals.net_usd),
        ("<tr class=\"sub\">", "charged too much", totals.over_points, &view.over_usd),
        ("<tr class=\"sub\">", "charged too little", totals.under_points, &view.under_usd),
        ("<tr class=\"sub\">", "not judged", totals.unrated_points, &totals.unrated_usd),
    ];
    page.mark("<table class=\"statement\">\n<thead><tr><td></td><th scope=\"col\" class=\"n\">points</th><th scope=\"col\" class=\"n\">USD</th></tr></thead>\n<tbody>\n")?;
    for (row, word, points, usd) in lines {
        page.mark(row)?;
        page.element("<th scope=\"row\">", word, "</th>")?;
        page.element("<td class=\"n\">", &page::minus(&grouped(points)), "</td>")?;
        page.element("<td class=\"n\">", &page::minus(&usd_aligned(&usd.0)), "</td></tr>\n")?;
    }
    page.mark("</tbody>\n</table>\n<p class=\"note\">")?;
    page.words(&format!("A point is the unit in which the gateway counts: {} are $1.00.", of_unit(&view.config.quota_per_unit)))?;
    page.mark("</p>\n")
}

fn of_unit(per_unit: &str) -> String {
    per_unit.parse::<i128>().map_or_else(|_| format!("{per_unit} points"), points_text)
}

fn read(view: &View<'_>, page: &mut Page<'_>) -> io::Result<()> {
    page.section("What was read", "The same files give the same report again.")?;
    let inputs: Vec<Vec<Cell>> = view
        .inputs
        .iter()
        .map(|input| {
            let (rows, bytes) = (Cell::Number(input.rows.into()), Cell::Number(input.bytes.into()));
            vec![Cell::Text(input.name.to_owned()), Cell::Words(input.format.to_owned()), rows, bytes]
        })
        .collect();
    page.table(&[("log", TEXTS), ("format", TEXTS), ("rows", NUMBERS), ("bytes", NUMBERS)], &inputs, 0)?;
    if view.config.sources.is_empty() {
        page.mark("<p>Config: the built-in defaults.</p>\n")?;
    } else {
        let sources: Vec<Vec<Cell>> = view
            .config
            .sources
            .iter()
            .map(|source| {
                vec![
                    Cell::Text(source.name.to_owned()),
                    Cell::Words(source.format.to_owned()),
                    Cell::Text(source.sha256.to_owned()),
                ]
            })
            .collect();
        page.table(&[("config", TEXTS), ("format", TEXTS), ("sha256", TEXTS)], &sources, 0)?;
    }
    let classes = view.totals.classes().map(|(word, rows)| format!("{} {word}", grouped(rows.into())));
    page.element("<h3>Rows</h3>\n<p>", &format!("{} = {}", grouped(view.totals.rows.into()), classes.join(" + ")), "</p>\n")?;
    let profiles = view.config.profiles.0.iter().map(|(profile, rows)| format!("{profile} {}", grouped((*rows).into())));
    let profiles = profiles.collect::<Vec<_>>().join(", ");
    page.element("<p>", &format!("Basis: {}. Arithmetic: {} ({profiles}).", view.config.basis, view.config.profile), "</p>\n")?;
    if !view.presumed.is_empty() {
        let presumed = view.presumed.iter().map(|part| format!("{} ({})", part.reason, grouped(part.rows.into())));
        let presumed = presumed.collect::<Vec<_>>().join(", ");
        page.element("<p>Matched, presuming what the log leaves open: ", &presumed, ".</p>\n")?;
    }
    page.end_section()
}

fn foot(view: &View<'_>, page: &mut Page<'_>) -> io::Result<()> {
    let rows = grouped(view.totals.rows.into());
    page.element("<footer>", &format!("quota {}, {rows} rows.", env!("CARGO_PKG_VERSION")), "</footer>\n</body>\n</html>\n")
}

#[cfg(test)]
mod tests {
    use super::base64;

    /// RFC 4648, section 10.
    #[test]
    fn base64_is_that_of_the_standard() {
        for (text, code) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(text.as_bytes()), code);
        }
    }
}
