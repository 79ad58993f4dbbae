//! Single charges with their sources, priced through the library: `fixtures/charges.csv`.

use quota::exact::{Exact, Points, Ratio};
use quota::pricing::{Class, Formula, Minimum, Sum, Terms, price};

use crate::forms::Log;
use crate::run::fixture;

/// The words of the column `usage`.
const CLASSES: [(&str, Class); 6] = [
    ("uncached", Class::Input),
    ("cached", Class::Cached),
    ("write", Class::CacheWrite),
    ("write_5m", Class::CacheWrite5m),
    ("write_1h", Class::CacheWrite1h),
    ("output", Class::Output),
];

fn number(text: &str) -> Ratio {
    if text.is_empty() { Ratio::ZERO } else { text.parse().unwrap() }
}

/// `uncached=62*1 output=95*5`: tokens of a class at a rate.
fn add_usage(terms: &mut Terms, text: &str) {
    for part in text.split_whitespace() {
        let (word, rest) = part.split_once('=').unwrap();
        let (tokens, rate) = rest.split_once('*').unwrap();
        let (_, class) = CLASSES.iter().find(|(name, _)| *name == word).unwrap();
        terms.add(*class, tokens.parse().unwrap(), number(rate));
    }
}

#[test]
fn each_charge_of_the_table_is_what_its_source_says() {
    let table = Log::read(&fixture("charges.csv"));
    let at = |record: &Vec<String>, name: &str| record[table.column(name)].clone();
    assert!(table.records.len() >= 30);
    for record in &table.records {
        let source = at(record, "source");
        let mut terms = Terms::tokens(number(&at(record, "model_ratio")), number(&at(record, "group_ratio")));
        add_usage(&mut terms, &at(record, "usage"));
        terms.price = number(&at(record, "price"));
        terms.formula = match at(record, "formula").as_str() {
            "tokens" => Formula::Decimal,
            "call" => Formula::DecimalPrice,
            "one-api" => Formula::Sum(Sum::OneApi),
            "one-hub" => Formula::Sum(Sum::OneHub),
            "laisky" => Formula::Sum(Sum::Laisky),
            other => panic!("{source}: no formula {other}"),
        };
        if matches!(terms.formula, Formula::Sum(_)) {
            (terms.minimum, terms.saturates) = (Minimum::BEFORE, false);
        }
        let charge = price(&terms);
        assert_eq!(charge.points, Points(at(record, "points").parse().unwrap()), "{source}");
        let exact = at(record, "exact");
        if !exact.is_empty() {
            assert_eq!(charge.amount, Exact::parse(&exact).unwrap(), "{source}");
        }
    }
}
