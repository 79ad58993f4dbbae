//! `--baseline`: a job turns red by exactly what is new, and green again when that is accepted.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::run::{Done, quota};

const HEADER: &str = "time,request_id,model,group,prompt_tokens,completion_tokens,quota,model_ratio,completion_ratio,group_ratio\n";

/// What a row of 1000 tokens at 1.25 in a group of 0.8 is charged: 1000 points are right.
#[derive(Clone, Copy)]
enum Charge {
    Right,
    /// The group ratio is left out: 1250.
    WithoutGroup,
    /// A number that nothing explains.
    Odd(i64),
}

struct Job {
    folder: TempDir,
    rows: Vec<String>,
}

impl Job {
    fn new(charges: &[(&str, Charge)]) -> Job {
        let mut job = Job { folder: tempfile::tempdir().unwrap(), rows: Vec::new() };
        charges.iter().for_each(|(model, charge)| job.add(model, *charge));
        job
    }

    fn add(&mut self, model: &str, charge: Charge) {
        let quota = match charge {
            Charge::Right => 1000,
            Charge::WithoutGroup => 1250,
            Charge::Odd(points) => points,
        };
        let number = self.rows.len();
        self.rows.push(format!("{},req-{number},{model},vip,1000,0,{quota},1.25,4,0.8\n", 1_790_000_000 + number));
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn log(&self) -> PathBuf {
        self.file("logs.csv", &(HEADER.to_owned() + &self.rows.concat()))
    }

    fn audit(&self, flags: &[&str]) -> Done {
        quota(&[&["audit", self.log().to_str().unwrap()], flags].concat())
    }

    /// Accepts what there is: the report that later runs are held against.
    fn accept(&self) -> PathBuf {
        self.accept_with(&[])
    }

    fn accept_with(&self, flags: &[&str]) -> PathBuf {
        let path = self.folder.path().join("baseline.json");
        self.audit(&[&["--format", "json", "-o", path.to_str().unwrap()], flags].concat());
        path
    }

    fn against(&self, baseline: &Path, flags: &[&str]) -> Done {
        self.audit(&[&["--baseline", baseline.to_str().unwrap()], flags].concat())
    }
}

#[track_caller]
fn check(done: &Done, code: u8, told: &[&str]) {
    let lines: Vec<&str> = done.err.lines().collect();
    assert_eq!((done.code, lines), (code, told.to_vec()));
}

#[test]
fn a_job_turns_red_by_what_is_new_and_green_when_it_is_accepted() {
    let mut job =
        Job::new(&[("a", Charge::Right), ("a", Charge::WithoutGroup), ("a", Charge::WithoutGroup), ("b", Charge::Odd(7))]);
    assert_eq!(job.audit(&[]).code, 1);
    let baseline = job.accept();
    check(&job.against(&baseline, &[]), 0, &[]);

    job.add("a", Charge::WithoutGroup);
    check(&job.against(&baseline, &[]), 0, &[]);

    job.add("b", Charge::Odd(9));
    check(&job.against(&baseline, &[]), 1, &["new since the baseline: cause unexplained of `b` in `vip`, 1 row"]);
    check(
        &job.against(&baseline, &["--fail-on", "over"]),
        0,
        &["new since the baseline: cause unexplained of `b` in `vip`, 1 row"],
    );
    check(&job.against(&baseline, &["--max-mismatches", "1", "--quiet"]), 0, &[]);

    job.add("c", Charge::WithoutGroup);
    let told = ["group-ratio-omitted of `c` in `vip`, 1 row", "unexplained of `b` in `vip`, 1 row"];
    check(
        &job.against(&baseline, &[]),
        1,
        &told.map(|what| format!("new since the baseline: cause {what}")).each_ref().map(String::as_str),
    );

    let baseline = job.accept();
    check(&job.against(&baseline, &[]), 0, &[]);
}

#[test]
fn what_is_gone_is_told_and_fails_nothing() {
    let job = Job::new(&[("a", Charge::WithoutGroup), ("a", Charge::WithoutGroup), ("b", Charge::Odd(7))]);
    let baseline = job.accept();
    let mended = Job::new(&[("a", Charge::Right), ("a", Charge::Right), ("b", Charge::Odd(7))]);
    // Rows are known again by their request, whatever else they were charged then.
    let gone = ["gone since the baseline: cause group-ratio-omitted of `a` in `vip`", "gone since the baseline: 2 of its rows"];
    check(&mended.against(&baseline, &[]), 0, &gone);
}

/// The same row is charged wrongly by another amount: that is new.
#[test]
fn a_known_row_with_another_charge_is_new() {
    let baseline = Job::new(&[("b", Charge::Odd(7))]);
    let path = baseline.accept();
    let other = Job::new(&[("b", Charge::Odd(9))]);
    assert_eq!(other.against(&path, &[]).code, 1);
}

/// Of a report that does not list all rows, causes are known with the models and groups that they have; rows that nothing explains are not.
#[test]
fn a_report_that_does_not_list_all_rows_knows_its_causes() {
    let charges = [("a", Charge::WithoutGroup), ("b", Charge::WithoutGroup), ("c", Charge::Odd(3)), ("c", Charge::Odd(999))];
    let job = Job::new(&charges);
    let baseline = job.accept_with(&["--limit", "1"]);
    check(&job.against(&baseline, &[]), 1, &["new since the baseline: cause unexplained of `c` in `vip`, 1 row"]);
}

#[test]
fn drift_policy_quirks_and_reasons_are_known_by_what_they_are() {
    let job = Job::new(&[("a", Charge::Right)]);
    let row = "1790000000,req-1,m,vip,1000,0,1000,1.25,4,0.8\n";
    let write = |name: &str, model_ratio: &str| {
        let text = format!("{{\"ModelRatio\": {{\"m\": {model_ratio}}}, \"GroupRatio\": {{\"vip\": 0.8}}}}");
        job.file(name, &text)
    };
    let log = job.file("drift.csv", &(HEADER.to_owned() + row + row));
    let audit = |config: &Path, more: &[&str]| {
        let arguments = ["audit", log.to_str().unwrap(), "--config", config.to_str().unwrap()];
        quota(&[&arguments, more].concat())
    };
    let (old, new) = (write("old.json", "2"), write("new.json", "3"));
    let baseline = job.folder.path().join("drift.json");
    let baseline = baseline.to_str().unwrap();
    assert_eq!(audit(&old, &["--format", "json", "-o", baseline, "--fail-on", "all"]).code, 1);
    check(&audit(&old, &["--baseline", baseline, "--fail-on", "all"]), 0, &[]);
    let changed = audit(&new, &["--baseline", baseline]);
    assert_eq!(changed.code, 1);
    assert!(
        changed.err.contains("new since the baseline: drift of model_ratio of `m`: 3 in the config, 1.25 in the log"),
        "{}",
        changed.err
    );
    assert!(
        changed.err.contains("gone since the baseline: drift of model_ratio of `m`: 2 in the config, 1.25 in the log"),
        "{}",
        changed.err
    );
}

#[test]
fn what_is_no_report_is_refused() {
    let job = Job::new(&[("a", Charge::Right)]);
    let refused = |text: &str, message: &str| {
        let path = job.file("x.json", text);
        let done = job.against(&path, &[]);
        assert_eq!(done.code, 2);
        assert!(done.err.contains(message), "{}", done.err);
    };
    refused("", "no report");
    refused("{}", "expected schema `quota.audit/1`, found `none`");
    refused("{\"schema\": \"quota.calc/1\"}", "found `quota.calc/1`");
    refused("{\"schema\": \"quota.audit/1\"}", "no report: missing field");
    let missing = job.audit(&["--baseline", "no/such/report.json"]);
    assert_eq!(missing.code, 2);
}

/// Parts are held against a baseline like a whole.
#[test]
fn merged_parts_are_held_against_a_baseline() {
    let mut job = Job::new(&[("a", Charge::WithoutGroup), ("a", Charge::WithoutGroup), ("b", Charge::Odd(7))]);
    let baseline = job.accept();
    let merge = |job: &Job| {
        let part = job.file("part.json", &job.audit(&["--partial"]).out);
        quota(&["merge", part.to_str().unwrap(), "--baseline", baseline.to_str().unwrap()])
    };
    check(&merge(&job), 0, &[]);
    job.add("b", Charge::Odd(9));
    check(&merge(&job), 1, &["new since the baseline: cause unexplained of `b` in `vip`, 1 row"]);
}

/// A request that is charged once more is new, though the same is said of it.
#[test]
fn a_further_duplicate_of_a_known_request_is_new() {
    let row = "1790000000,req-1,m,vip,1000,0,1000,1.25,4,0.8\n";
    let job = Job::new(&[]);
    let again = |times: usize| {
        let rows: String = (0..times).map(|second| row.replace("1790000000", &(1_790_000_000 + second).to_string())).collect();
        job.file("logs.csv", &(HEADER.to_owned() + &rows))
    };
    let audit = |times: usize, flags: &[&str]| quota(&[&["audit", again(times).to_str().unwrap()], flags].concat());
    let baseline = job.folder.path().join("baseline.json");
    let baseline = baseline.to_str().unwrap();
    assert_eq!(audit(2, &["--format", "json", "-o", baseline]).code, 1);
    check(&audit(2, &["--baseline", baseline]), 0, &[]);
    let told = "new since the baseline: duplicate-charge: request `req-1` of nobody named, model `m`: 1000 points again, 2 more";
    check(&audit(4, &["--baseline", baseline]), 1, &[told]);
}
