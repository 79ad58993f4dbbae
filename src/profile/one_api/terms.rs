//! Usage and prices, put together to the terms of a charge.

use super::printed::{Printed, Shown, Unlike};
use super::{Period, Row, Work, image};
use crate::exact::Ratio;
use crate::pricing::{Allowed, Class, Formula, Minimum, Multiplier, Open, Product, Reason, Slot, Sum, Terms};

/// The ratios of a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    pub model: Ratio,
    pub completion: Ratio,
    pub group: Ratio,
}

/// The ratios of a charge, and what else they may be.
#[derive(Clone, Debug, PartialEq)]
pub struct Quoted {
    pub figures: Figures,
    /// Prices of other channel types that print as the row does.
    pub others: Vec<Figures>,
    /// Ratios of other groups that print as the row does.
    pub other_groups: Vec<Ratio>,
    /// Numbers that are known to two decimals, with the smallest and the largest that print so.
    pub rounded: Vec<(Slot, (Ratio, Ratio))>,
    /// The row prints no completion ratio.
    pub unprinted_completion: bool,
    /// The model has no price: the gateway's fallback stands for it.
    pub is_fallback: bool,
    /// The name that the price was found by.
    pub name: String,
}

const COMPLETION: Slot = Slot::Rate(Class::Output);

impl Quoted {
    /// What a row prints. Without a group in its columns it is the ratio 1, and without a completion ratio that of the model's name.
    pub fn of_row(printed: &Printed<'_>, name: String, by_name: Ratio) -> Quoted {
        let value = |shown: Option<Shown<'_>>, missing: Ratio| shown.map_or(missing, |shown| shown.value);
        Quoted {
            figures: Figures {
                model: printed.model.value,
                completion: value(printed.completion, by_name),
                group: value(printed.group, Ratio::ONE),
            },
            others: Vec::new(),
            other_groups: Vec::new(),
            rounded: rounded(Some(printed.model), printed.completion, printed.group),
            unprinted_completion: printed.completion.is_none(),
            is_fallback: false,
            name,
        }
    }

    /// Prices of a config with those numbers of a row in their place that contradict it.
    pub fn printed(configured: &Quoted, unlike: Unlike<'_>) -> Quoted {
        let value = |shown: Option<Shown<'_>>, configured: Ratio| shown.map_or(configured, |shown| shown.value);
        let Figures { model, completion, group } = configured.figures;
        Quoted {
            figures: Figures {
                model: value(unlike.model, model),
                completion: value(unlike.completion, completion),
                group: value(unlike.group, group),
            },
            others: Vec::new(),
            rounded: rounded(unlike.model, unlike.completion, unlike.group),
            ..configured.clone()
        }
    }
}

fn rounded(model: Option<Shown<'_>>, completion: Option<Shown<'_>>, group: Option<Shown<'_>>) -> Vec<(Slot, (Ratio, Ratio))> {
    let slots = [(Slot::ModelRatio, model), (COMPLETION, completion), (Slot::GroupRatio, group)];
    slots.into_iter().filter_map(|(slot, shown)| Some((slot, shown?.ends()?))).collect()
}

/// The terms of text or images.
pub fn of(row: &Row<'_, '_>, quoted: &Quoted) -> Terms {
    let mut terms = if row.work == Work::Image { images(row, quoted) } else { text(row, quoted.figures) };
    if terms.no_usage {
        return terms;
    }
    let is_used = |slot: Slot| slot != COMPLETION || terms.usage[Class::Output] != 0;
    let between = |(slot, (low, high)): (Slot, (Ratio, Ratio))| Allowed::Between { slot, low, high };
    let rounded: Vec<Allowed> = quoted.rounded.iter().copied().filter(|(slot, _)| is_used(*slot)).map(between).collect();
    let is_unprinted = quoted.unprinted_completion && terms.usage[Class::Output] != 0;
    open(&mut terms, Reason::RateNotLogged, is_unprinted.then_some(Allowed::AtLeast { slot: COMPLETION, low: Ratio::ZERO }));
    open(&mut terms, Reason::PriceAmbiguous, other_prices(row, quoted));
    open(&mut terms, Reason::PriceAmbiguous, one_of(Slot::GroupRatio, &quoted.other_groups));
    open(&mut terms, Reason::RatiosRounded, rounded);
    terms
}

fn open(terms: &mut Terms, reason: Reason, allowed: impl IntoIterator<Item = Allowed>) {
    terms.open.extend(allowed.into_iter().map(|allowed| Open { reason, allowed }));
}

fn one_of(slot: Slot, values: &[Ratio]) -> Option<Allowed> {
    (!values.is_empty()).then(|| Allowed::OneOf { slot, values: values.to_vec() })
}

/// The other prices that print as the row does: of an image the model ratio alone counts.
fn other_prices(row: &Row<'_, '_>, quoted: &Quoted) -> Option<Allowed> {
    if row.work == Work::Image {
        let ratios: Vec<Ratio> = quoted.others.iter().map(|figures| figures.model).collect();
        return one_of(Slot::ModelRatio, &ratios);
    }
    let readings: Vec<Terms> = quoted.others.iter().map(|figures| text(row, *figures)).collect();
    (!readings.is_empty()).then_some(Allowed::Readings(readings))
}

fn bare(row: &Row<'_, '_>, figures: Figures) -> Terms {
    let mut terms = Terms::tokens(figures.model, figures.group);
    terms.quota_per_unit = row.quota_per_unit;
    terms.minimum = Minimum::NONE;
    terms.saturates = false;
    terms
}

fn text(row: &Row<'_, '_>, figures: Figures) -> Terms {
    let mut terms = bare(row, figures);
    terms.formula = Formula::Sum(match row.period {
        Period::Before => Sum::OneApiOf2023,
        Period::Since2023 => Sum::OneApi,
    });
    terms.minimum = Minimum::AFTER;
    terms.no_usage = row.prompt.wrapping_add(row.completion) == 0;
    terms.add(Class::Input, row.prompt, Ratio::ONE);
    terms.add(Class::Output, row.completion, figures.completion);
    terms
}

/// One image of the plain size is presumed.
fn images(row: &Row<'_, '_>, quoted: &Quoted) -> Terms {
    let mut terms = bare(row, quoted.figures);
    terms.formula = Formula::Product(Product::IMAGE);
    for name in ["size", "n"] {
        terms.multipliers.push(Multiplier { name: name.to_owned(), value: Ratio::ONE });
    }
    let image::Limits { sizes, least, most } = image::limits(&quoted.name);
    let count = (least < most).then_some(Allowed::Count { multiplier: 1, least, most });
    open(&mut terms, Reason::CountNotLogged, count.into_iter().chain(one_of(Slot::Multiplier(0), sizes)));
    terms
}

/// Speech and transcriptions: the charge is as many points as the row has prompt tokens. That these count the text rightly is presumed.
pub fn speech(row: &Row<'_, '_>) -> Terms {
    let mut terms = bare(row, Figures { model: Ratio::ONE, completion: Ratio::ONE, group: Ratio::ONE });
    terms.formula = Formula::Product(Product::COUNT);
    terms.add(Class::Input, row.prompt, Ratio::ONE);
    open(&mut terms, Reason::CountNotLogged, [Allowed::Presumed]);
    terms
}
