//! The JSON Schemas of `docs/schemas` hold for what the program prints, whatever it is asked.
//!
//! The checker knows the keywords that the schemas use, and fails on any other.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::run::{fixture, quota};

struct Schema {
    root: Value,
}

impl Schema {
    fn load(name: &str) -> Schema {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schemas").join(name.to_owned() + ".json");
        Schema { root: serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap() }
    }

    #[track_caller]
    fn check(&self, text: &str) {
        let value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        self.holds(&self.root, &value, "").unwrap_or_else(|error| panic!("{error}"));
    }

    fn holds(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        for (keyword, rule) in schema.as_object().unwrap() {
            self.rule(keyword, rule, schema, value, at)?;
        }
        Ok(())
    }

    fn rule(&self, keyword: &str, rule: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        let require = |holds: bool| if holds { Ok(()) } else { Err(format!("{at}: {value} breaks {keyword} {rule}")) };
        match keyword {
            "$schema" | "title" | "description" | "$defs" => Ok(()),
            "$ref" => {
                let name = rule.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                self.holds(&self.root["$defs"][name], value, at)
            }
            "type" => {
                let types = rule.as_array().map_or(vec![rule.clone()], Clone::clone);
                require(types.iter().any(|name| is_of_type(value, name.as_str().unwrap())))
            }
            "const" => require(value == rule),
            "enum" => require(rule.as_array().unwrap().contains(value)),
            "pattern" => require(value.as_str().is_none_or(|text| matches(rule.as_str().unwrap(), text))),
            "minimum" => require(value.as_i64().is_none_or(|number| number >= rule.as_i64().unwrap())),
            "minItems" => require(value.as_array().is_none_or(|list| list.len() as u64 >= rule.as_u64().unwrap())),
            "maxItems" => require(value.as_array().is_none_or(|list| list.len() as u64 <= rule.as_u64().unwrap())),
            "anyOf" => require(rule.as_array().unwrap().iter().any(|schema| self.holds(schema, value, at).is_ok())),
            "items" => value.as_array().into_iter().flatten().try_for_each(|item| self.holds(rule, item, &format!("{at}[]"))),
            "prefixItems" => {
                let pairs = rule.as_array().unwrap().iter().zip(value.as_array().into_iter().flatten());
                pairs.into_iter().try_for_each(|(schema, item)| self.holds(schema, item, &format!("{at}[]")))
            }
            "required" => {
                let is_there = |key: &Value| value.get(key.as_str().unwrap()).is_some();
                require(!value.is_object() || rule.as_array().unwrap().iter().all(is_there))
            }
            "properties" => {
                let known = rule.as_object().unwrap().iter().filter_map(|(key, schema)| Some((key, schema, value.get(key)?)));
                known.into_iter().try_for_each(|(key, schema, value)| self.holds(schema, value, &format!("{at}.{key}")))
            }
            "additionalProperties" => {
                let named = |key: &String| schema["properties"].get(key).is_some();
                let others = value.as_object().into_iter().flatten().filter(|(key, _)| !named(key));
                others.into_iter().try_for_each(|(key, value)| match rule {
                    Value::Bool(allowed) => {
                        if *allowed {
                            Ok(())
                        } else {
                            Err(format!("{at}: `{key}` is not in the schema"))
                        }
                    }
                    schema => self.holds(schema, value, &format!("{at}.{key}")),
                })
            }
            other => panic!("the checker does not know `{other}`"),
        }
    }
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the checker does not know the type `{other}`"),
    }
}

/// The patterns that the schemas have.
fn matches(pattern: &str, text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match pattern {
        r"^-?[0-9]+(\.[0-9]+)?$" => {
            let text = text.strip_prefix('-').unwrap_or(text);
            let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
            digits(whole) && digits(fraction)
        }
        "^[0-9a-f]{64}$" => text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
        "^-?[0-9]{4,}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$" => {
            let parsed = text.parse::<jiff::Timestamp>();
            parsed.is_ok() && text.ends_with('Z') && !text.contains('.')
        }
        other => panic!("the checker does not know the pattern `{other}`"),
    }
}

/// Every log of the fixtures with the configs that lie beside it.
fn logs() -> Vec<(PathBuf, Vec<String>)> {
    let mut logs = Vec::new();
    for folder in std::fs::read_dir(fixture("logs")).unwrap().map(|entry| entry.unwrap().path()) {
        let names = |ending: &str| {
            let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
            let mut files: Vec<PathBuf> = files.filter(|path| path.to_string_lossy().ends_with(ending)).collect();
            files.sort();
            files
        };
        let configs = names(".json").into_iter().flat_map(|path| ["--config".to_owned(), path.display().to_string()]);
        let configs: Vec<String> = configs.collect();
        logs.extend(names(".csv").into_iter().filter(|path| !path.ends_with("verdicts.csv")).map(|log| (log, configs.clone())));
    }
    logs
}

fn output(command: &[&str], log: &Path, flags: &[String]) -> String {
    let flags = flags.iter().map(String::as_str);
    let arguments: Vec<&str> = command.iter().copied().chain([log.to_str().unwrap()]).chain(flags).collect();
    let done = quota(&arguments);
    assert!(done.code != 2, "{arguments:?}: {}", done.err);
    done.out
}

#[test]
fn audits_and_explanations_of_every_log_are_as_their_schemas_say() {
    let [audit, row, explain, partial] = ["audit", "audit-ndjson", "explain", "partial"].map(Schema::load);
    let logs = logs();
    assert!(logs.len() >= 15, "{}", logs.len());
    let by = "model,group,token,user,channel,day,cause";
    for (log, configs) in logs {
        for flags in [configs.as_slice(), &[]] {
            audit.check(&output(&["audit", "--format", "json", "--by", by, "--quiet"], &log, flags));
            output(&["audit", "--format", "ndjson", "--quiet"], &log, flags).lines().for_each(|line| row.check(line));
            partial.check(&output(&["audit", "--partial", "--quiet"], &log, flags));
            explain.check(&output(&["explain", "--format", "json", "--limit", "50", "--quiet"], &log, flags));
        }
    }
}

#[test]
fn merged_audits_are_as_the_schema_of_audits_says() {
    let (log, configs) = logs().remove(0);
    let folder = tempfile::tempdir().unwrap();
    let part = folder.path().join("part.json");
    std::fs::write(&part, output(&["audit", "--partial", "--quiet"], &log, &configs)).unwrap();
    Schema::load("audit").check(&output(&["merge", "--format", "json"], &part, &[]));
    Schema::load("partial").check(&output(&["merge", "--partial"], &part, &[]));
}

#[test]
fn other_outputs_are_as_their_schemas_say() {
    let moleapi = fixture("configs/moleapi.toml").display().to_string();
    let calc = [
        "calc", "--config", &moleapi, "--model", "gpt-4o", "--group", "all", "--input", "1000", "--output", "5", "--format", "json",
    ];
    Schema::load("calc").check(&quota(&calc).out);
    let [log, options] = ["logs/new-api/logs.csv", "logs/new-api/options.json"].map(fixture);
    let compare = ["compare", "--group", "all", "--format", "json", "--quiet", "--config", options.to_str().unwrap()];
    Schema::load("compare").check(&output(&compare, &log, &[]));
    let [old, new] = ["configs/apiyi.toml", "configs/apiyi-2026-04.toml"].map(|name| fixture(name).display().to_string());
    for config in [&moleapi, "fixtures/cases/audit-broken-config/ratios.json"] {
        Schema::load("config-check").check(&quota(&["config", "check", "--format", "json", config]).out);
    }
    Schema::load("config-diff").check(&quota(&["config", "diff", &old, &new, "--format", "json"]).out);
    let infer = Schema::load("infer");
    let logs = ["logs/plain/discount.csv", "logs/new-api/logs.csv", "logs/one-api/logs.csv", "logs/laisky/logs.csv"];
    logs.map(fixture).iter().for_each(|log| infer.check(&output(&["infer", "--format", "json", "--quiet"], log, &[])));
}

/// Each schema is held against output above, and each is named in the page of formats.
#[test]
fn every_schema_is_known() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(root.join("docs/schemas")).unwrap();
    let names: BTreeSet<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    let known = [
        "audit.json",
        "audit-ndjson.json",
        "calc.json",
        "compare.json",
        "config-check.json",
        "config-diff.json",
        "explain.json",
        "infer.json",
        "partial.json",
    ];
    assert_eq!(names.iter().map(String::as_str).collect::<Vec<_>>(), {
        let mut known = known;
        known.sort_unstable();
        known
    });
    let page = std::fs::read_to_string(root.join("docs/json.md")).unwrap();
    known.iter().for_each(|name| assert!(page.contains(&format!("](schemas/{name})")), "{name} has no line"));
}

#[test]
fn the_checker_sees_what_is_wrong() {
    let schema = Schema::load("calc");
    let good: Value =
        serde_json::from_str(&quota(&["calc", "--input", "1", "--input-price", "2", "--format", "json"]).out).unwrap();
    let breaks = |change: &dyn Fn(&mut Value)| {
        let mut bad = good.clone();
        change(&mut bad);
        schema.holds(&schema.root, &bad, "").is_err()
    };
    assert!(!breaks(&|_| {}));
    assert!(breaks(&|value| value["schema"] = json!("quota.calc/2")));
    assert!(breaks(&|value| value["more"] = json!(1)));
    assert!(breaks(&|value| value["charges"][0]["points"] = json!("1")));
    assert!(breaks(&|value| value["charges"][0]["total_usd"] = json!("1e5")));
    assert!(breaks(&|value| {
        value["charges"][0].as_object_mut().unwrap().remove("group");
    }));
}
