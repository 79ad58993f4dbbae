//! The group ratio: the smallest one of the groups of the channel that served the request. The user's group only chooses the channel.

use super::own::{self, Served};
use crate::config::{Config, MapName};
use crate::defaults;
use crate::exact::Ratio;
use crate::profile::tables::{Known, Tables};

/// The ratio that the config gives a channel; none where it does not know the channel, or nobody can say.
pub fn of_channel(channel: Served<'_>, config: &Config) -> Option<Ratio> {
    let said = own::said(channel, config).find_map(|prices| prices.groups.as_ref());
    let groups = said.or_else(|| config.channels.get(channel.name).map(|channel| &channel.groups))?;
    let defaults = defaults::of("laisky")?;
    let tables = Tables { config, defaults: &defaults.config };
    let default = ["default".to_owned()];
    let groups = if groups.is_empty() { default.as_slice() } else { groups.as_slice() };
    if groups.iter().any(|group| config.unknown_groups.contains(group)) {
        return None;
    }
    let ratio = |group: &String| match tables.get(MapName::GroupRatio, group) {
        Known::Number(number) => Some(number.ratio),
        Known::Absent => Some(Ratio::ONE),
        Known::Unknown => None,
    };
    groups.iter().map(ratio).collect::<Option<Vec<Ratio>>>()?.into_iter().min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Channel;
    use crate::log::{Field, LogEntry, Reading, Row};
    use crate::read::config::read;

    #[test]
    fn a_channel_goes_by_every_name_that_the_row_has() {
        let text = b"[group_ratio]\nspecial = 0.42\nfree = 0\n[channel.1]\ngroups = [\"special\"]\n";
        let mut config = read("x", text).unwrap().config;
        config.channels.insert("u-1".to_owned(), Channel { groups: vec!["free".to_owned()], ..Channel::default() });
        let ratio = |id: &str| {
            let mut row = Row::default();
            [(Field::Channel, id), (Field::ChannelUuid, "u-1")].into_iter().for_each(|(field, text)| row.set(field, text));
            let entry = LogEntry::parse(&row, &Reading { time: &|_| None, currency: None }).unwrap();
            of_channel(Served::of(&entry, &config), &config)
        };
        assert_eq!((ratio("1"), ratio("2")), (Some(Ratio::new(42, -2)), Some(Ratio::ZERO)));
    }

    #[track_caller]
    fn check(groups: &str, expected: &str) {
        let mut config = read("x", br#"{"GroupRatio": {"default": 1.2, "svip": 1.1, "cc": 0.3, "free": 0}}"#).unwrap().config;
        let groups: Vec<String> = groups.split(',').filter(|group| !group.is_empty()).map(str::to_owned).collect();
        config.channels.insert("7".to_owned(), Channel { groups: groups.clone(), ..Channel::default() });
        assert_eq!(of_channel(Served { name: "7", names: ["", "7"] }, &config).unwrap().to_string(), expected, "{groups:?}");
    }

    #[test]
    fn the_smallest_ratio_of_the_channel_counts() {
        check("svip,cc", "0.3");
        check("svip,free,cc", "0");
        check("nobody", "1");
        check("svip,nobody", "1");
        check("", "1.2");
    }
}
