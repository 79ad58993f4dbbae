//! What is not known: a value that the log leaves open, its presumption, and what else it may be.
//!
//! The presumption is what stands in the [`Terms`]. An [`Open`] adds the reason and the other values. Since a charge grows or
//! falls with each of them, the charges at their ends bound all others.

use std::cmp::Ordering;

use super::price::price;
use super::terms::{Mode, Terms};
use super::usage::Class;
use crate::exact::{Charged, Points, Ratio};

/// Why a charge, or a part of it, cannot be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    RatiosRounded,
    TokensMissing,
    ClassNotLogged,
    RateNotLogged,
    CountNotLogged,
    SplitNotLogged,
    PriceAmbiguous,
    RatioUnknown,
    RequestDependentExpression,
    UnknownModel,
    NoRatios,
    ExpressionFailed,
    ExpressionNotSupported,
    Estimate,
    NoChargeFound,
}

impl Reason {
    pub const ALL: [Reason; 15] = [
        Reason::RatiosRounded,
        Reason::TokensMissing,
        Reason::ClassNotLogged,
        Reason::RateNotLogged,
        Reason::CountNotLogged,
        Reason::SplitNotLogged,
        Reason::PriceAmbiguous,
        Reason::RatioUnknown,
        Reason::RequestDependentExpression,
        Reason::UnknownModel,
        Reason::NoRatios,
        Reason::ExpressionFailed,
        Reason::ExpressionNotSupported,
        Reason::Estimate,
        Reason::NoChargeFound,
    ];

    pub fn from_word(word: &str) -> Option<Reason> {
        Reason::ALL.into_iter().find(|reason| reason.word() == word)
    }

    pub fn word(self) -> &'static str {
        match self {
            Reason::RatiosRounded => "ratios-rounded",
            Reason::TokensMissing => "tokens-missing",
            Reason::ClassNotLogged => "class-not-logged",
            Reason::RateNotLogged => "rate-not-logged",
            Reason::CountNotLogged => "count-not-logged",
            Reason::SplitNotLogged => "split-not-logged",
            Reason::PriceAmbiguous => "price-ambiguous",
            Reason::RatioUnknown => "ratio-unknown",
            Reason::RequestDependentExpression => "request-dependent-expression",
            Reason::UnknownModel => "unknown-model",
            Reason::NoRatios => "no-ratios",
            Reason::ExpressionFailed => "expression-failed",
            Reason::ExpressionNotSupported => "expression-not-supported",
            Reason::Estimate => "estimate",
            Reason::NoChargeFound => "no-charge-found",
        }
    }

    /// What is not known, in one plain sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Reason::RatiosRounded => "the log prints its ratios with two decimals only",
            Reason::TokensMissing => "the log does not say how many tokens came from the cache",
            Reason::ClassNotLogged => "the log does not count a kind of tokens that has a price of its own",
            Reason::RateNotLogged => "the log does not print the price of cached tokens",
            Reason::CountNotLogged => "the log does not say how many images, seconds or bytes were delivered",
            Reason::SplitNotLogged => "the log counts two kinds of tokens with different prices as one",
            Reason::PriceAmbiguous => "several prices of the config may be meant, and they give different charges",
            Reason::RatioUnknown => "the config cannot say a ratio that the charge depends on",
            Reason::RequestDependentExpression => "the price depends on the request itself, which is not in the log",
            Reason::UnknownModel => "the config has no price for the model",
            Reason::NoRatios => "neither the log nor a config says a price",
            Reason::ExpressionFailed => "the price expression failed, so that an estimate was charged",
            Reason::ExpressionNotSupported => "the price expression uses what is not understood",
            Reason::Estimate => "an advance was charged that was never settled",
            Reason::NoChargeFound => "it gives back a charge that is not in the log",
        }
    }
}

/// One thing that is not known.
#[derive(Clone, Debug, PartialEq)]
pub struct Open {
    pub reason: Reason,
    pub allowed: Allowed,
}

/// The values that an open thing may have, the presumed one among them.
#[derive(Clone, Debug, PartialEq)]
pub enum Allowed {
    /// Any: the charge has no bounds.
    Any,
    /// The presumption alone; that it holds is what is not known.
    Presumed,
    /// Other readings of the whole row.
    Readings(Vec<Terms>),
    /// A whole number of tokens of `from` may be of class `of` instead, at most `most`.
    Tokens { of: Class, from: Class, most: i64 },
    /// A whole number of tokens of `from` may be counted by a surcharge instead, at most `most`.
    Apart { surcharge: usize, from: Class, most: i64 },
    /// The tokens of `from` may be of several classes instead. So many kinds come near any amount between the dearest and the cheapest.
    Among { of: &'static [Class], from: Class },
    /// A whole number as the multiplier at this index, not 0. From [`Allowed::MANY`] on it has no limit.
    Count { multiplier: usize, least: i64, most: i64 },
    /// One of some values of a slot; the presumed one need not be named.
    OneOf { slot: Slot, values: Vec<Ratio> },
    /// A decimal between two.
    Between { slot: Slot, low: Ratio, high: Ratio },
    /// A decimal that is at least this one.
    AtLeast { slot: Slot, low: Ratio },
}

/// A decimal that enters the charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    ModelRatio,
    GroupRatio,
    Price,
    /// As [`Terms::told_rate`] tells it.
    Rate(Class),
    /// The rate of all cache writes, to which that of writes for an hour stands in proportion.
    CacheWrites,
    Multiplier(usize),
    /// USD of a surcharge.
    ToolPrice(usize),
    QuotaPerUnit,
}

impl Terms {
    /// The terms with another number in a slot.
    pub fn with(&self, slot: Slot, value: Ratio) -> Terms {
        let mut terms = self.clone();
        terms.set(slot, value);
        terms
    }

    /// Puts another number in a slot.
    pub fn set(&mut self, slot: Slot, value: Ratio) {
        match slot {
            Slot::ModelRatio => self.set_model_ratio(value),
            Slot::QuotaPerUnit => self.quota_per_unit = value,
            Slot::GroupRatio => self.group_ratio = value,
            Slot::Price => self.price = value,
            Slot::Rate(class) => self.set_rate(class, value),
            Slot::CacheWrites => self.set_cache_writes(value),
            Slot::Multiplier(index) => {
                if let Some(multiplier) = self.multipliers.get_mut(index) {
                    multiplier.value = value;
                }
            }
            Slot::ToolPrice(index) => {
                if let Some(surcharge) = self.surcharges.get_mut(index) {
                    surcharge.price = value;
                }
            }
        }
    }

    /// The terms with `tokens` of one class counted as another.
    pub fn with_moved(&self, from: Class, of: Class, tokens: i64) -> Terms {
        let mut terms = self.clone();
        terms.usage[from] = terms.usage[from].saturating_sub(tokens);
        terms.usage[of] = terms.usage[of].saturating_add(tokens);
        terms
    }

    /// Of an answer with audio only the sums are known: each may be audio in part; and what an upstream does not split is not charged.
    pub fn open_audio(&mut self) {
        for (from, of) in [(Class::Input, Class::AudioInput), (Class::Output, Class::AudioOutput)] {
            let (most, slot, rate) = (self.usage[from], Slot::Rate(from), self.rates[from]);
            if most > 0 {
                let (low, high) = (Ratio::ZERO.min(rate), Ratio::ZERO.max(rate));
                let allowed = [Allowed::Tokens { of, from, most }, Allowed::Between { slot, low, high }];
                self.open.extend(allowed.map(|allowed| Open { reason: Reason::ClassNotLogged, allowed }));
            }
        }
    }

    /// The terms with `tokens` of one class counted by a surcharge.
    fn with_apart(&self, from: Class, surcharge: usize, tokens: i64) -> Terms {
        let mut terms = self.clone();
        terms.usage[from] = terms.usage[from].saturating_sub(tokens);
        if let Some(surcharge) = terms.surcharges.get_mut(surcharge) {
            surcharge.count = surcharge.count.saturating_add(tokens);
        }
        terms
    }
}

impl Allowed {
    /// More than anybody asks for.
    pub const MANY: i64 = 1_000_000_000;

    /// Whether the presumption is all that speaks for a charge: it has no bounds, or the gateway may have refused it.
    pub fn is_mere_presumption(&self) -> bool {
        matches!(self, Allowed::Any | Allowed::AtLeast { .. } | Allowed::Presumed)
    }

    /// The terms at the ends of what is allowed; none where it has no ends.
    fn ends(&self, terms: &Terms) -> Option<Vec<Terms>> {
        Some(match self {
            Allowed::Any | Allowed::AtLeast { .. } => return None,
            Allowed::Presumed => vec![terms.clone()],
            Allowed::Readings(readings) => readings.iter().chain([terms]).cloned().collect(),
            Allowed::Tokens { of, from, most } => vec![terms.clone(), terms.with_moved(*from, *of, *most)],
            Allowed::Apart { most, .. } => vec![terms.clone(), self.at(terms, *most)],
            Allowed::Among { of, from } => {
                let all = |class: &Class| terms.with_moved(*from, *class, terms.usage[*from]);
                [terms.clone()].into_iter().chain(of.iter().map(all)).collect()
            }
            Allowed::OneOf { .. } => self.listed(terms)?,
            Allowed::Count { most: Allowed::MANY.., .. } => return None,
            Allowed::Count { multiplier, least, most } => {
                [*least, *most].map(|count| terms.with(Slot::Multiplier(*multiplier), Ratio::from(count))).to_vec()
            }
            Allowed::Between { slot, low, high } => [*low, *high].map(|value| terms.with(*slot, value)).to_vec(),
        })
    }

    /// The terms of each possibility, where these are listed one by one. What else is open stays so.
    fn listed(&self, terms: &Terms) -> Option<Vec<Terms>> {
        let others = match self {
            Allowed::Readings(readings) => {
                readings.iter().map(|reading| Terms { open: terms.open.clone(), ..reading.clone() }).collect()
            }
            Allowed::OneOf { slot, values } => values.iter().map(|value| terms.with(*slot, *value)).collect(),
            _ => return None,
        };
        Some([vec![terms.clone()], others].concat())
    }

    /// The range of whole numbers.
    fn whole(&self) -> Option<(i64, i64)> {
        match self {
            Allowed::Tokens { most, .. } | Allowed::Apart { most, .. } => Some((0, *most)),
            Allowed::Count { least, most, .. } => Some((*least, *most)),
            _ => None,
        }
    }

    fn at(&self, terms: &Terms, number: i64) -> Terms {
        match self {
            Allowed::Tokens { of, from, .. } => terms.with_moved(*from, *of, number),
            Allowed::Apart { surcharge, from, .. } => terms.with_apart(*from, *surcharge, number),
            Allowed::Count { multiplier, .. } => terms.with(Slot::Multiplier(*multiplier), Ratio::from(number)),
            _ => terms.clone(),
        }
    }
}

/// The smallest and the largest charge that what is open allows, ends included; none where it has no bounds.
pub fn bounds(terms: &Terms) -> Option<(Points, Points)> {
    let mut corners = vec![terms.clone()];
    // A reading is a whole row: the other things are open in it too.
    let is_reading = |open: &&Open| matches!(open.allowed, Allowed::Readings(_));
    let (readings, others): (Vec<&Open>, Vec<&Open>) = terms.open.iter().partition(is_reading);
    for open in readings.into_iter().chain(others) {
        let mut next = Vec::new();
        for corner in &corners {
            next.extend(open.allowed.ends(corner)?);
        }
        corners = next;
    }
    let charges = corners.iter().map(|corner| price(corner).points);
    charges.fold(None, |ends: Option<(Points, Points)>, points| {
        Some(ends.map_or((points, points), |(low, high)| (low.min(points), high.max(points))))
    })
}

/// Whether some allowed value gives the charge.
pub(super) fn possible(terms: &Terms, charged: &Charged, agrees: &dyn Fn(&Terms) -> bool) -> bool {
    if terms.open.iter().any(|open| open.allowed == Allowed::Any) {
        return true;
    }
    let gives = |terms: &Terms| agrees(terms) || possible(terms, charged, agrees);
    let listed = (0..terms.open.len()).find_map(|at| {
        let (open, rest) = without(terms, at)?;
        open.allowed.listed(&rest)
    });
    if let Some(variants) = listed {
        return variants.iter().any(gives);
    }
    if let Some(at) = terms.open.iter().position(|open| matches!(open.allowed, Allowed::AtLeast { .. })) {
        return is_beyond(terms, at, charged);
    }
    let is_count = |open: &Open| matches!(open.allowed, Allowed::Count { .. });
    let is_alone = terms.open.len() == 1 && terms.formula.mode() != Mode::Expression;
    match terms.open.iter().position(|open| is_count(open) || (is_alone && open.allowed.whole().is_some())) {
        Some(at) => found_between(terms, at, charged, &gives),
        None if terms.open.iter().all(|open| open.allowed == Allowed::Presumed) => false,
        None => {
            let points = charged.points(terms.quota_per_unit);
            bounds(terms).is_some_and(|(low, high)| low <= points && points <= high)
        }
    }
}

/// One open thing, and the terms with all others.
fn without(terms: &Terms, at: usize) -> Option<(Open, Terms)> {
    let mut rest = terms.clone();
    (at < rest.open.len()).then(|| (rest.open.remove(at), rest))
}

/// Whether the charge is at or beyond those that the least number of a slot gives: a larger one may give it.
fn is_beyond(terms: &Terms, at: usize, charged: &Charged) -> bool {
    let Some((Open { allowed: Allowed::AtLeast { slot, low }, .. }, rest)) = without(terms, at) else { return false };
    let least = rest.with(slot, low);
    let Some((lowest, highest)) = bounds(&least) else { return true };
    let target = charged.points(terms.quota_per_unit);
    match price(&least.with(slot, FAR)).points.cmp(&price(&least).points) {
        Ordering::Greater => target >= lowest,
        Ordering::Less => target <= highest,
        Ordering::Equal => lowest <= target && target <= highest,
    }
}

/// A number that changes every charge on which it has a say.
const FAR: Ratio = Ratio::new(1, 9);

/// Searches the whole numbers of a range for one that gives the charge; the charge rises or falls with them.
fn found_between(terms: &Terms, at: usize, charged: &Charged, gives: &dyn Fn(&Terms) -> bool) -> bool {
    let Some((Open { allowed, .. }, rest)) = without(terms, at) else { return false };
    let Some((mut low, mut high)) = allowed.whole() else { return false };
    let target = charged.points(terms.quota_per_unit);
    let points = |number| price(&allowed.at(&rest, number)).points;
    let rising = points(low) <= points(high);
    let is_number = |number: i64| number != 0 || !matches!(allowed, Allowed::Count { .. });
    while low <= high {
        let middle = low + (high - low) / 2;
        let there = allowed.at(&rest, middle);
        if is_number(middle) && gives(&there) {
            return true;
        }
        let is_above = match bounds(&there) {
            Some((_, most)) if most < target => rising,
            Some((least, _)) if least > target => !rising,
            _ => return false,
        };
        // Behind the last number of all there is none.
        let next = if is_above { middle.checked_add(1) } else { middle.checked_sub(1) };
        let Some(end) = next else { return false };
        (low, high) = if is_above { (end, high) } else { (low, end) };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::{Formula, Judgement, Minimum, Multiplier, Product, Standing, judge};

    /// An image at 7 · 0.95, of some size, some of them.
    fn image(least: i64, most: i64) -> Terms {
        let mut terms = Terms::tokens(Ratio::from(7), Ratio::new(95, -2));
        terms.formula = Formula::Product(Product::IMAGE);
        terms.minimum = Minimum::NONE;
        for name in ["size", "n"] {
            terms.multipliers.push(Multiplier { name: name.to_owned(), value: Ratio::ONE });
        }
        let count = Allowed::Count { multiplier: 1, least, most };
        let size = Allowed::OneOf { slot: Slot::Multiplier(0), values: vec![Ratio::from(2), Ratio::from(3)] };
        terms.open.extend([count, size].map(|allowed| Open { reason: Reason::CountNotLogged, allowed }));
        terms
    }

    #[test]
    fn the_last_number_of_all_ends_a_search() {
        let mut terms = Terms::tokens(Ratio::new(125, -2), Ratio::ONE);
        terms.add(Class::Input, i64::MAX, Ratio::ONE);
        terms.rates[Class::Cached] = Ratio::new(5, -1);
        let allowed = Allowed::Tokens { of: Class::Cached, from: Class::Input, most: i64::MAX };
        terms.open.push(Open { reason: Reason::TokensMissing, allowed });
        check(&terms, 2_147_483_648, "mismatch");
    }

    #[track_caller]
    fn check(terms: &Terms, charged: i64, word: &str) {
        let Judgement { standing, .. } = judge(terms, &Charged::Points(Points(charged)), 0);
        let found = match standing {
            Standing::Matched { .. } => "matched",
            Standing::Unrated { .. } => "unrated",
            Standing::Mismatch => "mismatch",
        };
        assert_eq!(found, word, "{charged}");
    }

    #[test]
    fn a_count_and_a_list_are_tried_together() {
        let terms = image(1, 4);
        // 7 · 0.95 is a little below 6.65 in floats; at double size it is cut to 13299.
        for (charged, word) in [
            (6_649, "matched"),
            (4 * 6_649, "unrated"),
            (5 * 6_649, "mismatch"),
            (3 * 13_299, "unrated"),
            (13_300, "mismatch"),
            (0, "mismatch"),
            (-6_649, "mismatch"),
        ] {
            check(&terms, charged, word);
        }
        assert_eq!(bounds(&terms), Some((Points(6_649), Points(4 * 19_950))));
    }

    #[test]
    fn a_count_without_limit_has_no_bounds_and_is_never_zero() {
        let terms = image(-Allowed::MANY, Allowed::MANY);
        for (charged, word) in [(-6_649, "unrated"), (1_000 * 13_299, "unrated"), (0, "mismatch"), (6_650, "mismatch")] {
            check(&terms, charged, word);
        }
        assert_eq!(bounds(&terms), None);
    }

    #[test]
    fn a_number_without_an_upper_end_bounds_one_side() {
        // 4,060 at 15, and 28 at a rate that is not known; the ratio is 15 to a hundredth.
        for (model, charges) in [
            (15, [(0, "mismatch"), (60_879, "mismatch"), (60_880, "unrated"), (61_740, "matched"), (9_000_000, "unrated")]),
            (-15, [(0, "mismatch"), (-60_879, "mismatch"), (-60_880, "unrated"), (-61_740, "matched"), (-9_000_000, "unrated")]),
        ] {
            let mut terms = Terms::tokens(Ratio::from(model), Ratio::ONE);
            terms.minimum = Minimum::NONE;
            terms.add(Class::Input, 4_060, Ratio::ONE);
            terms.add(Class::Output, 28, Ratio::from(2));
            let ends = [model * 1_000 - 5, model * 1_000 + 5].map(|thousandths| Ratio::new(thousandths, -3));
            let slot = Slot::Rate(Class::Output);
            let allowed = [
                Allowed::AtLeast { slot, low: Ratio::ZERO },
                Allowed::Between { slot: Slot::ModelRatio, low: ends[0], high: ends[1] },
            ];
            terms.open.extend(allowed.map(|allowed| Open { reason: Reason::RateNotLogged, allowed }));
            for (charged, word) in charges {
                check(&terms, charged, word);
            }
            assert_eq!(bounds(&terms), None);
        }
    }

    #[test]
    fn tokens_of_several_classes_lie_between_the_dearest_and_the_cheapest() {
        let mut terms = Terms::tokens(Ratio::ONE, Ratio::ONE);
        terms.add(Class::TextInput, 100, Ratio::from(5));
        (terms.rates[Class::Cached], terms.rates[Class::ImageInput]) = (Ratio::new(125, -2), Ratio::from(10));
        let allowed = Allowed::Among { of: &[Class::Cached, Class::ImageInput], from: Class::TextInput };
        terms.open.push(Open { reason: Reason::SplitNotLogged, allowed });
        for (charged, word) in
            [(124, "mismatch"), (125, "unrated"), (500, "matched"), (501, "unrated"), (1_000, "unrated"), (1_001, "mismatch")]
        {
            check(&terms, charged, word);
        }
        assert_eq!(bounds(&terms), Some((Points(125), Points(1_000))));
    }

    #[test]
    fn a_count_leaves_room_for_rounded_ratios() {
        let mut terms = image(1, 4);
        terms.open.remove(1);
        let allowed = Allowed::Between { slot: Slot::GroupRatio, low: Ratio::new(945, -3), high: Ratio::new(955, -3) };
        terms.open.push(Open { reason: Reason::RatiosRounded, allowed });
        for (charged, word) in [(6_650, "unrated"), (2 * 6_671, "unrated"), (6_700, "mismatch"), (14_000, "mismatch")] {
            check(&terms, charged, word);
        }
    }
}
