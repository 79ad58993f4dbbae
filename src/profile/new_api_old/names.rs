//! Which name looks up what.

use std::borrow::Cow;

use super::Rules;
use super::usage::{Usage, Way};
use crate::config::Config;
use crate::details::Details;
use crate::log::LogEntry;

/// The names of a row's model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names<'a> {
    /// As the request named it; for realtime rows the upstream name, which is the one that they show.
    pub asked: &'a str,
    /// What the channel mapped it to; the same where it did not.
    pub upstream: Cow<'a, str>,
    pub mapped: bool,
}

/// The names that prices are looked up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priced<'n> {
    /// Model ratio and price per call.
    pub model: &'n str,
    /// Completion, cache and audio ratios.
    pub rates: &'n str,
}

impl<'n> Priced<'n> {
    fn by(name: &'n str) -> Priced<'n> {
        Priced { model: name, rates: name }
    }
}

impl<'a> Names<'a> {
    pub fn of(entry: &LogEntry<'a>, details: &Details<'a>) -> Names<'a> {
        let real = if entry.model.ends_with("-gizmo-*") { real_name(entry.content) } else { None };
        let asked = real.unwrap_or(entry.model);
        let upstream = details.text("upstream_model_name").filter(|name| details.flag("is_model_mapped") && !name.is_empty());
        let mapped = upstream.is_some();
        Names { asked, upstream: upstream.unwrap_or(Cow::Borrowed(asked)), mapped }
    }

    /// The names that may be priced, the first with a price counts.
    pub fn priced<'n>(&'n self, rules: &Rules, usage: &Usage<'_>, prefix: Option<&str>) -> Vec<Priced<'n>> {
        if !rules.upstream {
            return vec![Priced::by(self.asked)];
        }
        match usage.way {
            Way::Task => vec![Priced::by(self.asked)],
            Way::Audio(_) if self.mapped => vec![Priced { model: &self.upstream, rates: self.asked }],
            _ if self.mapped => vec![Priced::by(&self.upstream)],
            _ => match prefix.and_then(|prefix| self.asked.strip_prefix(prefix)) {
                // A price list for users has the prefixed name with the right price.
                Some(stripped) => vec![Priced::by(stripped), Priced::by(self.asked)],
                None => vec![Priced::by(self.asked)],
            },
        }
    }

    /// The requested name, where a mapped row may be speech or a transcription: those are priced before the mapping.
    pub fn of_speech(&self, rules: &Rules, usage: &Usage<'_>) -> Option<Priced<'_>> {
        let heard = usage.way == Way::Text && usage.completion == 0 && usage.cached == 0 && usage.image.is_none() && !usage.test;
        (rules.upstream && self.mapped && heard).then_some(Priced::by(self.asked))
    }

    /// The names that are left when a prefix is taken off, where no channel tells the prefix.
    pub fn without_prefix(&self, rules: &Rules) -> impl Iterator<Item = Priced<'_>> {
        let possible = rules.upstream && !self.mapped;
        let starts = self.asked.char_indices().skip(1).filter(move |_| possible);
        starts.map(|(start, _)| Priced::by(&self.asked[start..]))
    }
}

/// The prefix of the row's channel; none where the channel is not known.
pub fn prefix_of<'c>(entry: &LogEntry<'_>, config: &'c Config) -> Option<&'c str> {
    config.channels.get(entry.channel).map(|channel| channel.model_prefix.as_str())
}

/// `，模型 gpt-4o-gizmo-g-Abc`: the real name of a row that shows the wildcard.
fn real_name(content: &str) -> Option<&str> {
    content.split(['，', ',']).find_map(|part| part.trim().strip_prefix("模型 "))
}

/// The name of a price per call: both gizmo families have one wildcard each.
pub fn of_price(name: &str) -> &str {
    if name.starts_with("gpt-4o-gizmo") { "gpt-4o-gizmo-*" } else { of_ratio(name) }
}

/// The name of a model ratio: only one family is folded.
pub fn of_ratio(name: &str) -> &str {
    if name.starts_with("gpt-4-gizmo") { "gpt-4-gizmo-*" } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_prices_fold_both_families() {
        assert_eq!((of_price("gpt-4o-gizmo-g-x"), of_ratio("gpt-4o-gizmo-g-x")), ("gpt-4o-gizmo-*", "gpt-4o-gizmo-g-x"));
        assert_eq!((of_price("gpt-4-gizmo-g-x"), of_ratio("gpt-4-gizmo-g-x")), ("gpt-4-gizmo-*", "gpt-4-gizmo-*"));
    }

    #[test]
    fn the_content_has_the_real_name() {
        let content = "模型倍率 15.00，补全倍率 1.00，分组倍率 0.30，模型 gpt-4-gizmo-g-Abc";
        assert_eq!(real_name(content), Some("gpt-4-gizmo-g-Abc"));
        assert_eq!(real_name("模型价格 0.10，分组倍率 1.00"), None);
    }
}
