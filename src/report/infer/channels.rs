//! Channels: the group that each has its ratio from, and the prices that hold there alone.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use super::{Line, Lines, Notes, key, left_of_model, left_of_rate, unknown_line, why_open, write_unless_empty};
use crate::audit::{Inferred, ModelFit, SolvedRate, Stretch};
use crate::pricing::Class;

/// The name under which a config keeps what holds in every channel.
pub const EVERY_CHANNEL: &str = "*";

/// What was found out about a channel by itself.
#[derive(Clone, Debug, Default)]
pub struct ChannelNotes {
    /// The models that have a price of their own there.
    pub models: BTreeSet<String>,
    pub found: Inferred,
    /// Models whose rows there no price gives.
    pub unfit: BTreeSet<String>,
}

/// Rates that are prices by themselves.
pub(super) const ABSOLUTE: [(&str, Class); 3] = [
    ("cached_input_ratio", Class::Cached),
    ("cache_write_5m_ratio", Class::CacheWrite5m),
    ("cache_write_1h_ratio", Class::CacheWrite1h),
];

/// Whether a model has a price of its own in each channel.
pub fn are_by_themselves(model: &str, notes: &Notes) -> bool {
    notes.channels.values().any(|channel| channel.models.contains(model))
}

/// Writes what is said of each channel.
pub fn write(fits: &BTreeMap<&String, ModelFit>, notes: &Notes, out: &mut dyn Write) -> io::Result<()> {
    let mut cached = cached(fits.iter().map(|(model, fit)| (model.as_str(), fit)), notes);
    for (name, channel) in &notes.channels {
        let is_every = name == EVERY_CHANNEL;
        let group = if is_every { "default".to_owned() } else { format!("channel {name}") };
        writeln!(out, "\n[channel.{}]\ngroups = [{}]", key(name), key(&group))?;
        let mut lines = own_prices(channel);
        if is_every {
            lines.append(&mut cached);
        }
        write_models("", name, &lines, out)?;
    }
    write_models("", EVERY_CHANNEL, &cached, out)
}

fn write_models(within: &str, channel: &str, lines: &Lines, out: &mut dyn Write) -> io::Result<()> {
    write_unless_empty(&format!("{within}channel.{}.model", key(channel)), lines, out)
}

/// Writes the rates of cached and written tokens of a model for a period.
pub fn write_period(model: &str, fit: &ModelFit, notes: &Notes, out: &mut dyn Write) -> io::Result<()> {
    write_models("period.", EVERY_CHANNEL, &cached([(model, fit)].into_iter(), notes), out)
}

/// The rates of cached and written tokens of models that cost the same in all channels.
fn cached<'f>(fits: impl Iterator<Item = (&'f str, &'f ModelFit)>, notes: &Notes) -> Lines {
    let is_known =
        |model: &str, fit: &ModelFit| !notes.channels.is_empty() && !notes.unfit.contains(model) && fit.sure_ratio().is_some();
    let known = fits.filter(|(model, fit)| is_known(model, fit));
    let lines = known.filter_map(|(model, fit)| {
        let rates = absolute(fit);
        let comments: Vec<String> = own_rates(fit).map(|(_, rate)| left_of_rate(rate)).collect();
        (!rates.is_empty()).then(|| line(model, rates, comments.join("; ")))
    });
    lines.collect()
}

fn line(model: &str, words: Vec<String>, comment: String) -> Line {
    Line { key: key(model), value: format!("{{ {} }}", words.join(", ")), comment }
}

fn absolute(fit: &ModelFit) -> Vec<String> {
    own_rates(fit).map(|(word, rate)| format!("{word} = {}", rate.value)).collect()
}

/// The rates that are not those of the input.
fn own_rates(fit: &ModelFit) -> impl Iterator<Item = (&'static str, &SolvedRate)> {
    let rates = ABSOLUTE.into_iter().filter_map(|(word, class)| Some((word, fit.rates.get(&class)?)));
    rates.filter(|(_, rate)| !rate.is_built_in)
}

fn own_prices(channel: &ChannelNotes) -> Lines {
    let price = |model: &String| {
        let known = channel.found.models.get(model).map(Vec::as_slice);
        match known {
            _ if channel.unfit.contains(model) => unknown_line(model, "no one price gives all its rows here".to_owned()),
            Some([Stretch { fit, .. }]) => known_price(model, fit)
                .unwrap_or_else(|| unknown_line(model, why_open(model, fit, &Notes::default()).unwrap_or_default())),
            Some(_) => unknown_line(model, "its price changed".to_owned()),
            None => unknown_line(model, "its rows say nothing of ratios".to_owned()),
        }
    };
    channel.models.iter().map(price).collect()
}

fn known_price(model: &str, fit: &ModelFit) -> Option<Line> {
    let ratio = fit.sure_ratio().filter(|ratio| !fit.per_call && !ratio.is_zero())?;
    let completion = fit.rates.get(&Class::Output).map(|rate| format!("completion_ratio = {}", rate.value));
    let words = [format!("ratio = {ratio}")].into_iter().chain(completion).chain(absolute(fit)).collect();
    Some(line(model, words, fit.ratio.as_ref().map(left_of_model).unwrap_or_default()))
}
