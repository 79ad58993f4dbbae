//! Command lines with what they print: one folder of `fixtures/cases` each.

/// `TRYCMD=overwrite` writes what the program prints into the folders.
#[test]
fn every_case_prints_what_its_folder_says() {
    let folders = std::fs::read_dir(crate::run::fixture("cases")).unwrap().count();
    let with_command = std::fs::read_dir(crate::run::fixture("cases")).unwrap();
    let missing: Vec<_> = with_command.map(|entry| entry.unwrap().path()).filter(|path| !path.join("cmd.toml").exists()).collect();
    assert!(folders >= 30 && missing.is_empty(), "{folders} folders, without a command: {missing:?}");
    trycmd::TestCases::new().case("fixtures/cases/*/cmd.toml").env("COLUMNS", "120").run();
}
