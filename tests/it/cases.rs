//! Command lines with what they print: one folder of `fixtures/cases` each.

use crate::run::fixture;

/// `TRYCMD=overwrite` writes what the program prints into the folders.
#[test]
fn every_case_prints_what_its_folder_says() {
    let folders: Vec<_> = std::fs::read_dir(fixture("cases")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(folders.len() >= 50, "{}", folders.len());
    for folder in folders {
        for file in ["cmd.toml", "cmd.stdout", "cmd.stderr"] {
            assert!(folder.join(file).exists(), "{} has no {file}", folder.display());
        }
    }
    trycmd::TestCases::new().case("fixtures/cases/*/cmd.toml").env("COLUMNS", "120").run();
}
