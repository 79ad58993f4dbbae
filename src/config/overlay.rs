//! Laying a later source over earlier ones: what it says counts, what it does not say stays.
//!
//! What a model costs can be said in several forms, of which a gateway takes an expression before a price list, that before a price per
//! call and that before a ratio. The order of the sources goes before the order of the forms: the last source that says a price
//! says it in whichever form.

use std::collections::{HashMap, HashSet};

use super::{Config, Currency, Found, Map, MapName};

impl Config {
    /// Lays `later` over this config. Its origins are moved behind the sources that are here already.
    pub fn overlay(&mut self, mut later: Config) {
        later.shift_origins(u16::try_from(self.sources.len()).unwrap_or(u16::MAX));
        self.leave_prices_to_the_other(&mut later);
        self.sources.append(&mut later.sources);
        self.outdate_completion(&later);
        self.outdate_prices(&later);
        self.outdate_unknown(&later);
        for (name, map) in std::mem::take(&mut later.maps) {
            self.map_mut(name).overlay(map);
        }
        match (&mut self.group_group_ratio, later.group_group_ratio) {
            (Some(ratios), Some(over)) => over.into_iter().for_each(|(user, map)| ratios.entry(user).or_default().extend(map)),
            (slot @ None, over) => *slot = over,
            (Some(_), None) => {}
        }
        self.group_group_unknown = self.group_group_ratio.is_none() && (self.group_group_unknown || later.group_group_unknown);
        self.effective_completion.extend(later.effective_completion);
        self.expressions.extend(later.expressions);
        self.model_prices.extend(later.model_prices);
        self.unknown_models.extend(later.unknown_models);
        self.unknown_groups.extend(later.unknown_groups);
        self.unknown_users.extend(later.unknown_users);
        for (name, rules) in later.groups {
            self.groups.entry(name).or_default().overlay(rules);
        }
        self.users.extend(later.users);
        self.channels.extend(later.channels);
        for (name, prices) in later.channel_prices {
            self.channel_prices.entry(name).or_default().overlay(prices);
        }
        self.displayed.extend(later.displayed);
        self.compiled_in.extend(later.compiled_in);
        // Several prices of one name, by channel, stand in one list.
        let listed: HashSet<String> = later.price_list.iter().map(|price| price.model.clone()).collect();
        self.price_list.retain(|price| !listed.contains(&price.model));
        self.price_list.extend(later.price_list);
        self.task_charges.extend(later.task_charges);
        self.settings.extend(later.settings);
        self.periods.extend(later.periods);
        self.quota_per_unit = later.quota_per_unit.or(self.quota_per_unit);
        self.profile = later.profile.or(self.profile.take());
        self.bonus = later.bonus.or(self.bonus);
        self.relative_groups.extend(later.relative_groups);
        if let Some(currency) = later.currency {
            self.settle_relative_groups(&currency);
            self.currency = Some(currency);
        } else if let Some(currency) = self.currency.clone() {
            self.settle_relative_groups(&currency);
        }
    }

    /// Whether the sources are of kinds that carry no prices of models: users, points for 1 USD, ratios of groups alone.
    fn says_no_prices(&self) -> bool {
        let no_map = || MapName::ALL.iter().filter(|map| **map != MapName::GroupRatio).all(|map| *self.map(*map) == Map::Unknown);
        let Config { expressions, model_prices, channel_prices, displayed, compiled_in, price_list, .. } = self;
        let is_empty = expressions.is_empty() && model_prices.is_empty() && channel_prices.is_empty() && displayed.is_empty();
        is_empty && compiled_in.is_empty() && price_list.is_empty() && no_map()
    }

    /// A source that cannot carry prices says nothing of the maps that another one, which can, does not give.
    fn leave_prices_to_the_other(&mut self, later: &mut Config) {
        match (self.says_no_prices(), later.says_no_prices()) {
            (true, false) if !later.sources.is_empty() => self.forget_unknown_maps(),
            (false, true) if !self.sources.is_empty() => later.forget_unknown_maps(),
            _ => {}
        }
    }

    fn forget_unknown_maps(&mut self) {
        self.maps.retain(|_, map| *map != Map::Unknown);
    }

    /// A later option takes the place of an earlier ratio in force, unless that one is locked.
    fn outdate_completion(&mut self, later: &Config) {
        if let Map::Given(numbers) = later.map(MapName::CompletionRatio) {
            self.effective_completion.retain(|name, effective| effective.locked || !numbers.contains_key(name));
        }
    }

    /// A later price takes the place of an earlier one in a form that goes before its own.
    fn outdate_prices(&mut self, later: &Config) {
        let in_maps = |name: &str| [MapName::ModelRatio, MapName::ModelPrice].iter().any(|map| later.gives(*map, name));
        let listed: HashSet<&str> = later.price_list.iter().map(|price| price.model.as_str()).collect();
        self.expressions.retain(|name, _| !in_maps(name) && !later.model_prices.contains_key(name));
        self.model_prices.retain(|name, _| !in_maps(name) && !listed.contains(name.as_str()));
        let mut prices = std::mem::take(self.map_mut(MapName::ModelPrice));
        if let Map::Given(prices) = &mut prices {
            prices.retain(|name, price| {
                // Gateways keep ratios of what they charge by the call. Another one of them does not say that it is charged by the token.
                let beside = matches!(self.map(MapName::ModelRatio).get(name), Found::Number(ratio) if ratio.origin.source == price.origin.source);
                beside || !later.gives(MapName::ModelRatio, name)
            });
        }
        *self.map_mut(MapName::ModelPrice) = prices;
    }

    /// What a later source says is no longer unknown.
    fn outdate_unknown(&mut self, later: &Config) {
        let maps = [MapName::ModelRatio, MapName::ModelPrice];
        let is_priced = |name: &str| {
            let by_name = later.model_prices.contains_key(name) || later.expressions.contains_key(name);
            by_name || maps.iter().any(|map| later.gives(*map, name)) || later.price_list.iter().any(|price| price.model == name)
        };
        self.unknown_models.retain(|name| !is_priced(name));
        self.unknown_groups.retain(|name| !later.gives(MapName::GroupRatio, name));
        self.unknown_users.retain(|name| !later.users.contains_key(name));
        self.relative_groups.retain(|name, _| !later.gives(MapName::GroupRatio, name));
    }

    fn gives(&self, map: MapName, name: &str) -> bool {
        matches!(self.map(map).get(name), Found::Number(_))
    }

    /// Puts the ratios of groups in force that are relative to prices in a currency. One that is relative to another currency, of
    /// which there is no rate any more, stays as it is.
    fn settle_relative_groups(&mut self, currency: &Currency) {
        let is_of = |relative: &super::RelativeRatio| relative.currency == currency.code;
        self.relative_groups.retain(|_, relative| is_of(relative));
        let settled = self.relative_groups.iter().filter_map(|(name, relative)| Some((name.clone(), relative.at(currency.rate)?)));
        let settled: HashMap<_, _> = settled.collect();
        if !settled.is_empty() {
            self.map_mut(MapName::GroupRatio).overlay(Map::Given(settled));
        }
        for period in &mut self.periods {
            let own = period.config.currency.clone();
            period.config.settle_relative_groups(own.as_ref().unwrap_or(currency));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Timeline;
    use crate::read::config::read;

    fn config(texts: &[&str]) -> Config {
        let mut all = Config::default();
        for text in texts {
            all.overlay(read("x", text.as_bytes()).unwrap_or_else(|issues| panic!("{issues:#?}")).config);
        }
        all
    }

    fn number(config: &Config, map: MapName, name: &str) -> String {
        match config.map(map).get(name) {
            Found::Number(number) => number.ratio.to_string(),
            found => format!("{found:?}"),
        }
    }

    /// In which forms the sources together say a price of `m`.
    #[track_caller]
    fn check(texts: &[&str], expected: &[&str]) {
        let config = config(texts);
        let mut forms = Vec::new();
        if let Some(expression) = config.expressions.get("m") {
            forms.push(format!("expression {expression}"));
        }
        if let Some(prices) = config.model_prices.get("m") {
            forms.push(format!("input {}", prices.input.unwrap().ratio));
        }
        for map in [MapName::ModelPrice, MapName::ModelRatio] {
            if config.gives(map, "m") {
                forms.push(format!("{} {}", map.word(), number(&config, map, "m")));
            }
        }
        assert_eq!(forms, expected, "{texts:?}");
    }

    #[test]
    fn the_last_source_that_says_a_price_says_it_in_its_own_form() {
        let (list, price, ratio) = ("[model.m]\ninput = 10", "[model_price]\nm = 0.5", "[model_ratio]\nm = 1");
        let expression = "[billing_expr]\nm = \"p * 2\"";
        check(&[list, ratio], &["model_ratio 1"]);
        check(&[list, price], &["model_price 0.5"]);
        check(&[ratio, list], &["input 10", "model_ratio 1"]);
        check(&[price, ratio], &["model_ratio 1"]);
        check(&[ratio, price], &["model_price 0.5", "model_ratio 1"]);
        check(&[ratio, price, ratio], &["model_ratio 1"]);
        check(&[list, expression], &["expression p * 2", "input 10"]);
        check(&[expression, list], &["input 10"]);
        check(&[expression, ratio], &["model_ratio 1"]);
        check(&[list, r#"{"ModelRatio": {"m": 1}}"#], &["model_ratio 1"]);
        check(&[list, "[model_ratio]\nother = 1"], &["input 10"]);
        // The options of one gateway: it charges by the call, whatever the ratio.
        check(
            &[r#"{"ModelRatio": {"m": 1}, "ModelPrice": {"m": 0.5}}"#, "[model_ratio]\nm = 3"],
            &["model_price 0.5", "model_ratio 3"],
        );
    }

    #[test]
    fn a_period_lies_over_every_form() {
        let config = config(&["[model.m]\ninput = 10\n[[period]]\nfrom = 1970-01-02\n[period.model_ratio]\nm = 1"]);
        let timeline = Timeline::new(config);
        assert!(timeline.at(Some(0)).model_prices.contains_key("m"));
        assert!(!timeline.at(Some(86_400)).model_prices.contains_key("m"));
    }

    #[test]
    fn a_later_price_list_lies_over_an_earlier_one_by_name() {
        let listed = |list: &str, models: [&str; 2], input: i64| {
            let price = |model: &str| {
                format!("[[{list}]]\nmodel = \"{model}\"\ntype = \"tokens\"\nchannel_type = 1\ninput = {input}\noutput = 4\n")
            };
            models.map(price).concat()
        };
        let dated = format!("[[period]]\nfrom = 1970-01-02\n{}", listed("period.price_list", ["b", "c"], 3));
        let timeline = Timeline::new(config(&[&(listed("price_list", ["a", "b"], 1) + &dated)]));
        let prices = |time: i64| {
            let list = timeline.at(Some(time)).price_list.iter();
            list.map(|price| format!("{} {}", price.model, price.input.ratio)).collect::<Vec<_>>()
        };
        assert_eq!(prices(0), ["a 1", "b 1"]);
        assert_eq!(prices(86_400), ["a 1", "b 3", "c 3"]);
    }

    #[test]
    fn what_a_later_source_says_is_no_longer_unknown() {
        let unknown = "[model.m]\nunknown = true\n[group.g]\nunknown = true\n[user.u]\nunknown = true";
        let known = config(&[unknown, "[model_ratio]\nm = 1\n[group.g]\nratio = 2\n[user.u]\ngroup = \"g\""]);
        assert!(known.unknown_models.is_empty() && known.unknown_groups.is_empty() && known.unknown_users.is_empty());
        let again = config(&["[model_ratio]\nm = 1", unknown]);
        assert!(again.unknown_models.contains("m"));
    }

    #[test]
    fn a_later_rate_reaches_the_groups_that_are_relative_to_it() {
        let rmb = "[currency]\ncode = \"CNY\"\nrate = 7.3\n[group.rmb]\nratio = 0.14\nratio_in = \"CNY\"";
        let ratio = |texts: &[&str]| number(&config(texts), MapName::GroupRatio, "rmb");
        assert_eq!(ratio(&[rmb]), "1.022");
        assert_eq!(ratio(&[rmb, "[currency]\ncode = \"CNY\"\nrate = 8"]), "1.12");
        assert_eq!(ratio(&[rmb, "[currency]\ncode = \"EUR\"\nrate = 0.9"]), "1.022", "not relative to EUR");
        assert_eq!(ratio(&[rmb, "[group_ratio]\nrmb = 2", "[currency]\ncode = \"CNY\"\nrate = 8"]), "2");
        let dated = format!("{rmb}\n[[period]]\nfrom = 1970-01-02\n[period.currency]\ncode = \"CNY\"\nrate = 7");
        let timeline = Timeline::new(config(&[&dated]));
        assert_eq!(number(timeline.at(Some(86_400)), MapName::GroupRatio, "rmb"), "0.98");
        let dated = format!("{rmb}\n[[period]]\nfrom = 1970-01-02\n[period.group.rmb]\nratio = 0.1\nratio_in = \"CNY\"");
        let timeline = Timeline::new(config(&[&dated, "[currency]\ncode = \"CNY\"\nrate = 8"]));
        assert_eq!(number(timeline.at(Some(0)), MapName::GroupRatio, "rmb"), "1.12");
        assert_eq!(number(timeline.at(Some(86_400)), MapName::GroupRatio, "rmb"), "0.8");
    }

    #[test]
    fn a_source_without_prices_says_nothing_of_them_beside_one_that_has_them() {
        let users = r#"{"success":true,"data":[{"id":7,"username":"u","role":1,"group":"vip","setting":""}]}"#;
        let groups = r#"{"success":true,"data":{"vip":{"ratio":0.5,"desc":"x"}}}"#;
        let ratios = r#"{"ModelRatio": {"m": 1}}"#;
        let found = |texts: &[&str], map: MapName, name: &str| number(&config(texts), map, name);
        for texts in [&[users][..], &[users, groups], &[groups, users]] {
            assert_eq!(found(texts, MapName::ModelRatio, "m"), "Unknown", "{texts:?}");
            assert_eq!(found(texts, MapName::CacheRatio, "m"), "Unknown", "{texts:?}");
        }
        assert_eq!(found(&[users], MapName::GroupRatio, "vip"), "Unknown");
        assert_eq!(found(&[users, groups], MapName::GroupRatio, "vip"), "0.5");
        for texts in [[users, ratios], [ratios, users]] {
            assert_eq!(found(&texts, MapName::ModelRatio, "m"), "1", "{texts:?}");
            assert_eq!(found(&texts, MapName::CacheRatio, "m"), "Default", "{texts:?}");
            assert_eq!(found(&texts, MapName::GroupRatio, "vip"), "Default", "{texts:?}");
        }
    }
}
