//! Whether rows are counted at all. That they are counted rightly is seen beside the general way (`tests/it/alike.rs`).

use std::fmt::Write;
use std::io::Cursor;

use super::{Alike, Wanted};
use crate::audit::{Auditor, Class, Filter, Past, Repeats, Summary};
use crate::config::Timeline;
use crate::exact::Ratio;
use crate::log::{LogEntry, Place, Reading, Row};
use crate::profile::{Basis, Context};
use crate::read::input::{OpenOptions, open_stream};
use crate::read::{Next, config};

const PRICES: &str = "[model_ratio]\nm = 0.125\n[completion_ratio]\nm = 2\n[cache_ratio]\nm = 0.25\n[group_ratio]\ndefault = 1\n";

const ROWS: u64 = 2_000;

/// How many rows of a log are counted; all of them are right.
fn counted(log: &str) -> u64 {
    let timeline = Timeline::new(config::read("prices.toml", PRICES.as_bytes()).unwrap().config);
    let mut input = open_stream("logs.csv", Cursor::new(log.to_owned()), &OpenOptions::default()).unwrap();
    let auditor = Auditor { profile: None, tolerance: 0, filter: Filter::default() };
    let (mut past, mut summary) = (Past::new(Repeats::among(1)), Summary::new(10, &[]));
    let (mut alike, mut row, mut counted) = (Alike::new(0, 1, Wanted::default()), Row::default(), 0);
    row.clear(Place { input: 0, line: 0 });
    let reading = Reading { time: &|text| text.parse().ok(), currency: None };
    loop {
        counted += alike.pass(&mut *input.rows, &timeline, &mut past, &mut summary);
        if !matches!(input.rows.next(&mut row), Next::Row) {
            return counted;
        }
        let entry = LogEntry::parse(&row, &reading).unwrap();
        let context = Context {
            config: timeline.at(entry.time),
            basis: Basis::Config,
            quota_per_unit: Ratio::from(500_000),
            veloera: false,
            other_mode: false,
        };
        let mut taught = auditor.judge_and_learn(&entry, &context, &mut past, alike.asked());
        alike.learn(&entry, &mut taught, true);
        assert_eq!(taught.verdict().class, Class::Matched, "{entry:?}");
    }
}

/// A log of rows with some prompt, output and cached tokens: how each goes on behind its model.
fn log(header: &str, row: impl Fn([u64; 3]) -> String) -> String {
    let mut log = format!("created_at,type,content,username,model_name,{header}\n");
    for id in 0..ROWS {
        let (prompt, output) = (1 + id * 7_919 % 4_999, 1 + id * 104_729 % 907);
        writeln!(log, "{},2,{}", 1_795_000_000 + id, row([prompt, output, id * 31 % (prompt + 1)])).unwrap();
    }
    log
}

#[test]
fn nearly_all_right_rows_are_counted() {
    let of_new_api = |keys: &str, charge: fn([u64; 3]) -> u64| {
        log("quota,prompt_tokens,completion_tokens,use_time,is_stream,group,other", |counts| {
            let [prompt, output, cached] = counts;
            let keys = keys.replace('#', &cached.to_string());
            let other = format!(
                "{{{keys}\"completion_ratio\":2,\"frt\":{output},\"group_ratio\":1,\"model_price\":-1,\"model_ratio\":0.125}}"
            );
            let content = "模型倍率 0.12，补全倍率 2.00，分组倍率 1.00";
            format!("{content},ann,m,{},{prompt},{output},1,0,default,\"{}\"", charge(counts), other.replace('"', "\"\""))
        })
    };
    let one_api = log("quota,prompt_tokens,completion_tokens,request_id,elapsed_time,is_stream,system_prompt_reset", |counts| {
        let [prompt, output, _] = counts;
        format!("倍率：0.12 × 1.00 × 2.00,ann,m,{},{prompt},{output},q{prompt},{output},0,0", (prompt + 2 * output).div_ceil(8))
    });
    let of_2024 = of_new_api("", |[prompt, output, _]| ((prompt + 2 * output + 4) / 8).max(1));
    let with_cache = "\"cache_ratio\":0.25,\"cache_tokens\":#,";
    let of_2025 = of_new_api(with_cache, |[prompt, output, cached]| (4 * (prompt + 2 * output) - 3 * cached + 16) / 32);
    for (log, least) in [(one_api, 95), (of_2024, 50), (of_2025, 95)] {
        let counted = counted(&log);
        assert!(counted * 100 >= ROWS * least, "{counted} of {ROWS}: {}", log.lines().nth(1).unwrap());
    }
}
