//! Laws that hold for any charge and any log.

use proptest::prelude::*;
use quota::audit::{Auditor, By, Past, Summary, Verdict};
use quota::config::Config;
use quota::exact::{Exact, Ratio};
use quota::log::{LogEntry, Reading, Row};
use quota::pricing::{Class, Formula, Multiplier, Per, QUOTA_PER_UNIT, Surcharge, Terms, lines, price};
use quota::profile::new_api::{Overrides, Request, Rules, calculate};
use quota::profile::{Basis, Context};
use quota::read::Next;
use quota::read::input::{OpenOptions, open_path};
use quota::report::json::Json;
use quota::report::junit::Junit;
use quota::report::sarif::Sarif;
use quota::report::{Format, Report, UsdTotals};
use serde_json::json;

use crate::forms::{FORMS, Log};
use crate::run::{Audit, audit, fixture};

/// A ratio or a price: any that is not negative, often an awkward one.
fn ratio() -> impl Strategy<Value = Ratio> {
    prop_oneof![
        3 => (0..1_000_000i64, -6..2i16).prop_map(|(mantissa, exponent)| Ratio::new(mantissa, exponent)),
        1 => (1..90_000_000_000_000_000i64).prop_map(|mantissa| Ratio::new(mantissa, -16)),
        1 => Just(Ratio::ZERO),
        2 => Just(Ratio::ONE),
    ]
}

fn surcharge() -> impl Strategy<Value = Surcharge> {
    let per = prop_oneof![Just(Per::Call), Just(Per::Thousand), Just(Per::Million)];
    (0..50i64, ratio(), per, any::<bool>()).prop_map(|(count, price, per, multiplied)| Surcharge {
        name: if multiplied { "audio" } else { "tool" }.to_owned(),
        count,
        price,
        per,
        multiplied,
    })
}

/// Terms in exact decimals, by token or by call.
fn terms() -> impl Strategy<Value = Terms> {
    let usage = prop::collection::vec((0..Class::ALL.len(), 0..2_000_000i64, ratio()), 0..5);
    let multipliers = prop::collection::vec(ratio(), 0..3);
    let surcharges = prop::collection::vec(surcharge(), 0..3);
    (usage, ratio(), ratio(), ratio(), multipliers, surcharges, any::<bool>()).prop_map(
        |(usage, model, group, price, multipliers, surcharges, by_call)| {
            let mut terms = Terms::tokens(model, group);
            for (class, tokens, rate) in usage {
                terms.add(Class::ALL[class], tokens, rate);
            }
            terms.price = price;
            terms.formula = if by_call { Formula::DecimalPrice } else { Formula::Decimal };
            terms.multipliers = multipliers.into_iter().map(|value| Multiplier { name: "n".to_owned(), value }).collect();
            terms.surcharges = surcharges;
            terms
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// What `calc` prints line by line is the amount that is charged.
    #[test]
    fn the_lines_of_a_charge_sum_to_its_amount(terms in terms()) {
        let (mut once, mut multiplied) = (Exact::zero(), Exact::zero());
        for line in lines(&terms) {
            if line.component == "tool" { once += line.usd } else { multiplied += line.usd }
        }
        let product = terms.multipliers.iter().fold(multiplied, |amount, multiplier| amount * multiplier.value);
        let points = (product + once) * terms.group_ratio * terms.quota_per_unit;
        prop_assert_eq!(points, price(&terms).amount);
    }

    #[test]
    fn more_tokens_never_cost_less(terms in terms(), class in 0..Class::ALL.len(), more in 1..1_000_000i64) {
        let mut larger = terms.clone();
        larger.usage[Class::ALL[class]] += more;
        prop_assert!(price(&larger).points >= price(&terms).points);
        prop_assert!(price(&larger).amount >= price(&terms).amount);
    }

    /// A charge is the amount rounded once, unless a rule that has a name replaced it.
    #[test]
    fn a_charge_is_its_amount_rounded_or_has_a_rule(terms in terms()) {
        let charge = price(&terms);
        if charge.adjustment.is_none() {
            prop_assert_eq!(Exact::from(charge.points), Exact::from(charge.amount.round_half_away()));
        }
    }
}

/// The models and groups of generated logs, with every kind of awkward number.
const MODELS: [(&str, &str, &str, &str, &str); 5] = [
    ("plain", "1.25", "4", "0.5", "1.25"),
    ("third", "0.33333333333333331", "3.3333333333333335", "0.1", "1.25"),
    ("tiny", "0.0000001", "8", "0.25", "2"),
    ("free", "0", "1", "1", "1"),
    ("vendor/odd", "37.5", "1.15", "0.06666667", "1.3"),
];
const GROUPS: [(&str, &str); 4] = [("default", "1"), ("vip", "0.85"), ("many", "0.06666667"), ("free", "0")];

fn config() -> String {
    let map = |of: fn(&(&str, &str, &str, &str, &str)) -> String| -> String {
        let pairs: Vec<String> = MODELS.iter().map(|model| format!("\"{}\": {}", model.0, of(model))).collect();
        format!("{{{}}}", pairs.join(", "))
    };
    let groups: Vec<String> = GROUPS.iter().map(|(name, ratio)| format!("\"{name}\": {ratio}")).collect();
    format!(
        "{{\"ModelRatio\": {}, \"CompletionRatio\": {}, \"CacheRatio\": {}, \"CreateCacheRatio\": {}, \"ModelPrice\": {{}}, \"GroupRatio\": {{{}}}}}",
        map(|m| m.1.to_owned()),
        map(|m| m.2.to_owned()),
        map(|m| m.3.to_owned()),
        map(|m| m.4.to_owned()),
        groups.join(", ")
    )
}

/// What one generated request used: model, group, plain input, cached, written, output.
type Asked = (usize, usize, i64, i64, i64, i64);

fn asked() -> impl Strategy<Value = Asked> {
    let tokens = || prop_oneof![Just(0i64), 1..40i64, 1..2_000_000i64];
    (0..MODELS.len(), 0..GROUPS.len(), tokens(), tokens(), tokens(), tokens())
}

/// Our own charge for it.
fn charge(asked: &Asked, config: &Config) -> i64 {
    let (model, group, input, cached, written, output) = *asked;
    let request = Request {
        model: MODELS[model].0.to_owned(),
        group: GROUPS[group].0.to_owned(),
        prompt: input + cached + written,
        cached,
        writes_5m: written,
        completion: output,
        ..Request::default()
    };
    let terms = calculate(&request, &Overrides::default(), config, QUOTA_PER_UNIT, &Rules::OF_2026).unwrap();
    price(&terms).points.0
}

const HEADER: [&str; 14] = [
    "id",
    "created_at",
    "type",
    "content",
    "username",
    "token_name",
    "model_name",
    "quota",
    "prompt_tokens",
    "completion_tokens",
    "group",
    "request_id",
    "ip",
    "other",
];

/// The row that a gateway would write for it.
fn record(index: usize, asked: &Asked, name: &str, charge: i64) -> Vec<String> {
    let (model, group, input, cached, written, output) = *asked;
    let (model, group) = (MODELS[model], GROUPS[group]);
    let other = format!(
        "{{\"cache_creation_ratio\":{},\"cache_creation_tokens\":{written},\"cache_ratio\":{},\"cache_tokens\":{cached},\
         \"completion_ratio\":{},\"group_ratio\":{},\"model_price\":-1,\"model_ratio\":{},\"note\":{},\"user_group_ratio\":-1}}",
        model.4,
        model.3,
        model.2,
        group.1,
        model.1,
        json!(name)
    );
    [
        index.to_string(),
        (1_795_000_000 + index).to_string(),
        "2".to_owned(),
        String::new(),
        name.to_owned(),
        name.to_owned(),
        model.0.to_owned(),
        charge.to_string(),
        (input + cached + written).to_string(),
        output.to_string(),
        group.0.to_owned(),
        format!("req-{index}"),
        String::new(),
        other,
    ]
    .into()
}

/// Rows without what differs between the forms of a log.
fn bare(audit: &Audit) -> Vec<String> {
    let bare = |row: &serde_json::Value| {
        let mut row = row.clone();
        row.as_object_mut().unwrap().retain(|key, _| key != "input" && key != "line");
        row.to_string()
    };
    audit.rows.iter().map(bare).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// A log that is written from our own charges audits clean, in every form alike; and one wrong charge in it is found.
    #[test]
    fn a_log_of_our_own_charges_is_right_until_one_is_changed(
        requests in prop::collection::vec((asked(), "[a-z ,;\"'\n=中é|7-]{0,12}"), 1..40),
        wrong in any::<prop::sample::Index>(),
        by in prop_oneof![-5_000..0i64, 1..5_000i64],
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::fs::write(&path, config()).unwrap();
        let loaded = quota::read::config::read("config.json", config().as_bytes()).unwrap();
        let records = requests.iter().enumerate();
        let records: Vec<_> = records.map(|(n, (asked, name))| record(n + 1, asked, name, charge(asked, &loaded.config))).collect();
        let mut log = Log { header: HEADER.map(str::to_owned).to_vec(), records };
        let flags = |basis: &'static str| ["--config", path.to_str().unwrap(), "--basis", basis];

        let first = audit(&log.write(folder.path(), "csv"), &flags("config"));
        prop_assert_eq!((first.code, first.total("matched")), (0, log.records.len() as i64), "{:?}", first.rows);
        prop_assert_eq!(first.end["presumed"].clone(), json!({}));
        for form in FORMS {
            let found = audit(&log.write(folder.path(), form), &flags("config"));
            prop_assert_eq!(bare(&found), bare(&first), "{}", form);
            prop_assert_eq!(&found.end, &first.end, "{}", form);
        }

        let wrong = wrong.index(log.records.len());
        let quota = log.column("quota");
        let right: i64 = log.records[wrong][quota].parse().unwrap();
        log.records[wrong][quota] = (right + by).to_string();
        for basis in ["config", "logged"] {
            let found = audit(&log.write(folder.path(), "csv"), &flags(basis));
            let class = if by > 0 { "overcharged" } else { "undercharged" };
            prop_assert_eq!((found.code, found.total(class), found.total("net_points")), (1, 1, by));
            prop_assert_eq!(found.rows[wrong]["verdict"].as_str(), Some(class));
        }
    }
}

/// The rows of the fixture, some with a wrong charge and some that cannot be read, each with its verdict.
struct Judged {
    rows: Vec<(Row, Verdict)>,
}

fn reading() -> Reading<'static> {
    Reading { time: &|text| text.parse().ok(), currency: None }
}

fn judged() -> Judged {
    let mut log = Log::read(&fixture("logs/new-api/logs.csv"));
    let (quota, prompt) = (log.column("quota"), log.column("prompt_tokens"));
    for (index, record) in log.records.iter_mut().enumerate() {
        match index % 5 {
            1 => record[quota] = format!("{}{}", index % 9, record[quota]),
            3 if index % 2 == 0 => record[prompt] = "12.5".to_owned(),
            _ => {}
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let options = std::fs::read(fixture("logs/new-api/options.json")).unwrap();
    let config = quota::read::config::read("options.json", &options).unwrap().config;
    let context =
        Context { config: &config, basis: Basis::Config, quota_per_unit: QUOTA_PER_UNIT, veloera: false, other_mode: false };
    let mut input = open_path(&log.write(folder.path(), "csv"), &OpenOptions::default()).unwrap();
    let (auditor, mut past) = (Auditor::default(), Past::default());
    let mut rows = Vec::new();
    loop {
        let mut row = Row::default();
        match input.rows.next(&mut row) {
            Next::End => return Judged { rows },
            Next::Malformed(error) => rows.push((row, Verdict::malformed(error))),
            Next::Row => {
                let verdict = match LogEntry::parse(&row, &reading()) {
                    Ok(entry) => auditor.judge(&entry, &context, &mut past),
                    Err(error) => Verdict::malformed(error),
                };
                rows.push((row, verdict));
            }
        }
    }
}

impl Judged {
    /// The summary of some of the rows.
    fn summary(&self, admits: impl Fn(usize) -> bool) -> Summary {
        let mut summary = Summary::new(7, &By::ALL).with_cases();
        for (_, (row, verdict)) in self.rows.iter().enumerate().filter(|(index, _)| admits(*index)) {
            let entry = LogEntry::parse(row, &reading()).ok();
            summary.add(row.place, entry.as_ref(), verdict, &|time| (time / 86_400).to_string());
        }
        summary
    }
}

/// All that a summary says.
fn told(summary: Summary) -> String {
    let mut text = format!("{:?} {:?}\n", summary.malformed, summary.skips);
    let report = Report {
        inputs: Vec::new(),
        sources: Vec::new(),
        basis: Basis::Config,
        profile: "auto",
        quota_per_unit: QUOTA_PER_UNIT,
        summary,
        usd: UsdTotals::default(),
        by: By::ALL.to_vec(),
    };
    let formats: [&mut dyn Format; 3] = [&mut Json, &mut Junit, &mut Sarif];
    for format in formats {
        let mut bytes = Vec::new();
        report.write(format, &mut bytes).unwrap();
        text.push_str(&String::from_utf8(bytes).unwrap());
    }
    text
}

fn merged(mut first: Summary, second: Summary) -> Summary {
    first.merge(second);
    first
}

#[test]
fn summaries_merge_in_any_order_and_grouping() {
    let judged = judged();
    let whole = told(judged.summary(|_| true));
    for class in ["\"overcharged\"", "\"cause\": \"ratio-drift\"", "\"quirk\"", "prompt_tokens"] {
        assert!(whole.contains(class), "{class} is not in\n{whole}");
    }
    let empty = || Summary::new(7, &By::ALL).with_cases();
    proptest!(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() },
        |(parts in prop::collection::vec(0..3u8, judged.rows.len()))| {
            let part = |number: u8| judged.summary(|index| parts[index] == number);
            let (a, b, c) = (|| part(0), || part(1), || part(2));
            prop_assert_eq!(&told(merged(merged(a(), b()), c())), &whole);
            prop_assert_eq!(&told(merged(a(), merged(b(), c()))), &whole);
            prop_assert_eq!(&told(merged(merged(c(), b()), a())), &whole);
            prop_assert_eq!(told(merged(empty(), a())), told(a()));
            prop_assert_eq!(told(merged(a(), empty())), told(a()));
        }
    );
}
