//! The parts of an audit, each by itself: `cargo bench --bench parts`.
//!
//! The log is that of a real gateway in `fixtures/logs/new-api`, repeated.

#![allow(clippy::unwrap_used, reason = "what is measured is known to work")]
#![allow(missing_docs, reason = "criterion's macros write functions without any")]

use std::hint::black_box;
use std::path::PathBuf;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use quota::alike::{Alike, Wanted};
use quota::audit::{Asked, Auditor, Filter, Past, Repeats, Summary};
use quota::config::Timeline;
use quota::details::Details;
use quota::exact::Ratio;
use quota::log::{Field, LogEntry, Place, Reading, Row};
use quota::pricing::{Class, Compiled, Terms, price};
use quota::profile::{Basis, Context};
use quota::read::input::{OpenOptions, open_stream};
use quota::read::{Next, config};

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/logs/new-api").join(name)).unwrap()
}

/// The log with its rows so many times over, without request ids, which would be charged twice.
fn log(times: usize) -> Vec<u8> {
    let text = String::from_utf8(fixture("logs.csv")).unwrap().replacen(",request_id,", ",unknown,", 1).into_bytes();
    let header = text.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    [&text[..header], &text[header..].repeat(times)].concat()
}

fn timeline() -> Timeline {
    let loaded = config::read("options.json", &fixture("options.json")).unwrap_or_else(|_| unreachable!());
    Timeline::new(loaded.config)
}

/// Goes through a log as an audit does; how many rows were judged one by one.
fn audit(log: Vec<u8>, timeline: &Timeline, alike: Option<Alike>) -> u64 {
    let auditor = Auditor { profile: None, tolerance: 0, filter: Filter::default() };
    let mut rows = open_stream("-", std::io::Cursor::new(log), &OpenOptions::default()).unwrap().rows;
    let (mut alike, mut past) = (alike, Past::new(Repeats::among(1)));
    let mut summary = Summary::new(1_000, &[]);
    let mut row = Row::default();
    row.clear(Place { input: 0, line: 0 });
    let mut judged = 0;
    loop {
        if let Some(alike) = &mut alike {
            alike.pass(&mut *rows, timeline, &mut past, &mut summary);
        }
        match rows.next(&mut row) {
            Next::End => return judged,
            Next::Malformed(_) => continue,
            Next::Row => judged += 1,
        }
        let reading = Reading { time: &|text| text.parse().ok(), currency: None };
        let Ok(entry) = LogEntry::parse(&row, &reading) else { continue };
        let context = Context {
            config: timeline.at(entry.time),
            basis: Basis::Config,
            quota_per_unit: Ratio::from(500_000),
            veloera: false,
            other_mode: false,
        };
        let mut taught = auditor.judge_and_learn(&entry, &context, &mut past, Asked::Nothing);
        if let Some(alike) = &mut alike {
            alike.learn(&entry, &mut taught, true);
        }
    }
}

fn prices(criterion: &mut Criterion) {
    let mut terms = Terms::tokens(Ratio::new(125, -2), Ratio::new(6_666_667, -8));
    for (class, tokens, rate) in [(Class::Input, 4_520, 1), (Class::Cached, 2_107, 25), (Class::Output, 3_045, 457)] {
        terms.add(class, tokens, Ratio::new(rate, if rate == 1 { 0 } else { -2 }));
    }
    let points = price(&terms).points.0;
    let compiled = Compiled::of(&terms).unwrap().only(&Class::ALL);
    let tokens = Class::ALL.map(|class| terms.usage[class]);
    criterion.bench_function("price/exact", |bench| bench.iter(|| price(black_box(&terms))));
    criterion.bench_function("price/compile", |bench| bench.iter(|| Compiled::of(black_box(&terms))));
    criterion.bench_function("price/compiled", |bench| bench.iter(|| compiled.gives(black_box(&tokens), points)));
}

fn reading(criterion: &mut Criterion) {
    let mut input = open_stream("-", std::io::Cursor::new(log(1)), &OpenOptions::default()).unwrap();
    let mut row = Row::default();
    while row.get(Field::Other).len() < 200 {
        assert_eq!(input.rows.next(&mut row), Next::Row);
    }
    let other = row.get(Field::Other).to_owned();
    criterion.bench_function("read/other", |bench| bench.iter(|| Details::parse("other", black_box(&other)).is_ok()));
    let text = log(20);
    let mut group = criterion.benchmark_group("read");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("csv", |bench| {
        bench.iter_batched(
            || open_stream("-", std::io::Cursor::new(text.clone()), &OpenOptions::default()).unwrap(),
            |mut input| while input.rows.next(&mut row) != Next::End {},
            BatchSize::LargeInput,
        );
    });
}

fn audits(criterion: &mut Criterion) {
    let (text, timeline) = (log(50), timeline());
    let mut group = criterion.benchmark_group("audit");
    group.throughput(Throughput::Bytes(text.len() as u64)).sample_size(10);
    let mut bench = |name: &str, alike: fn() -> Option<Alike>| {
        group.bench_function(name, |bench| {
            bench.iter_batched(|| text.clone(), |text| audit(text, &timeline, alike()), BatchSize::LargeInput);
        });
    };
    bench("one by one", || None);
    bench("alike", || Some(Alike::new(0, 1, Wanted::default())));
}

criterion_group!(parts, prices, reading, audits);
criterion_main!(parts);
