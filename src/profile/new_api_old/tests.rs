//! Logs of the three real gateways, and rows that they do not have.

use std::path::{Path, PathBuf};

use crate::audit::{Auditor, Cause, Class, Past, Verdict};
use crate::config::{Channel, Config, Map, MapName, Number, Origin};
use crate::exact::{Charged, Points, Ratio};
use crate::log::{Field, LogEntry, Reading, Row};
use crate::pricing::{QUOTA_PER_UNIT, Reason};
use crate::profile::{Basis, Context, Profile, Quirk, is_veloera};
use crate::read::Next;
use crate::read::config;
use crate::read::input::{OpenOptions, open_path};

const READING: Reading<'static> = Reading { time: &|text| text.parse().ok(), currency: None };

fn file(gateway: &str, name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/logs").join(gateway).join(name)
}

fn config_of(gateway: &str) -> Config {
    let mut config = Config::default();
    for name in ["options.json", "users.json", "channels.json"] {
        let bytes = std::fs::read(file(gateway, name)).unwrap();
        config.overlay(config::read(name, &bytes).unwrap().config);
    }
    config
}

/// Audits a log with what is added to each charge.
fn audit(gateway: &str, log: &str, basis: Basis, added: i64) -> Vec<(String, Verdict)> {
    audit_of(gateway, log, basis, &|row| {
        if let Some(Charged::Points(points)) = &mut row.charged {
            points.0 += added;
        }
    })
}

/// Audits a log whose rows are changed before.
fn audit_of(gateway: &str, log: &str, basis: Basis, change: &dyn Fn(&mut LogEntry<'_>)) -> Vec<(String, Verdict)> {
    let config = config_of(gateway);
    let quota_per_unit = config.quota_per_unit.map_or(QUOTA_PER_UNIT, |number| number.ratio);
    let context = Context { config: &config, basis, quota_per_unit, veloera: is_veloera(&config), other_mode: false };
    let mut input = open_path(&file(gateway, log), &OpenOptions::default()).unwrap();
    let (mut row, mut past, mut verdicts) = (Row::default(), Past::default(), Vec::new());
    while input.rows.next(&mut row) != Next::End {
        let mut entry = LogEntry::parse(&row, &READING).unwrap();
        change(&mut entry);
        verdicts.push((entry.model.to_owned(), Auditor::default().judge(&entry, &context, &mut past)));
    }
    verdicts
}

const LOGS: [(&str, &str); 5] = [
    ("new-api-2024", "logs.csv"),
    ("new-api-2024", "kinds.csv"),
    ("new-api-2025", "logs.csv"),
    ("veloera", "logs.csv"),
    ("veloera", "kinds.csv"),
];

#[test]
fn real_rows_match_but_for_those_from_before_a_price_change() {
    for (gateway, log) in LOGS {
        for basis in [Basis::Config, Basis::Logged] {
            for (model, verdict) in audit(gateway, log, basis, 0) {
                let cause = verdict.charge.as_ref().and_then(|judged| Some(judged.causes()?.first));
                let drift = basis == Basis::Config && model == "reprice" && cause == Some(Cause::RatioDrift);
                assert!(drift || matches!(verdict.class, Class::Matched | Class::Skipped), "{gateway} {model}: {verdict:#?}");
            }
        }
    }
}

#[test]
fn a_point_more_or_less_is_a_mismatch() {
    for (gateway, log) in LOGS {
        for basis in [Basis::Config, Basis::Logged] {
            for (added, class) in [(1, Class::Overcharged), (-1, Class::Undercharged)] {
                for (model, verdict) in audit(gateway, log, basis, added) {
                    let right = verdict.class == class || verdict.class == Class::Skipped || model == "reprice";
                    assert!(right, "{gateway} {model} {added:+}: {verdict:#?}");
                }
            }
        }
    }
}

/// Rows of 2024 without details look like those of 2025. Those that only the rules of 2024 give are open, and not wrong.
#[test]
fn rows_of_2024_without_details_are_not_wrong() {
    for log in ["logs.csv", "kinds.csv"] {
        let verdicts = audit_of("new-api-2024", log, Basis::Config, &|row| row.details = "");
        for (model, verdict) in &verdicts {
            assert!(model == "reprice" || !verdict.class.is_mismatch(), "{model}: {verdict:#?}");
        }
        let reasons = verdicts.iter().filter_map(|(_, verdict)| verdict.charge.as_ref()?.reason);
        assert!(reasons.filter(|reason| *reason == Reason::PriceAmbiguous).count() > 1, "{log}");
    }
}

/// 1 + round(3 · 3.3333333) = 11; 11 · 5 = 55 in 2024, 10.9999999 · 5 = 54.9999995 in 2025. 0 + round(1 · 3.3333333) = 3 against 3.33…: 15 and 17.
#[test]
fn of_two_readings_2025_is_presumed() {
    let config = config(&[
        (MapName::ModelRatio, &[("r", "5")]),
        (MapName::CompletionRatio, &[("r", "3.3333333")]),
        (MapName::CacheRatio, &[]),
    ]);
    let content = "模型倍率 5.00，补全倍率 3.33，分组倍率 1.00";
    let row = |prompt: &str, completion: &str, quota: &str| {
        let mut row = Row::default();
        let cells = [
            (Field::Type, "2"),
            (Field::Content, content),
            (Field::Model, "r"),
            (Field::Group, "default"),
            (Field::PromptTokens, prompt),
            (Field::CompletionTokens, completion),
            (Field::Quota, quota),
        ];
        cells.into_iter().for_each(|(field, text)| row.set(field, text));
        row
    };
    let context =
        Context { config: &config, basis: Basis::Config, quota_per_unit: QUOTA_PER_UNIT, veloera: false, other_mode: false };
    for (prompt, completion, quota, profile, class, reason) in [
        ("1", "3", "55", None, Class::Matched, None),
        ("0", "1", "17", None, Class::Matched, Some(Reason::PriceAmbiguous)),
        ("0", "1", "15", None, Class::Unrated, Some(Reason::PriceAmbiguous)),
        ("0", "1", "16", None, Class::Undercharged, None),
        ("0", "1", "15", Some(Profile::NewApi2025), Class::Undercharged, None),
        ("0", "1", "15", Some(Profile::NewApi2024), Class::Matched, None),
    ] {
        let row = row(prompt, completion, quota);
        let auditor = Auditor { profile, ..Auditor::default() };
        let verdict = auditor.judge(&LogEntry::parse(&row, &READING).unwrap(), &context, &mut Past::default());
        let said = verdict.charge.as_ref().and_then(|judged| judged.reason);
        assert_eq!((verdict.class, said), (class, reason), "{prompt} {completion} {quota} {profile:?}");
    }
}

/// Without details only an empty text tells a row of Claude's own kind: (100 + 20 · 5) · 1.5 = 300 points at least, cut; its cached tokens
/// stand beside the prompt and are not known.
#[test]
fn a_row_without_text_is_of_claude() {
    let config = config(&[
        (MapName::ModelRatio, &[("claude-3-7-sonnet", "1.5"), ("claude-free", "0")]),
        (MapName::ModelPrice, &[("claude-call", "0.0333333")]),
        (MapName::CacheRatio, &[]),
    ]);
    let context =
        Context { config: &config, basis: Basis::Config, quota_per_unit: QUOTA_PER_UNIT, veloera: true, other_mode: false };
    for (model, quota, class, reason) in [
        ("claude-3-7-sonnet", "300", Class::Matched, Some(Reason::TokensMissing)),
        ("claude-3-7-sonnet", "299", Class::Undercharged, None),
        ("claude-3-7-sonnet", "4000", Class::Unrated, Some(Reason::TokensMissing)),
        ("claude-free", "1", Class::Overcharged, None),
        // 16666.65 is cut, not rounded.
        ("claude-call", "16666", Class::Matched, None),
        ("claude-call", "16667", Class::Overcharged, None),
    ] {
        let mut row = Row::default();
        row.columns.insert(Field::Content);
        let cells = [
            (Field::Type, "2"),
            (Field::Model, model),
            (Field::Group, "default"),
            (Field::PromptTokens, "100"),
            (Field::CompletionTokens, "20"),
            (Field::Quota, quota),
        ];
        cells.into_iter().for_each(|(field, text)| row.set(field, text));
        let verdict = Auditor::default().judge(&LogEntry::parse(&row, &READING).unwrap(), &context, &mut Past::default());
        let said = verdict.charge.as_ref().and_then(|judged| judged.reason);
        assert_eq!((verdict.class, said), (class, reason), "{model} {quota}");
    }
}

#[track_caller]
fn check_quirks(gateway: &str, log: &str, expected: &[(Quirk, usize)]) {
    let verdicts = audit(gateway, log, Basis::Config, 0);
    let shown = |quirk: Quirk| {
        let quirks = verdicts.iter().filter_map(|(_, verdict)| verdict.charge.as_ref()?.quirk);
        quirks.filter(|(other, _)| *other == quirk).count()
    };
    let said: Vec<(Quirk, usize)> = expected.iter().map(|(quirk, _)| (*quirk, shown(*quirk))).collect();
    assert_eq!(said, expected, "{gateway}");
}

#[test]
fn departures_have_names() {
    check_quirks("new-api-2024", "kinds.csv", &[(Quirk::RoundedInSteps, 3), (Quirk::FloatTie, 1), (Quirk::ImageByRatio, 2)]);
    check_quirks(
        "new-api-2025",
        "logs.csv",
        &[(Quirk::SmallRequestFree, 5), (Quirk::FreeGroupMinimum, 3), (Quirk::CacheOnlyFree, 1)],
    );
    check_quirks("veloera", "kinds.csv", &[(Quirk::AudioPriceFree, 2), (Quirk::FallbackRatio, 5), (Quirk::PriceLocked, 8)]);
}

#[test]
fn a_wrong_profile_is_no_crash() {
    for profile in Profile::ALL {
        for (gateway, log) in LOGS {
            let config = config_of(gateway);
            let context = Context {
                config: &config,
                basis: Basis::Config,
                quota_per_unit: QUOTA_PER_UNIT,
                veloera: false,
                other_mode: false,
            };
            let auditor = Auditor { profile: Some(profile), ..Auditor::default() };
            let mut input = open_path(&file(gateway, log), &OpenOptions::default()).unwrap();
            let (mut row, mut past) = (Row::default(), Past::default());
            while input.rows.next(&mut row) != Next::End {
                auditor.judge(&LogEntry::parse(&row, &READING).unwrap(), &context, &mut past);
            }
        }
    }
}

/// A config with these ratios and prices; groups are those of a fresh install.
fn config(maps: &[(MapName, &[(&str, &str)])]) -> Config {
    let mut config = Config::default();
    for (map, numbers) in maps {
        let number = |text: &str| Number { ratio: text.parse().unwrap(), origin: Origin::default() };
        *config.map_mut(*map) = Map::Given(numbers.iter().map(|(name, text)| ((*name).to_owned(), number(text))).collect());
    }
    config
}

/// Judges one row by a config (or by its own ratios, where there is none).
fn judge(profile: Profile, config: Option<&Config>, fields: &[(Field, &str)]) -> Verdict {
    let nothing = Config::default();
    let mut row = Row::default();
    row.set(Field::Type, "2");
    fields.iter().for_each(|(field, text)| row.set(*field, text));
    row.columns = fields.iter().map(|(field, _)| *field).collect();
    let entry = LogEntry::parse(&row, &READING).unwrap();
    let basis = if config.is_some() { Basis::Config } else { Basis::Logged };
    let context =
        Context { config: config.unwrap_or(&nothing), basis, quota_per_unit: QUOTA_PER_UNIT, veloera: false, other_mode: false };
    Auditor { profile: Some(profile), ..Auditor::default() }.judge(&entry, &context, &mut Past::default())
}

#[track_caller]
fn check(verdict: &Verdict, class: Class, reason: Option<&str>, expected: i64) {
    let judged = verdict.charge.as_ref().unwrap();
    let said = (verdict.class, judged.reason.map(|reason| reason.word()), judged.expected.as_ref().map(|charge| charge.points));
    assert_eq!(said, (class, reason, Some(Points(expected))), "{judged:#?}");
}

/// `tts` mapped to `cheap`: speech costs what the requested name costs.
fn speech(quota: &str, own: &str) -> Verdict {
    let other = format!(
        r#"{{"cache_ratio":1,"cache_tokens":0,"completion_ratio":1,"group_ratio":1,"model_price":-1,"model_ratio":{own},"is_model_mapped":true,"upstream_model_name":"cheap"}}"#
    );
    let config = config(&[(MapName::ModelRatio, &[("tts", "7.5"), ("cheap", "0.5")]), (MapName::ModelPrice, &[])]);
    let fields = [
        (Field::Model, "tts"),
        (Field::Quota, quota),
        (Field::PromptTokens, "40"),
        (Field::CompletionTokens, "0"),
        (Field::Group, "default"),
        (Field::Content, "模型倍率 7.50，补全倍率 1.00，分组倍率 1.00"),
        (Field::Other, &other),
    ];
    judge(Profile::Veloera, Some(&config), &fields)
}

#[test]
fn speech_is_priced_by_the_requested_name_where_the_row_shows_it() {
    check(&speech("300", "7.5"), Class::Matched, Some("price-ambiguous"), 300);
    check(&speech("20", "0.5"), Class::Matched, None, 20);
    check(&speech("300", "0.5"), Class::Overcharged, None, 20);
    check(&speech("300", "3"), Class::Unrated, Some("price-ambiguous"), 20);
}

fn prefixed(channel: Option<&str>, quota: &str, own: &str) -> Verdict {
    let mut config =
        config(&[(MapName::ModelRatio, &[("m", "2"), ("pp/m", "9")]), (MapName::ModelPrice, &[]), (MapName::CompletionRatio, &[])]);
    if let Some(prefix) = channel {
        let channel = Channel { model_prefix: prefix.to_owned(), ..Channel::default() };
        config.channels.insert("11".to_owned(), channel);
    }
    let other = format!(
        r#"{{"cache_ratio":1,"cache_tokens":0,"completion_ratio":1,"group_ratio":1,"model_price":-1,"model_ratio":{own}}}"#
    );
    let fields = [
        (Field::Model, "pp/m"),
        (Field::Quota, quota),
        (Field::PromptTokens, "10"),
        (Field::CompletionTokens, "5"),
        (Field::Channel, "11"),
        (Field::Other, &other),
    ];
    judge(Profile::Veloera, Some(&config), &fields)
}

#[test]
fn a_channels_prefix_is_left_out() {
    check(&prefixed(Some("pp/"), "30", "2"), Class::Matched, None, 30);
    check(&prefixed(Some("pp/"), "135", "9"), Class::Overcharged, None, 30);
    check(&prefixed(Some(""), "30", "2"), Class::Undercharged, None, 135);
    check(&prefixed(None, "30", "2"), Class::Matched, Some("price-ambiguous"), 30);
    check(&prefixed(None, "31", "2"), Class::Overcharged, None, 30);
}

#[test]
fn an_export_without_other_has_rounded_ratios() {
    let row = |quota| {
        let fields = [
            (Field::Model, "gpt-4o-mini"),
            (Field::Quota, quota),
            (Field::PromptTokens, "1000"),
            (Field::CompletionTokens, "100"),
            (Field::CachedTokens, "0"),
            (Field::Content, "模型倍率 0.07，补全倍率 4.00，分组倍率 1.00"),
        ];
        judge(Profile::NewApi2025, None, &fields)
    };
    check(&row("98"), Class::Matched, Some("ratios-rounded"), 98);
    check(&row("105"), Class::Unrated, Some("ratios-rounded"), 98);
    check(&row("120"), Class::Overcharged, None, 98);
}

#[test]
fn prices_in_usd_become_ratios() {
    let toml = "[model.x]\ninput = 2.5\noutput = 10\ncached = 1.25\n";
    let config = config::read("quota.toml", toml.as_bytes()).unwrap().config;
    let other =
        r#"{"cache_ratio":0.5,"cache_tokens":200,"completion_ratio":4,"group_ratio":1,"model_price":-1,"model_ratio":1.25}"#;
    let fields = [
        (Field::Model, "x"),
        (Field::Quota, "1625"),
        (Field::PromptTokens, "1000"),
        (Field::CompletionTokens, "100"),
        (Field::Group, "default"),
        (Field::Other, other),
    ];
    for profile in [Profile::NewApi2025, Profile::Veloera] {
        check(&judge(profile, Some(&config), &fields), Class::Matched, None, 1625);
    }
}

#[test]
fn the_first_rows_have_no_group() {
    let config = config(&[
        (MapName::ModelRatio, &[("x", "1")]),
        (MapName::ModelPrice, &[]),
        (MapName::GroupRatio, &[("vip", "0.8"), ("default", "1")]),
    ]);
    let row = |group: &str, quota: &str| {
        let other = format!(r#"{{"completion_ratio":1,"group_ratio":{group},"model_price":-1,"model_ratio":1}}"#);
        let fields = [
            (Field::Model, "x"),
            (Field::Quota, quota),
            (Field::PromptTokens, "100"),
            (Field::CompletionTokens, "0"),
            (Field::Other, &other),
        ];
        judge(Profile::NewApi2024, Some(&config), &fields)
    };
    check(&row("0.8", "80"), Class::Matched, Some("price-ambiguous"), 80);
    check(&row("0.5", "50"), Class::Undercharged, None, 100);
}

#[test]
fn realtime_is_charged_at_the_audio_ratio_of_the_name_that_the_row_shows() {
    let other = r#"{"ws":true,"text_input":10,"text_output":5,"audio_input":3,"audio_output":2,"audio_ratio":20,"audio_completion_ratio":2,"completion_ratio":4,"group_ratio":1,"model_price":-1,"model_ratio":0.3,"cache_ratio":0,"cache_tokens":0}"#;
    let fields = [
        (Field::Model, "gpt-4o-mini-realtime-preview"),
        (Field::Quota, "44"),
        (Field::PromptTokens, "13"),
        (Field::CompletionTokens, "7"),
        (Field::Group, "default"),
        (Field::Other, other),
    ];
    let ratio = Ratio::new(3, -1).to_string();
    let config = config(&[(MapName::ModelRatio, &[("gpt-4o-mini-realtime-preview", &ratio)]), (MapName::ModelPrice, &[])]);
    for config in [None, Some(&config)] {
        check(&judge(Profile::NewApi2025, config, &fields), Class::Matched, None, 44);
    }
}

/// Three images of dall-e-3 at 0.04 USD in group `vip`: `0.04 · ((2 · 1.5) · 3) · 500000 · 0.95` is 171,000 points.
fn images(config: Option<&Config>, quota: &str) -> Verdict {
    let other = r#"{"cache_ratio":0,"cache_tokens":0,"completion_ratio":0,"group_ratio":0.95,"model_price":0.36,"model_ratio":0}"#;
    let fields = [
        (Field::Model, "dall-e-3"),
        (Field::Quota, quota),
        (Field::PromptTokens, "3"),
        (Field::CompletionTokens, "0"),
        (Field::Group, "vip"),
        (Field::Content, "模型价格 0.36，分组倍率 0.95, 大小 1024x1792, 品质 hd"),
        (Field::Other, other),
    ];
    judge(Profile::NewApi2025, config, &fields)
}

#[test]
fn the_factors_of_an_image_may_be_left_out() {
    let config = config(&[
        (MapName::ModelRatio, &[]),
        (MapName::ModelPrice, &[("dall-e-3", "0.04"), ("other", "0.01")]),
        (MapName::GroupRatio, &[("default", "1"), ("vip", "0.95")]),
    ]);
    for config in [None, Some(&config)] {
        check(&images(config, "171000"), Class::Matched, None, 171_000);
        let (omitted, differs) = (Cause::MultiplierOmitted, Cause::MultiplierDiffers);
        let faults = [
            ("57000", omitted, Some("n")),
            ("85500", omitted, Some("size")),
            ("114000", omitted, Some("quality")),
            ("19000", omitted, None),
            ("285000", differs, Some("5")),
        ];
        for (quota, cause, multiplier) in faults {
            let judged = images(config, quota).charge.unwrap();
            let found = &judged.diagnosis.as_ref().unwrap().causes[0];
            let implied = found.implied.first().map(|(_, value)| value.as_str());
            assert_eq!((found.causes.first, implied), (cause, multiplier), "{quota}");
        }
    }
}

#[test]
fn an_image_at_another_models_price_keeps_its_factors() {
    let prices = &[("dall-e-3", "0.04"), ("other", "0.013")];
    let config = config(&[(MapName::ModelRatio, &[]), (MapName::ModelPrice, prices), (MapName::GroupRatio, &[("vip", "0.95")])]);
    // 0.013 · 9 · 500000 · 0.95 = 55575
    let judged = images(Some(&config), "55575").charge.unwrap();
    assert_eq!(judged.diagnosis.as_ref().unwrap().models, ["other"]);
}

/// Right are 0 + round(1 · 3.3333333) = 3 and 7 + round(2 · 3.3333333) = 14 tokens at 5. Rounded once, these are 16.67 and 68.33 points.
#[test]
fn one_step_that_is_cut_or_rounded_up_is_another_rounding_of_steps() {
    let config = config(&[
        (MapName::ModelRatio, &[("r", "5")]),
        (MapName::CompletionRatio, &[("r", "3.3333333")]),
        (MapName::GroupRatio, &[("default", "1")]),
    ]);
    for (prompt, completion, quota) in [("0", "1", "16"), ("0", "1", "17"), ("7", "2", "68"), ("7", "2", "69")] {
        let fields = [
            (Field::Model, "r"),
            (Field::Quota, quota),
            (Field::PromptTokens, prompt),
            (Field::CompletionTokens, completion),
            (Field::Group, "default"),
            (Field::Content, "模型倍率 5.00，补全倍率 3.33，分组倍率 1.00"),
        ];
        let judged = judge(Profile::NewApi2024, Some(&config), &fields).charge.unwrap();
        assert_eq!(judged.causes().map(|causes| causes.first), Some(Cause::Rounding), "{quota}");
    }
}

/// Three images of dall-e-2 at ratio 8 cost 3 · 8 · 0.95 points, and one 7.6. By the price that the row shows they are
/// `0.0025 · 8 · 3` USD: 28,500 points.
#[test]
fn images_of_a_model_priced_by_ratio_may_be_charged_as_one_and_by_their_price() {
    let other = r#"{"cache_ratio":1,"cache_tokens":0,"completion_ratio":1,"group_ratio":0.95,"model_price":0.06,"model_ratio":8}"#;
    let config = config(&[
        (MapName::ModelRatio, &[("dall-e-2", "8")]),
        (MapName::ModelPrice, &[]),
        (MapName::GroupRatio, &[("default", "1"), ("vip", "0.95")]),
    ]);
    for profile in [Profile::NewApi2024, Profile::NewApi2025, Profile::Veloera] {
        for (quota, cause) in [("8", Cause::MultiplierOmitted), ("28500", Cause::TokensAsPerCall)] {
            let fields = [
                (Field::Model, "dall-e-2"),
                (Field::Quota, quota),
                (Field::PromptTokens, "3"),
                (Field::CompletionTokens, "0"),
                (Field::Group, "vip"),
                (Field::Content, "模型倍率 8.00，补全倍率 1.00，分组倍率 0.95, 大小 1024x1024, 品质 standard"),
                (Field::Other, other),
            ];
            let judged = judge(profile, Some(&config), &fields).charge.unwrap();
            assert_eq!(judged.causes().map(|causes| causes.first), Some(cause), "{profile} {quota}");
        }
    }
}
