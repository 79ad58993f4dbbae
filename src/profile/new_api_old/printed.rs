//! Ratios in the content of a row, printed with two decimals: all that an export without `other` has.

use super::audio;
use super::quote::{Asked, Fallback, Figure, Quote};
use super::usage::Way;
use crate::exact::Ratio;
use crate::pricing::Reason;

/// The prices that the content prints; none where it prints none.
pub fn quote(asked: &Asked<'_, '_>) -> Option<Quote> {
    let figure = |name: &str| number(asked.entry.content, name).map(rounded);
    let price = figure(if asked.usage.way == Way::Task { "模型固定价格 " } else { "模型价格 " });
    let model = figure("模型倍率 ");
    if price.is_none() && model.is_none() {
        return None;
    }
    let cache = Figure::between(Ratio::ONE, Reason::RateNotLogged, (Ratio::ZERO, Ratio::ONE));
    Some(Quote {
        price,
        image: None,
        model: model.unwrap_or(Figure::sure(Ratio::ZERO)),
        completion: figure("补全倍率 ").unwrap_or(Figure::sure(Ratio::ONE)),
        cache,
        write: cache,
        audio: audio::ratio(asked.names.asked),
        group: group(asked.entry.content)?,
        fallback: Fallback::No,
        ignored_completion: None,
    })
}

/// The group ratio that a content prints.
pub fn group(content: &str) -> Option<Figure> {
    number(content, "分组倍率 ").map(rounded)
}

/// The prices of a config with those numbers of the content in their place that contradict them; none where none does.
pub fn beside(asked: &Asked<'_, '_>, configured: &Quote) -> Option<Quote> {
    // What a row prints of an image of a model priced by ratio is neither its price nor its ratio.
    let is_by_ratio = configured.price.is_none();
    let printed = quote(asked).filter(|_| asked.usage.image.is_none() || !is_by_ratio)?;
    let mut own = Quote { group: unless_printed(printed.group, configured.group), ..configured.clone() };
    match (printed.price, configured.whole_price()) {
        (Some(price), Some(whole)) if price.may_be(whole) => {}
        (Some(price), _) => (own.price, own.image) = (Some(price), None),
        (None, None) => {
            own.model = unless_printed(printed.model, configured.model);
            own.completion = unless_printed(printed.completion, configured.completion);
        }
        (None, Some(_)) => own = Quote { group: own.group, ..printed },
    }
    (own != *configured).then_some(own)
}

/// What a row prints, unless that is how it would print the configured number.
fn unless_printed(printed: Figure, configured: Figure) -> Figure {
    if printed.may_be(configured.value) { configured } else { printed }
}

/// Half a hundredth to each side, on the side of 0 where it stands: a ratio is not negative, the price of -2 images is.
fn rounded(value: Ratio) -> Figure {
    let hundredths = value.mantissa().checked_mul(10i64.pow(u32::try_from(value.exponent().saturating_add(3)).unwrap_or(0)));
    match hundredths {
        Some(thousandths) => {
            let (low, high) = match value.is_negative() {
                true => (thousandths.saturating_sub(5), thousandths.saturating_add(5).min(0)),
                false => (thousandths.saturating_sub(5).max(0), thousandths.saturating_add(5)),
            };
            Figure::between(value, Reason::RatiosRounded, (Ratio::new(low, -3), Ratio::new(high, -3)))
        }
        None => Figure::any(value, Reason::RatiosRounded),
    }
}

fn number(content: &str, name: &str) -> Option<Ratio> {
    let rest = &content[content.find(name)? + name.len()..];
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '-').unwrap_or(rest.len());
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_number_stands_for_its_neighbours() {
        let content = "模型倍率 0.07，补全倍率 4.00，分组倍率 1.00（可能是上游超时）";
        assert_eq!(number(content, "分组倍率 "), Some(Ratio::ONE));
        let model = rounded(number(content, "模型倍率 ").unwrap());
        assert_eq!(model.doubt.unwrap().ends, Some((Ratio::new(65, -3), Ratio::new(75, -3))));
        assert_eq!(rounded(Ratio::from(20)).doubt.unwrap().ends, Some((Ratio::new(19_995, -3), Ratio::new(20_005, -3))));
        assert_eq!(number(content, "模型价格 "), None);
    }
}
