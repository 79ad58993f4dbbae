//! The definite causes of rows of one kind, ready for many rows.
//!
//! Rows of a kind have the same terms but for how many tokens they have. So what a change of prices makes of them is a sum over tokens as
//! well, and is compiled once ([`Compiled`]); a change of tokens is made to the row's own and priced as the right charge is; and a number
//! that follows from the right charge is asked of the general way, if it can come near at all. It is the same list of causes
//! ([`DEFINITE`](changes::DEFINITE)) that the general way goes through, and what is in doubt here is left to it.

use std::rc::Rc;

use super::changes::{self, Changing, Counted, Counting, Make, To};
use super::{Case, Diagnosis, Look};
use crate::audit::cause::{Cause, Causes, Kind};
use crate::exact::{Charged, Points, Ratio};
use crate::float::estimate::{Amount, MOST_CLASSES, Near, Steps, Sums, Weights};
use crate::pricing::{Charge, Class, Come, Compiled, Formula, PerClass, Rounding, Terms, price};
use crate::profile::{Related, RelatedModel};

/// The definite causes of rows that have tokens of the same classes, and else the same terms.
#[derive(Clone, Debug)]
pub struct CompiledCauses {
    /// Any terms of the kind.
    terms: Terms,
    /// The classes that have tokens, or may get some by a change.
    classes: Box<[Class]>,
    right: Compiled,
    weights: Weights,
    steps: Steps,
    /// The prices of the causes that change them, and the same nearly.
    changed: Box<[(Cause, Compiled)]>,
    nearly: Sums,
    counting: Box<[(Cause, Counting)]>,
    pointing: Box<[(Cause, Changing)]>,
}

/// Definite causes that explain a row, a bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CauseSet(u64);

/// A row to be explained.
#[derive(Clone, Copy, Debug)]
struct Row<'r> {
    usage: &'r PerClass<i64>,
    prompt: i64,
    charged: Points,
    right: Come,
    /// The right amount and what each class adds to it, nearly.
    amount: Amount,
    parts: &'r [Amount; MOST_CLASSES],
    near: Near,
}

impl CauseSet {
    fn add(&mut self, cause: Cause) {
        self.0 |= 1 << cause as u64;
    }

    fn has(self, cause: Cause) -> bool {
        self.0 & 1 << cause as u64 != 0
    }

    /// The causes of a diagnosis that sought no further; none where it did.
    pub fn of(diagnosis: &Diagnosis) -> Option<CauseSet> {
        let mut set = CauseSet::default();
        for explanation in &diagnosis.causes {
            set.add(Some(explanation.causes).filter(|causes| causes.kind == Kind::Definite)?.first);
        }
        // In another order they are told otherwise.
        let is_in_order = diagnosis.causes.iter().map(|explanation| explanation.causes).eq(set.iter());
        (diagnosis.numbers_unsought && is_in_order).then_some(set)
    }

    /// The causes in their order: the first is the cause.
    pub fn iter(self) -> impl Iterator<Item = Causes> {
        changes::causes().filter(move |cause| self.has(*cause)).map(Causes::definite)
    }
}

impl CompiledCauses {
    /// Compiles the causes of a case; none where its rows must be asked one by one.
    pub fn of(case: &Case<'_>) -> Option<CompiledCauses> {
        let terms = case.terms;
        let is_plain = terms.formula == Formula::Decimal && terms.open.is_empty() && case.own.is_none();
        if !is_plain || !matches!(case.written, Charged::Points(_)) {
            return None;
        }
        let has_tokens = |class: &Class| *class == Class::Input || terms.usage[*class] != 0;
        let classes: Box<[Class]> = Class::ALL.into_iter().filter(has_tokens).collect();
        let right = Compiled::of_classes(terms, &classes)?;
        let changed = changed_prices(case, &classes)?;
        let weights: Vec<Weights> = changed.iter().map(|(_, prices)| prices.weights()).collect();
        let indexes: Vec<usize> = classes.iter().map(|class| *class as usize).collect();
        let all = changes::DEFINITE.iter();
        Some(CompiledCauses {
            terms: terms.clone(),
            weights: right.weights(),
            steps: Steps::of(classes.len(), [terms.model_ratio, terms.group_ratio]),
            right,
            nearly: Sums::of(&indexes, &weights),
            changed: changed.into(),
            classes,
            counting: all.clone().filter_map(|definite| definite.make.counting().map(|count| (definite.cause, count))).collect(),
            pointing: all.filter_map(|definite| definite.make.pointing().map(|make| (definite.cause, make))).collect(),
        })
    }

    /// Why a row with such tokens is charged otherwise than it should be, and what it should be charged; none where the general way must
    /// say it. All classes that have tokens must be those of the case that was compiled.
    pub fn explain(&self, usage: &PerClass<i64>, prompt: i64, charged: Points) -> Option<(CauseSet, Points)> {
        let right = self.right.come(usage)?;
        let is_by_formula = right.whole >= 1 && right.points == right.whole && right.points < Points::INT32.1.0;
        let is_usual = (0..Points::INT32.1.0).contains(&charged.0) && self.classes.iter().all(|class| usage[*class] >= 0);
        if !is_by_formula || !is_usual || charged.0 == right.points {
            return None;
        }
        let (parts, amount) = self.weights.parts(usage.values());
        let row = Row { usage, prompt, charged, right, amount, parts: &parts, near: Near::rounded(charged, amount) };
        let mut causes = CauseSet::default();
        self.add_prices(row, &mut causes)?;
        for (cause, count) in &self.counting {
            if self.is_given_by_tokens(row, *count)? {
                causes.add(*cause);
            }
        }
        for (cause, make) in &self.pointing {
            if self.may_be(row, *cause) && self.is_shown(row, (*cause, *make)) {
                causes.add(*cause);
            }
        }
        (causes != CauseSet::default()).then_some((causes, Points(right.points)))
    }

    /// What the charge of a row with such tokens should follow from.
    pub fn terms(&self, usage: &PerClass<i64>) -> Terms {
        Terms { usage: *usage, ..self.terms.clone() }
    }

    /// Prices that are charged at 1 point and less are asked one by one, since a minimum may have made them.
    fn add_prices(&self, row: Row<'_>, causes: &mut CauseSet) -> Option<()> {
        let near = self.nearly.near(self.classes.iter().map(|class| row.usage[*class]), row.near);
        let all = if row.charged.0 <= 1 { 0..self.changed.len() } else { 0..0 };
        for index in near.filter(|_| row.charged.0 > 1).chain(all) {
            let (cause, prices) = self.changed.get(index)?;
            if !causes.has(*cause) && row.charged.0 >= prices.least_points() && prices.come(row.usage)?.points == row.charged.0 {
                causes.add(*cause);
            }
        }
        Some(())
    }

    fn is_given_by_tokens(&self, row: Row<'_>, count: Counting) -> Option<bool> {
        let tokens = changes::Tokens { usage: row.usage, prompt: row.prompt, formula: &self.terms.formula };
        let mut found = Some(false);
        count(&tokens, &mut |counted| {
            if found == Some(false) && (row.charged.0 <= 1 || row.near.has(self.amount_counted(row, counted))) {
                found = self.gives_counted(row, counted);
            }
        });
        found
    }

    /// What other counts come to, nearly.
    fn amount_counted(&self, row: Row<'_>, counted: Counted) -> Amount {
        let part = |class: Class| row.parts[class as usize];
        match counted {
            Counted::With(class, tokens) => row.amount - part(class) + self.weights.part(class as usize, tokens),
            Counted::Free(classes) | Counted::Without(classes) => {
                classes.iter().fold(row.amount, |amount, class| amount - part(*class))
            }
        }
    }

    fn gives_counted(&self, row: Row<'_>, counted: Counted) -> Option<bool> {
        let mut usage = *row.usage;
        match counted {
            Counted::With(class, tokens) => usage[class] = tokens,
            Counted::Free(classes) | Counted::Without(classes) => classes.iter().for_each(|class| usage[*class] = 0),
        }
        let is_free = row.charged.0 == 0 && !changes::is_any_left(&usage, row.prompt);
        if is_free { Some(true) } else { Some(self.right.come(&usage)?.points == row.charged.0) }
    }

    /// Whether points of a cause may be those that were charged: the others need not be asked.
    fn may_be(&self, row: Row<'_>, cause: Cause) -> bool {
        match cause {
            Cause::Rounding => Near::in_steps(row.charged, self.steps).has(row.amount),
            Cause::PreConsumedKept => {
                let (near, amount) = (Near::cut(row.charged), |tokens: i64| self.weights.part(Class::Input as usize, tokens));
                // The estimates in floats do not know of a rate of input.
                let is_plain = self.terms.rates[Class::Input] == Ratio::ONE;
                !is_plain || changes::estimated_tokens(row.prompt).into_iter().any(|tokens| near.has(amount(tokens)))
            }
            Cause::MinimumCharge => row.charged.0 <= 1 || row.right.points <= 1,
            Cause::ZeroCharge => row.charged.0 == 0,
            _ => true,
        }
    }

    /// The right charge, with its amount where a cause looks at it.
    fn expected(&self, row: Row<'_>, cause: Cause, terms: &Terms) -> Charge {
        match cause {
            Cause::PreConsumedKept | Cause::ZeroCharge => {
                let points = Points(row.right.points);
                Charge { amount: points.into(), rounding: Rounding::HalfAway, adjustment: None, points }
            }
            _ => price(terms),
        }
    }

    /// Whether the general way finds the charge among the points of a cause.
    fn is_shown(&self, row: Row<'_>, (cause, make): (Cause, Changing)) -> bool {
        let terms = self.terms(row.usage);
        let (expected, written) = (self.expected(row, cause, &terms), Charged::Points(row.charged));
        let case = Case::new(&terms, None, &expected, (&written, row.charged), row.prompt, &Blind);
        let mut is_shown = false;
        changes::show(&case, &terms, (cause, Make::Points(make)), &mut terms.clone(), &mut |change| {
            is_shown |= case.gives(&change)
        });
        is_shown
    }
}

/// The compiled prices of the causes that change prices; none where any change is of another kind.
fn changed_prices(case: &Case<'_>, classes: &[Class]) -> Option<Vec<(Cause, Compiled)>> {
    let mut found = Some(Vec::new());
    let mut changed = case.terms.clone();
    for definite in changes::DEFINITE {
        if matches!(definite.make, Make::Tokens(_) | Make::Points(_)) {
            continue;
        }
        let is_of_prices = matches!(definite.make, Make::Prices(_));
        changes::show(case, case.terms, (definite.cause, definite.make), &mut changed, &mut |change| {
            let priced = match change.to {
                To::Terms(terms) if is_of_prices && is_plain(terms, case.terms) => Compiled::of_classes(terms, classes),
                _ => None,
            };
            match (&mut found, priced) {
                (Some(found), Some(priced)) => found.push((change.cause, priced)),
                (found, _) => *found = None,
            }
        });
    }
    found
}

/// Whether the row's own tokens are priced, or none at all.
fn is_plain(changed: &Terms, terms: &Terms) -> bool {
    !changed.no_usage && (changed.usage == terms.usage || changed.formula == Formula::DecimalPrice)
}

/// Points follow from the row alone: nothing is looked up for them.
struct Blind;

impl Look for Blind {
    fn related(&self, _: &Terms) -> Rc<Related> {
        Rc::default()
    }

    fn models(&self, _: &Terms) -> Rc<Vec<RelatedModel>> {
        Rc::default()
    }

    fn own_model(&self) -> Option<&str> {
        None
    }

    fn other_mode(&self) -> Option<Terms> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::diagnose;
    use super::*;
    use proptest::prelude::*;

    /// A config with some groups, completion ratios and a price per call.
    struct Prices;

    impl Look for Prices {
        fn related(&self, _: &Terms) -> Rc<Related> {
            let groups = [("a", 5), ("b", 10), ("c", 8), ("free", 0)];
            let groups = groups.map(|(name, tenths)| (name.to_owned(), Ratio::new(tenths, -1)));
            let completions = vec![Ratio::from(3), Ratio::new(457, -2)];
            Rc::new(Related { groups: groups.into(), fallback: Some(Ratio::new(375, -1)), completions, ..Related::default() })
        }

        fn models(&self, _: &Terms) -> Rc<Vec<RelatedModel>> {
            Rc::default()
        }

        fn own_model(&self) -> Option<&str> {
            None
        }

        fn other_mode(&self) -> Option<Terms> {
            let call = Terms { formula: Formula::DecimalPrice, price: Ratio::new(2, -3), ..Terms::tokens(Ratio::ONE, Ratio::ONE) };
            Some(call)
        }
    }

    fn case<'c>(terms: &'c Terms, expected: &'c Charge, written: &'c Charged, prompt: i64) -> Case<'c> {
        Case::new(terms, None, expected, (written, written.points(terms.quota_per_unit)), prompt, &Prices)
    }

    const CLASSES: [Class; 6] =
        [Class::Input, Class::Cached, Class::CacheWrite, Class::CacheWrite5m, Class::CacheWrite1h, Class::Output];

    fn usage(counts: [i64; 6]) -> PerClass<i64> {
        let mut usage = PerClass::default();
        CLASSES.into_iter().zip(counts).for_each(|(class, count)| usage[class] = count);
        usage
    }

    /// All that the changes of a row come to.
    fn charges(case: &Case<'_>) -> Vec<Points> {
        let mut charges = Vec::new();
        changes::definite_changes(case, &mut |change| {
            charges.push(match change.to {
                To::Terms(terms) => price(terms).points,
                To::Points(points) => points,
            });
        });
        charges
    }

    fn terms(model: i64, group: usize, rates: [i64; 6], usage: PerClass<i64>) -> Terms {
        let group = [Ratio::ONE, Ratio::new(5, -1), Ratio::new(6_666_667, -8), Ratio::ZERO][group];
        let mut terms = Terms::tokens(Ratio::new(model, -3), group);
        CLASSES.into_iter().zip(rates).for_each(|(class, rate)| terms.rates[class] = Ratio::new(rate, -2));
        terms.usage = usage;
        terms
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        /// Rows of a kind are explained as they are one by one, whatever change they were charged by.
        #[test]
        fn it_explains_as_the_general_way_does(
            model in prop::sample::select(vec![1_i64, 75, 125, 1_250, 15_000, 37_500]), group in 0_usize..4,
            rates in [100_i64..101, 0_i64..101, 100_i64..126, 100_i64..126, 150_i64..201, 100_i64..500],
            has in [any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()],
            rows in prop::collection::vec(([1_i64..3_000, 1_i64..2_000, 1_i64..500, 1_i64..9, 1_i64..400, 1_i64..3_000], 0_i64..5_000, -3_i64..60), 1..6),
        ) {
            let counts = |counts: [i64; 6]| {
                let mut own = counts;
                own.iter_mut().zip(has).filter(|(_, has)| !has).for_each(|(count, _)| *count = 0);
                usage(own)
            };
            let with_prompt = |counts: &PerClass<i64>, more: i64| counts[Class::Input] + counts[Class::Cached] + more % 3;
            let first = terms(model, group, rates, counts(rows[0].0));
            let (expected, written) = (price(&first), Charged::Points(Points(7)));
            let prompt = with_prompt(&first.usage, rows[0].1);
            // A proportion of writes may have too many digits.
            let Some(compiled) = CompiledCauses::of(&case(&first, &expected, &written, prompt)) else {
                prop_assert!(has[4]);
                return Ok(());
            };
            for (own, more, off) in rows {
                let terms = terms(model, group, rates, counts(own));
                let (expected, prompt) = (price(&terms), with_prompt(&terms.usage, more));
                let mut all = charges(&case(&terms, &expected, &written, prompt));
                all.extend([expected.points.0 + off, expected.points.0 - off, more].map(Points));
                for charged in all.into_iter().filter(|charged| *charged != expected.points) {
                    let written = Charged::Points(charged);
                    let found = compiled.explain(&terms.usage, prompt, charged);
                    let one_by_one = CauseSet::of(&diagnose(&case(&terms, &expected, &written, prompt)));
                    let is_plain = expected.adjustment.is_none() && expected.points.0 > 0 && charged.0 >= 0 && charged < Points::INT32.1;
                    let told = one_by_one.filter(|_| is_plain).map(|causes| (causes, expected.points));
                    prop_assert_eq!(found, told, "{} for {}", charged, expected.points);
                }
            }
        }
    }
}
