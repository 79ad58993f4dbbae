//! Charged and expected of each day, side by side.

use std::io;

use super::page::{Page, part_of};
use crate::report::text::grouped;
use crate::report::view::ByPart;

/// Units of the drawing.
const WIDTH: u128 = 1000;
const HEIGHT: u128 = 200;

/// Draws the days from left to right.
pub fn draw(days: &[&ByPart], page: &mut Page<'_>) -> io::Result<()> {
    let (Some(first), Some(last)) = (days.first(), days.last()) else { return Ok(()) };
    let amounts = || days.iter().flat_map(|day| [day.charged_points, day.expected_points]);
    let scale = Scale {
        most: amounts().max().unwrap_or(0).max(0).unsigned_abs(),
        least: amounts().min().unwrap_or(0).min(0).unsigned_abs(),
    };
    page.mark(
        "<figure>\n<div class=\"keys note\"><span class=\"key c\">charged</span><span class=\"key e\">expected</span></div>\n",
    )?;
    page.mark("<svg class=\"days\" viewBox=\"0 0 1000 200\" preserveAspectRatio=\"none\" role=\"img\"")?;
    page.attribute("aria-label", &label(days))?;
    page.mark("><rect class=\"axis\" x=\"0\" width=\"1000\" height=\"1\"")?;
    page.attribute("y", &scale.zero().min(HEIGHT - 1).to_string())?;
    page.mark("/>\n")?;
    let slot = WIDTH * 10 / (days.len() as u128).max(1);
    for (index, day) in (0..).zip(days) {
        let (at, wide) = (slot * index, slot.min(1200));
        let left = at + (slot - wide) / 2;
        bar("<rect class=\"charged\"", (left + wide / 10, wide * 4 / 10), day.charged_points, &scale, page)?;
        bar("<rect class=\"expected\"", (left + wide / 2, wide * 4 / 10), day.expected_points, &scale, page)?;
    }
    page.mark("</svg>\n<figcaption><span>")?;
    page.words(&first.key)?;
    page.mark("</span><span>")?;
    page.words(if days.len() > 1 { &last.key } else { "" })?;
    page.mark("</span></figcaption>\n</figure>\n")
}

fn label(days: &[&ByPart]) -> String {
    let told = days.iter().take(31).map(|day| {
        format!("{}: charged {}, expected {} points", day.key, grouped(day.charged_points), grouped(day.expected_points))
    });
    let more = if days.len() > 31 { "; the table below has all days" } else { "" };
    format!("Points by day. {}{more}", told.collect::<Vec<_>>().join("; "))
}

/// What the height of the drawing stands for.
struct Scale {
    most: u128,
    least: u128,
}

impl Scale {
    fn length(&self, points: i128) -> u128 {
        part_of(points.unsigned_abs(), self.most + self.least, HEIGHT)
    }

    /// Where nothing stands, from the top.
    fn zero(&self) -> u128 {
        HEIGHT - part_of(self.least, self.most + self.least, HEIGHT)
    }
}

/// A bar; `x` and the width are in tenths.
fn bar(open: &'static str, (x, width): (u128, u128), points: i128, scale: &Scale, page: &mut Page<'_>) -> io::Result<()> {
    let length = scale.length(points);
    let length = if points == 0 { 0 } else { length.max(1) };
    let top = if points < 0 { scale.zero() } else { scale.zero().saturating_sub(length) };
    page.mark(open)?;
    page.attribute("x", &tenths(x))?;
    page.attribute("width", &tenths(width))?;
    page.attribute("y", &top.to_string())?;
    page.attribute("height", &length.to_string())?;
    page.mark("/>")
}

fn tenths(number: u128) -> String {
    format!("{}.{}", number / 10, number % 10)
}
