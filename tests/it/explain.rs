//! The formula that `quota explain` prints gives, typed into a calculator, the amount that it prints, for every row of every gateway.

use quota::exact::Exact;
use serde_json::Value;

use crate::run::{audit, fixture, quota};

/// A calculator: numbers, `+`, `-`, `×` and brackets.
struct Calculator<'t> {
    rest: &'t str,
}

impl Calculator<'_> {
    fn value(text: &str) -> Exact {
        let mut calculator = Calculator { rest: text };
        let value = calculator.sum();
        assert!(calculator.rest.is_empty(), "{text}: what is `{}`?", calculator.rest);
        value
    }

    fn takes(&mut self, mark: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(mark);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn sum(&mut self) -> Exact {
        let mut sum = self.product();
        loop {
            if self.takes("+ ") {
                sum += self.product();
            } else if self.takes("- ") {
                sum = sum - self.product();
            } else {
                return sum;
            }
        }
    }

    fn product(&mut self) -> Exact {
        let mut product = self.number();
        while self.takes("×") {
            product = product * self.number();
        }
        product
    }

    fn number(&mut self) -> Exact {
        if self.takes("(") {
            let inner = self.sum();
            assert!(self.takes(")"), "no `)` before `{}`", self.rest);
            return inner;
        }
        let text = self.rest.trim_start();
        let end = text.char_indices().skip(1).find(|(_, c)| !c.is_ascii_digit() && *c != '.').map_or(text.len(), |(at, _)| at);
        self.rest = &text[end..];
        Exact::parse(&text[..end]).unwrap_or_else(|| panic!("`{text}` does not begin with a number"))
    }
}

/// Checks a printed step; the number that it ends with.
#[track_caller]
fn check_step(step: &str) -> String {
    let (formula, result) = step.split_once(" = ").unwrap_or_else(|| panic!("{step}"));
    let parts: Vec<&str> = result.split(", ").collect();
    let value = Calculator::value(formula);
    assert_eq!(Exact::parse(parts[0]), Some(value.clone()), "{step}");
    let own = parts.iter().find_map(|part| part.strip_prefix("in the gateway's arithmetic "));
    if let Some(own) = own {
        let distance = Exact::parse(own).unwrap() - value.clone();
        let distance = if distance.is_negative() { -distance } else { distance };
        let size = if value.is_negative() { -value } else { value } + Exact::from(1);
        assert!(distance * 1_000_000_000 < size, "{step}");
    }
    parts.last().unwrap().rsplit(' ').next().unwrap().to_owned()
}

/// Explains each row of a log; how many have a formula.
#[track_caller]
fn check(log: &str, configs: &[&str]) -> usize {
    let path = fixture("logs").join(log);
    let configs: Vec<String> =
        configs.iter().flat_map(|name| ["--config".to_owned(), path.with_file_name(name).to_str().unwrap().to_owned()]).collect();
    let flags: Vec<&str> = configs.iter().map(String::as_str).collect();
    let lines: Vec<String> = audit(&path, &flags).rows.iter().map(|row| row["line"].to_string()).collect();
    let named: Vec<&str> = lines.iter().flat_map(|line| ["--line", line]).collect();
    let done = quota(&[&["explain", path.to_str().unwrap(), "--format", "json"], &flags[..], &named].concat());
    assert_eq!(done.code, 0, "{}", done.err);
    let document: Value = serde_json::from_str(&done.out).unwrap();
    let rows = document["rows"].as_array().unwrap();
    assert_eq!(rows.len(), lines.len());
    let mut explained = 0;
    for row in rows.iter().filter(|row| !row["formula"].is_null()) {
        for step in row["steps"].as_array().unwrap().iter().chain(row["charged_steps"].as_array().unwrap()) {
            check_step(step["formula"].as_str().unwrap());
        }
        let points = check_step(row["formula"].as_str().unwrap());
        assert_eq!(points, row["expected_points"].to_string(), "{row:#}");
        assert_eq!(row["charge"]["points"], row["expected_points"]);
        if let Some(formula) = row["charged_formula"].as_str() {
            assert_eq!(check_step(formula), row["charged_points"].to_string(), "{row:#}");
        }
        explained += 1;
    }
    explained
}

#[test]
fn every_formula_of_every_gateway_gives_its_amount() {
    for (log, configs) in [
        ("new-api/logs.csv", &["options.json", "users.json"][..]),
        ("new-api-2024/logs.csv", &["options.json", "users.json", "channels.json"]),
        ("new-api-2024/kinds.csv", &["options.json", "users.json", "channels.json"]),
        ("new-api-2025/logs.csv", &["options.json", "users.json", "channels.json"]),
        ("veloera/logs.csv", &["options.json", "users.json", "channels.json"]),
        ("veloera/kinds.csv", &["options.json", "users.json", "channels.json"]),
        ("one-api/logs.csv", &["options.json", "users.json", "channels.json"]),
        ("one-api/rules.csv", &["options.json", "users.json", "channels.json"]),
        ("one-hub/logs.csv", &["options.json", "prices.json", "user_groups.json"]),
        ("laisky/logs.csv", &[]),
        ("plain/moleapi.csv", &[]),
    ] {
        for configs in [configs, &[]] {
            let explained = check(log, configs);
            assert!(explained > 0 || configs.is_empty(), "{log}");
        }
    }
}

#[test]
fn a_row_that_is_not_there_is_an_error() {
    let path = fixture("logs/plain/moleapi.csv");
    let done = quota(&["explain", path.to_str().unwrap(), "--id", "no", "--line", "2"]);
    assert_eq!((done.code, done.out.as_str()), (2, ""));
    assert!(done.err.contains("no row has the `id no`\nhint: "), "{}", done.err);
}

#[test]
fn without_a_name_the_worst_rows_come_first() {
    let path = fixture("logs/new-api/logs.csv");
    let config = fixture("configs/moleapi.toml");
    let flags = ["--config", config.to_str().unwrap()];
    let done = quota(&[&["explain", path.to_str().unwrap(), "--format", "json", "--limit", "3"], &flags[..]].concat());
    let document: Value = serde_json::from_str(&done.out).unwrap();
    let explained: Vec<i64> =
        document["rows"].as_array().unwrap().iter().map(|row| row["delta_points"].as_i64().unwrap().abs()).collect();
    let mut all: Vec<i64> = audit(&path, &flags)
        .rows
        .iter()
        .filter(|row| !row["cause"].is_null())
        .map(|row| row["delta_points"].as_i64().unwrap().abs())
        .collect();
    all.sort_unstable_by_key(|delta| -delta);
    all.truncate(3);
    assert_eq!(explained, all);
}

/// The charge is the object that `quota calc` prints, with its keys in the same order.
#[test]
fn the_charge_keeps_its_order() {
    let (log, config) = (fixture("logs/groups/apiyi.csv"), fixture("configs/apiyi.toml"));
    let [log, config] = [&log, &config].map(|path| path.to_str().unwrap());
    let explained = quota(&["explain", log, "--config", config, "--line", "2", "--format", "json"]).out;
    let against = quota(&["config", "diff", config, config, "--log", log, "--format", "json"]).out;
    let check = |text: &str, keys: &[&str]| {
        let places: Vec<usize> = keys.iter().map(|key| text.find(&format!("\"{key}\":")).unwrap()).collect();
        assert!(places.is_sorted(), "{places:?} in {text}");
    };
    check(
        &explained[explained.find("\"charge\"").unwrap()..],
        &["model", "group", "lines", "subtotal_usd", "group_ratio", "total_usd"],
    );
    check(&against[against.find("\"log\"").unwrap()..], &["schema", "unrated", "targets", "cheapest_group"]);
}
