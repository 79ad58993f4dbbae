//! Rows of a real one-api, and single rows of every form.

use std::path::PathBuf;

use super::*;
use crate::config::Config;
use crate::log::{Field, Reading, Row as Texts};
use crate::pricing::{Standing, bounds, judge, price};
use crate::profile::{Profile, rate as rate_as};
use crate::read::config::read;

fn fixture(name: &str) -> Vec<u8> {
    let path = [env!("CARGO_MANIFEST_DIR"), "fixtures/logs/one-api", name].iter().collect::<PathBuf>();
    std::fs::read(path).unwrap()
}

fn config_of(names: &[&str]) -> Config {
    let mut config = Config::default();
    for name in names {
        config.overlay(read(name, &fixture(name)).unwrap().config);
    }
    config
}

fn whole_config() -> Config {
    config_of(&["options.json", "users.json", "channels.json"])
}

/// What is said of a charge: the standing with its reason, and `drift` where the row's own ratios give it.
fn verdict(profile: Profile, texts: &Texts, config: &Config, basis: Basis) -> (String, Option<Rated>) {
    let reading = Reading { time: &|text| text.parse().ok(), currency: None };
    let entry = LogEntry::parse(texts, &reading).unwrap();
    let context = Context { config, basis, quota_per_unit: Ratio::new(5, 5), veloera: false, other_mode: false };
    let rated = match rate_as(profile, &entry, &Details::default(), &context, &mut Default::default()).unwrap() {
        Rating::Skipped(skip) | Rating::Noted(skip, ..) => return (skip.word().to_owned(), None),
        Rating::Charge(rated) => *rated,
    };
    let told = |reason: Option<Reason>| reason.map(|reason| format!(" {}", reason.word())).unwrap_or_default();
    let standing = |terms: &Terms| judge(terms, &rated.charged, 0).standing;
    let text = match rated.terms.as_ref().map(standing) {
        Err(reason) => format!("unrated {}", reason.word()),
        Ok(Standing::Matched { presumed }) => format!("matched{}", told(presumed)),
        Ok(Standing::Unrated { reason, .. }) => format!("unrated{}", told(Some(reason))),
        Ok(Standing::Mismatch) => match rated.own.as_ref().map(standing) {
            None | Some(Standing::Mismatch) => "mismatch".to_owned(),
            Some(_) => "drift".to_owned(),
        },
    };
    (text, Some(rated))
}

fn row(fields: &[(Field, &str)]) -> Texts {
    let mut texts = Texts::default();
    texts.columns = fields.iter().map(|(field, _)| *field).collect();
    fields.iter().for_each(|(field, text)| texts.set(*field, text));
    texts
}

const COLUMNS: [(&str, Field); 11] = [
    ("id", Field::Id),
    ("user_id", Field::UserId),
    ("created_at", Field::Time),
    ("type", Field::Type),
    ("content", Field::Content),
    ("username", Field::User),
    ("model_name", Field::Model),
    ("quota", Field::Quota),
    ("prompt_tokens", Field::PromptTokens),
    ("completion_tokens", Field::CompletionTokens),
    ("channel_id", Field::Channel),
];

/// The rows of the log; their charges changed by so many points.
fn rows(by: i64) -> Vec<Texts> {
    let bytes = fixture("rules.csv");
    let mut reader = ::csv::Reader::from_reader(bytes.as_slice());
    let header = reader.headers().unwrap().clone();
    let text = |record: &::csv::StringRecord, name: &str| {
        let text = record.get(header.iter().position(|column| column == name).unwrap()).unwrap().to_owned();
        if name == "quota" { (text.parse::<i64>().unwrap() + by).to_string() } else { text }
    };
    let fields = |record: &::csv::StringRecord| COLUMNS.map(|(name, field)| (field, text(record, name)));
    let records: Vec<::csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    records.iter().map(|record| row(&fields(record).each_ref().map(|(field, text)| (*field, text.as_str())))).collect()
}

/// How often each verdict is said.
fn tally(rows: &[Texts], config: &Config, basis: Basis) -> Vec<(String, usize)> {
    let mut words: Vec<String> = rows.iter().map(|row| verdict(Profile::OneApi, row, config, basis).0).collect();
    words.sort();
    words.chunk_by(|a, b| a == b).map(|words| (words[0].clone(), words.len())).collect()
}

#[track_caller]
fn check_tally(rows: &[Texts], config: &Config, basis: Basis, expected: &[(&str, usize)]) {
    let found = tally(rows, config, basis);
    let found: Vec<(&str, usize)> = found.iter().map(|(word, count)| (word.as_str(), *count)).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_real_log_follows_from_its_config() {
    check_tally(
        &rows(0),
        &whole_config(),
        Basis::Config,
        &[
            ("drift", 5),
            ("management", 7),
            ("matched", 165),
            ("matched count-not-logged", 22),
            ("test", 2),
            ("top-up", 4),
            ("unrated count-not-logged", 38),
        ],
    );
}

#[test]
fn a_real_log_follows_from_what_it_prints() {
    check_tally(
        &rows(0),
        &Config::default(),
        Basis::Logged,
        &[
            ("management", 7),
            ("matched count-not-logged", 20),
            ("matched ratios-rounded", 100),
            ("test", 2),
            ("top-up", 4),
            ("unrated count-not-logged", 40),
            ("unrated ratios-rounded", 70),
        ],
    );
}

#[test]
fn without_users_and_channels_the_print_chooses() {
    check_tally(
        &rows(0),
        &config_of(&["options.json"]),
        Basis::Config,
        &[
            ("drift", 5),
            ("management", 7),
            ("matched", 112),
            ("matched count-not-logged", 22),
            ("matched price-ambiguous", 35),
            ("test", 2),
            ("top-up", 4),
            ("unrated count-not-logged", 38),
            ("unrated price-ambiguous", 18),
        ],
    );
}

/// Every charge that is known is known to the point.
#[test]
fn a_charge_that_is_a_point_off_is_seen() {
    let config = whole_config();
    for by in [-1, 1] {
        for (right, wrong) in rows(0).iter().zip(rows(by)) {
            let before = verdict(Profile::OneApi, right, &config, Basis::Config).0;
            let after = verdict(Profile::OneApi, &wrong, &config, Basis::Config).0;
            let is_charge = before.starts_with("matched") || before.starts_with("unrated");
            assert!(!is_charge || after == "mismatch", "{}: {before}, then {after}", right.get(Field::Id));
        }
    }
}

/// A row of text, with its charge, and the user and channel that the config may know.
fn text_row(content: &str, model: &str, tokens: [&str; 2], charged: &str, user: &str, channel: &str) -> Texts {
    row(&[
        (Field::Type, "2"),
        (Field::Content, content),
        (Field::Model, model),
        (Field::PromptTokens, tokens[0]),
        (Field::CompletionTokens, tokens[1]),
        (Field::Quota, charged),
        (Field::User, user),
        (Field::Channel, channel),
    ])
}

#[track_caller]
fn check(texts: &Texts, config: &Config, basis: Basis, expected: &str) -> Option<Rated> {
    let (found, rated) = verdict(Profile::OneApi, texts, config, basis);
    assert_eq!(found, expected);
    rated
}

const OPTIONS: &str = r#"{"ModelRatio":"{\"a\":0.0715,\"a(3)\":0.143,\"b(3)\":0.0701,\"b\":0.0702,\"c\":0.1}",
    "CompletionRatio":"{\"a\":4,\"b\":2,\"c\":1}","GroupRatio":"{\"default\":1,\"vip\":0.95,\"vip2\":0.953,\"more\":1.1}"}"#;

fn options() -> Config {
    read("options.json", OPTIONS.as_bytes()).unwrap().config
}

fn with(config: Config, text: &str) -> Config {
    let mut config = config;
    config.overlay(read("more.json", text.as_bytes()).unwrap().config);
    config
}

const CHANNELS: &str = r#"[{"id":1,"type":1,"models":"","base_url":"","group":"default"},
    {"id":2,"type":3,"models":"","base_url":"","group":"default"}]"#;
const USERS: &str = r#"[{"id":7,"username":"ann","role":1,"group":"vip2"}]"#;

#[test]
fn a_key_with_the_type_of_the_channel_wins() {
    let config = with(options(), CHANNELS);
    // ceil((100 + 10·4)·0.0715) = 11, and at 0.143 = 21.
    check(&text_row("倍率：0.07 × 1.00 × 4.00", "a", ["100", "10"], "11", "x", "1"), &config, Basis::Config, "matched");
    check(&text_row("倍率：0.14 × 1.00 × 4.00", "a", ["100", "10"], "21", "x", "2"), &config, Basis::Config, "matched");
    check(&text_row("倍率：0.14 × 1.00 × 4.00", "a", ["100", "10"], "11", "x", "2"), &config, Basis::Config, "mismatch");
    // Channels are not known: the print tells 0.143 from 0.0715, but not 0.0701 from 0.0702.
    let config = options();
    check(&text_row("倍率：0.14 × 1.00 × 4.00", "a", ["100", "10"], "21", "x", "2"), &config, Basis::Config, "matched");
    check(
        &text_row("倍率：0.07 × 1.00 × 2.00", "b", ["10000", "0"], "702", "x", "2"),
        &config,
        Basis::Config,
        "matched price-ambiguous",
    );
    check(
        &text_row("倍率：0.07 × 1.00 × 2.00", "b", ["10000", "0"], "701", "x", "2"),
        &config,
        Basis::Config,
        "unrated price-ambiguous",
    );
    check(&text_row("倍率：0.07 × 1.00 × 2.00", "b", ["10000", "0"], "703", "x", "2"), &config, Basis::Config, "mismatch");
}

#[test]
fn the_users_group_counts_unless_the_row_prints_another() {
    let config = with(options(), USERS);
    let row = |group: &str, charged: &str, user: &str| {
        text_row(&format!("倍率：0.10 × {group} × 1.00"), "c", ["10000", "0"], charged, user, "1")
    };
    check(&row("0.95", "953", "ann"), &config, Basis::Config, "matched");
    check(&row("0.95", "950", "ann"), &config, Basis::Config, "mismatch");
    check(&row("1.00", "1000", "ann"), &config, Basis::Config, "matched");
    check(&row("0.95", "950", "who"), &config, Basis::Config, "matched price-ambiguous");
    check(&row("0.95", "953", "who"), &config, Basis::Config, "unrated price-ambiguous");
    check(&row("0.95", "951", "who"), &config, Basis::Config, "mismatch");
    // No group has this ratio: the row contradicts the config.
    check(&row("0.80", "800", "ann"), &config, Basis::Config, "drift");
}

#[test]
fn printed_numbers_that_contradict_the_config_are_drift() {
    let config = with(options(), USERS);
    // At 0.2 and the exact group of the user, 0.953.
    let rated =
        check(&text_row("倍率：0.20 × 0.95 × 1.00", "c", ["10000", "0"], "1906", "ann", "1"), &config, Basis::Config, "drift");
    let own = rated.and_then(|rated| rated.own).unwrap();
    assert_eq!((own.model_ratio.to_string(), own.group_ratio.to_string()), ("0.2".to_owned(), "0.953".to_owned()));
    // What the config prints is no drift, although it has more digits.
    let rated = check(&text_row("倍率：0.07 × 0.95 × 4.00", "a", ["1", "0"], "9", "ann", "1"), &config, Basis::Config, "mismatch");
    assert_eq!(rated.unwrap().own, None);
}

#[test]
fn a_model_without_a_price_costs_30() {
    let rated = check(
        &text_row("倍率：30.00 × 1.00 × 1.00", "unheard-of", ["2", "3"], "150", "x", "1"),
        &options(),
        Basis::Config,
        "matched",
    );
    assert_eq!(rated.unwrap().departures[0].quirk, Quirk::FallbackRatio);
    // It had a price when the row was written.
    let row = text_row("倍率：2.00 × 1.00 × 1.00", "unheard-of", ["2", "3"], "10", "x", "1");
    check(&row, &options(), Basis::Config, "unrated unknown-model");
}

#[test]
fn a_float_that_is_a_point_off_is_a_tie() {
    let rated =
        check(&text_row("倍率：0.10 × 1.10 × 1.00", "c", ["100", "0"], "12", "x", "1"), &options(), Basis::Config, "matched")
            .unwrap();
    let rules = rated.departures[0].rules.as_ref().unwrap();
    assert_eq!((rated.departures[0].quirk, price(rules).points), (Quirk::FloatTie, Points(11)));
    // An amount beyond 64 bits is none.
    let row = text_row("倍率：0.10 × 1.10 × 1.00", "c", ["900", "9000000000000000000"], "1", "x", "1");
    let config = with(options(), r#"{"ModelRatio":{"c":30},"GroupRatio":{"more":1.1}}"#);
    let rated = verdict(Profile::OneApi, &row, &config, Basis::Config).1.unwrap();
    assert_eq!(price(rated.departures[0].rules.as_ref().unwrap()).points, Points(1));
}

#[test]
fn two_decimals_bound_a_charge_after_minimum_and_overflow() {
    let nothing = Config::default();
    let row = |content: &str, tokens: [&str; 2], charged: &str| text_row(content, "m", tokens, charged, "x", "1");
    let ends = |rated: Option<Rated>| bounds(rated.unwrap().terms.as_ref().unwrap()).unwrap();
    check(&row("倍率：0.07 × 1.00 × 4.00", ["1251", "102"], "117"), &nothing, Basis::Logged, "matched ratios-rounded");
    let rated = check(&row("倍率：0.07 × 1.00 × 4.00", ["1251", "102"], "125"), &nothing, Basis::Logged, "unrated ratios-rounded");
    assert_eq!(ends(rated), (Points(108), Points(126)));
    check(&row("倍率：0.07 × 1.00 × 4.00", ["1251", "102"], "127"), &nothing, Basis::Logged, "mismatch");
    // A ratio below half a hundredth prints as nothing.
    check(&row("倍率：0.00 × 1.00 × 3.00", ["100", "0"], "1"), &nothing, Basis::Logged, "unrated ratios-rounded");
    check(&row("倍率：0.00 × 1.00 × 3.00", ["100", "0"], "2"), &nothing, Basis::Logged, "mismatch");
    // Beyond 64 bits the charge becomes the minimum, below 0 too; without tokens it is nothing.
    check(&row("倍率：37.50 × 0.95 × 2.00", ["4000000000000000000", "9"], "1"), &nothing, Basis::Logged, "matched ratios-rounded");
    check(&row("倍率：-0.25 × 0.95 × 2.00", ["52137", "391"], "1"), &nothing, Basis::Logged, "matched ratios-rounded");
    check(&row("倍率：1.15 × 1.00 × 3.00", ["40", "-40"], "0"), &nothing, Basis::Logged, "matched");
    check(&row("倍率：1.15 × 1.00 × 3.00", ["40", "-40"], "1"), &nothing, Basis::Logged, "mismatch");
}

#[test]
fn images_cost_one_of_a_few_amounts() {
    let config = options();
    let row = |content: &str, model: &str, charged: &str| text_row(content, model, ["0", "0"], charged, "x", "1");
    for (charged, expected) in [
        ("10000", "matched count-not-logged"),
        ("90000", "unrated count-not-logged"),
        ("11250", "unrated count-not-logged"),
        ("125000", "unrated count-not-logged"),
        ("137500", "mismatch"),
        ("0", "mismatch"),
        ("-10000", "mismatch"),
    ] {
        check(&row("倍率：10.00 × 1.00", "dall-e-2", charged), &config, Basis::Config, expected);
    }
    // Any number of an unknown model; one alone of cogview-3.
    check(&row("倍率：30.00 × 1.00", "img", "-90000"), &config, Basis::Config, "unrated count-not-logged");
    check(&row("倍率：7.10 × 1.00", "cogview-3", "7100"), &config, Basis::Config, "matched");
    check(&row("倍率：7.10 × 1.00", "cogview-3", "14200"), &config, Basis::Config, "mismatch");
    // Asked for as `ali-stable-diffusion-xl`, where no more than 4 are allowed.
    check(&row("倍率：8.00 × 1.00", "stable-diffusion-xl", "32000"), &config, Basis::Config, "unrated count-not-logged");
    check(&row("倍率：8.00 × 1.00", "stable-diffusion-xl", "40000"), &config, Basis::Config, "mismatch");
    check(&row("倍率：8.00 × 1.00", "stable-diffusion-xl", "40000"), &config, Basis::Logged, "mismatch");
    check(&row("倍率：8.00 × 0.95", "stable-diffusion-xl", "15248"), &config, Basis::Logged, "unrated count-not-logged");
}

#[test]
fn speech_repeats_its_charge_as_tokens() {
    let row = |charged: &str| text_row("倍率：7.50 × 0.00", "tts-1", ["157", "0"], charged, "x", "1");
    check(&row("157"), &options(), Basis::Config, "matched count-not-logged");
    check(&row("158"), &options(), Basis::Config, "mismatch");
}

#[test]
fn rows_of_2023() {
    let nothing = Config::default();
    let early = |content: &str, tokens: [&str; 2], charged: &str| {
        verdict(Profile::OneApi2023, &text_row(content, "gpt-3.5-turbo", tokens, charged, "x", "1"), &nothing, Basis::Logged).0
    };
    // trunc((100 + trunc(7·1.333333))·0.75) = 81; the ratio of output is not printed.
    assert_eq!(early("模型倍率 0.75，分组倍率 1.00", ["100", "7"], "81"), "matched rate-not-logged");
    assert_eq!(early("模型倍率 0.75，分组倍率 1.00", ["100", "7"], "82"), "unrated rate-not-logged");
    // The input alone is at least trunc(100·(0.745·0.995)) = 74.
    assert_eq!(early("模型倍率 0.75，分组倍率 1.00", ["100", "7"], "74"), "unrated rate-not-logged");
    assert_eq!(early("模型倍率 0.75，分组倍率 1.00", ["100", "7"], "73"), "mismatch");
    // Without output nothing is open but two decimals, or the row is one of speech.
    assert_eq!(early("模型倍率 0.75，分组倍率 1.00", ["100", "0"], "75"), "matched ratios-rounded");
    assert_eq!(early("模型倍率 0.75，分组倍率 1.00", ["100", "0"], "100"), "unrated ratios-rounded");
    assert_eq!(early("模型倍率 0.75，分组倍率 1.00", ["100", "0"], "90"), "mismatch");
    // A sentence tells the charge, and no tokens.
    let told = row(&[(Field::Type, "2"), (Field::Content, "使用模型 gpt-4 消耗 51 点额度（模型倍率 15.00，分组倍率 1.00）")]);
    let (found, rated) = verdict(Profile::OneApi2023, &told, &nothing, Basis::Logged);
    assert_eq!((found.as_str(), rated.unwrap().charged), ("unrated tokens-missing", Charged::Points(Points(51))));
}

#[test]
fn columns_and_price_lists_have_every_digit() {
    let plain = row(&[
        (Field::Model, "m"),
        (Field::PromptTokens, "1000"),
        (Field::CompletionTokens, "10"),
        (Field::Quota, "76"),
        (Field::ModelRatio, "0.0715"),
        (Field::CompletionRatio, "6"),
        (Field::GroupRatio, "1"),
    ]);
    check(&plain, &Config::default(), Basis::Logged, "matched");
    let prices = read("q.toml", b"[model.m]\ninput = 0.143\noutput = 0.858\n").unwrap().config;
    check(&plain, &prices, Basis::Config, "matched");
    let bare = text_row("", "gpt-4o", ["1000", "10"], "2600", "x", "1");
    check(&bare, &Config::default(), Basis::Logged, "unrated no-ratios");
    check(&bare, &with(options(), USERS), Basis::Config, "matched price-ambiguous");
}

#[test]
fn a_row_without_a_charge_is_malformed() {
    let texts = row(&[(Field::Type, "2"), (Field::Content, "倍率：1.00 × 1.00 × 1.00"), (Field::PromptTokens, "5")]);
    let reading = Reading { time: &|text| text.parse().ok(), currency: None };
    let entry = LogEntry::parse(&texts, &reading).unwrap();
    let config = Config::default();
    let context =
        Context { config: &config, basis: Basis::Logged, quota_per_unit: Ratio::new(5, 5), veloera: false, other_mode: false };
    assert!(rate(&entry, &Details::default(), &context, Period::Since2023).is_err());
}
