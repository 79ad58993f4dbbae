//! Rows of before metadata (until October 2024): prices and group ratio stand in the text alone.
//!
//! `模型费率 $0.0026/1k (输入) | $0.0078/1k (输出)，分组倍率 1.20`: USD for 1000 tokens, in full digits; one price where both are equal, and
//! `$0.1/次` for a price by `times`. The group ratio has two decimals. Still older rows (`模型倍率 …`) print the model ratio with two
//! decimals and the output ratio not at all.

use super::quote::{GroupDoubt, Quote};
use super::usage::unpriced;
use crate::exact::{Exact, Ratio};

const GROUP: &str = "，分组倍率 ";

/// Half a hundredth.
const HALF: Ratio = Ratio::new(5, -3);

/// The prices that a text prints.
pub fn quote(content: &str) -> Option<Quote> {
    let price = content.strip_prefix("模型费率 ")?.split_once(GROUP)?.0;
    let (input, output, per_call) = prices(price)?;
    let (group, group_doubt) = group(content)?;
    Some(Quote { per_call, input, output, classes: unpriced(), group, group_doubt, ..Quote::default() })
}

/// The group ratio that a text prints, and what else prints alike.
pub fn group(content: &str) -> Option<(Ratio, Option<GroupDoubt>)> {
    let group: Ratio = content.split_once(GROUP)?.1.trim().parse().ok()?;
    let [low, high] = around(group);
    Some((group, Some(GroupDoubt::Rounded { low, high })))
}

/// Input, output, and whether they are for a call.
fn prices(text: &str) -> Option<(Ratio, Ratio, bool)> {
    if let Some(call) = text.strip_suffix("/次") {
        return Some((ratio(call)?, Ratio::ZERO, true));
    }
    match text.split_once(" | ") {
        Some((input, output)) => {
            Some((ratio(input.strip_suffix("/1k (输入)")?)?, ratio(output.strip_suffix("/1k (输出)")?)?, false))
        }
        None => ratio(text.strip_suffix("/1k")?).map(|both| (both, both, false)),
    }
}

/// A price in USD as a ratio: 1 is 0.002 USD.
fn ratio(dollars: &str) -> Option<Ratio> {
    let usd: Ratio = dollars.strip_prefix('$')?.parse().ok()?;
    (Exact::from(usd) * 500).to_ratio()
}

/// The ends of what prints as a ratio with two decimals.
fn around(ratio: Ratio) -> [Ratio; 2] {
    let exact = Exact::from(ratio);
    let ends = [exact.clone() - Exact::from(HALF), exact + Exact::from(HALF)];
    ends.map(|end| end.to_ratio().unwrap_or(ratio))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(content: &str, expected: (&str, &str, bool, &str)) {
        let quote = quote(content).unwrap();
        let found = (quote.input.to_string(), quote.output.to_string(), quote.per_call, quote.group.to_string());
        assert_eq!((found.0.as_str(), found.1.as_str(), found.2, found.3.as_str()), expected);
    }

    #[test]
    fn texts_print_prices() {
        check("模型费率 $0.0026/1k (输入) | $0.0078/1k (输出)，分组倍率 1.20", ("1.3", "3.9", false, "1.2"));
        check("模型费率 $0.00005/1k，分组倍率 1.00", ("0.025", "0.025", false, "1"));
        check("模型费率 $0.1/次，分组倍率 0.80", ("50", "0", true, "0.8"));
        assert_eq!(quote("模型倍率 0.25，分组倍率 1.00"), None);
        assert_eq!(quote(""), None);
    }
}
