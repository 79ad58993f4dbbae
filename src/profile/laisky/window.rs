//! Time windows: which price holds at an instant.
//!
//! Local date within the dates, day of the week among the days, and the minute of the day in one of the ranges. The first window that holds
//! wins; what it gives lies over the usual price, its tiers replace the others as a whole.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::config::{ImageTariff, Tariff, Window};

/// The price that holds at an instant (unix milliseconds).
pub fn at(tariff: &Tariff, instant: i64) -> Cow<'_, Tariff> {
    let Some(window) = tariff.windows.iter().find(|window| holds(window, instant)) else { return Cow::Borrowed(tariff) };
    let mut usual = tariff.clone();
    lay_over(&mut usual, &window.over);
    Cow::Owned(usual)
}

fn lay_over(usual: &mut Tariff, over: &Tariff) {
    usual.rates.overlay(&over.rates);
    if !over.tiers.is_empty() {
        usual.tiers.clone_from(&over.tiers);
    }
    usual.per_call = over.per_call.or(usual.per_call);
    match (&mut usual.image, &over.image) {
        (Some(image), Some(over)) => lay_image_over(image, over),
        (slot @ None, Some(over)) => *slot = Some(over.clone()),
        (_, None) => {}
    }
    if let Some(over) = over.audio {
        let audio = usual.audio.get_or_insert_default();
        (audio.prompt, audio.completion) = (over.prompt.or(audio.prompt), over.completion.or(audio.completion));
    }
}

fn lay_image_over(image: &mut ImageTariff, over: &ImageTariff) {
    image.price = over.price.or(image.price);
    image.sizes.extend(over.sizes.clone());
    image.qualities.extend(over.qualities.clone());
    for (quality, sizes) in &over.quality_sizes {
        image.quality_sizes.entry(quality.clone()).or_default().extend(sizes.clone());
    }
}

/// Whether a window holds. One in a zone that nobody knows never does.
fn holds(window: &Window, instant: i64) -> bool {
    let (Ok(zone), Ok(instant)) = (TimeZone::get(&window.zone), Timestamp::from_millisecond(instant)) else { return false };
    let local = instant.to_zoned(zone);
    let date = local.date().to_string();
    let minute = local.hour() as u16 * 60 + local.minute() as u16;
    let day = i64::from(local.weekday().to_sunday_zero_offset());
    window.from.as_ref().is_none_or(|from| *from <= date)
        && window.until.as_ref().is_none_or(|until| date < *until)
        && (window.days.is_empty() || window.days.contains(&day))
        && window.ranges.iter().any(|range| within(*range, minute))
}

fn within((start, end): (u16, u16), minute: u16) -> bool {
    if start < end { start <= minute && minute < end } else { start == end || start <= minute || minute < end }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(window: Window, instant: &str, expected: bool) {
        let instant: Timestamp = instant.parse().unwrap();
        assert_eq!(holds(&window, instant.as_millisecond()), expected, "{window:?} {instant}");
    }

    fn window(zone: &str, ranges: &[(u16, u16)]) -> Window {
        Window { zone: zone.to_owned(), ranges: ranges.to_vec(), ..Window::default() }
    }

    #[test]
    fn ranges_are_minutes_of_the_local_day() {
        check(window("Asia/Shanghai", &[(480, 1200)]), "2026-08-22T00:00:00Z", true);
        check(window("Asia/Shanghai", &[(480, 1200)]), "2026-08-22T11:59:59.999Z", true);
        check(window("Asia/Shanghai", &[(480, 1200)]), "2026-08-22T12:00:00Z", false);
        check(window("America/New_York", &[(1200, 480)]), "2026-08-22T03:00:00Z", true);
        check(window("America/New_York", &[(1200, 480)]), "2026-08-22T12:00:00Z", false);
        check(window("UTC", &[(0, 0)]), "2026-08-22T12:00:00Z", true);
        check(window("Nowhere/City", &[(0, 0)]), "2026-08-22T12:00:00Z", false);
        check(window("UTC", &[]), "2026-08-22T12:00:00Z", false);
    }

    #[test]
    fn dates_and_days_are_local() {
        let dated = |from: &str, until: &str| Window {
            from: Some(from.to_owned()),
            until: Some(until.to_owned()),
            ..window("Asia/Tokyo", &[(0, 0)])
        };
        check(dated("2026-08-23", "2026-08-24"), "2026-08-22T15:00:00Z", true);
        check(dated("2026-08-22", "2026-08-23"), "2026-08-22T15:00:00Z", false);
        // 2026-08-23 is a Sunday.
        check(Window { days: vec![0], ..window("Asia/Tokyo", &[(0, 0)]) }, "2026-08-22T15:00:00Z", true);
        check(Window { days: vec![0], ..window("UTC", &[(0, 0)]) }, "2026-08-22T15:00:00Z", false);
    }
}
