//! The documents say what is so: their commands print what they show, their tables are complete.

use std::path::Path;

use quota::read::vocabulary::NAMES;

use crate::run::fixture;

fn document(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// Every `console` block of the README and of docs/ runs, in the root of the repository.
#[test]
fn the_documents_show_what_the_program_prints() {
    trycmd::TestCases::new().case("README.md").case("docs/*.md").run();
}

#[test]
fn every_name_of_a_column_stands_in_the_table_of_names() {
    let formats = document("docs/formats.md");
    for (field, names) in NAMES {
        let row = formats.lines().rfind(|line| line.starts_with(&format!("| `{field}` |")));
        let row = row.unwrap_or_else(|| panic!("no row for `{field}`"));
        for name in *names {
            assert!(row.contains(&format!("`{name}`")), "`{field}` is also `{name}`");
        }
    }
}

#[test]
fn every_dependency_has_its_reason() {
    let (manifest, reasons) = (document("Cargo.toml"), document("docs/dependencies.md"));
    let listed = manifest.split("[dependencies]\n").nth(1).and_then(|rest| rest.split("\n#").next()).unwrap();
    let names: Vec<&str> = listed.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name).collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        assert!(reasons.contains(&format!("`{name}`")), "`{name}` has no reason in docs/dependencies.md");
    }
}

/// The configs that the documents show are those of the fixtures.
#[test]
fn the_shown_configs_are_real() {
    let (shown, bytes) = (document("docs/config.md"), std::fs::read(fixture("configs/moleapi.toml")).unwrap());
    let block = shown.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let read = |bytes: &[u8]| {
        let mut config = quota::read::config::read("x", bytes).unwrap().config;
        config.sources.clear();
        config.forget_origins();
        config
    };
    assert_eq!(read(block.as_bytes()), read(&bytes));
    let whole = String::from_utf8(std::fs::read(fixture("configs/whole.toml")).unwrap()).unwrap();
    let block = shown.split("```toml\n").nth(2).and_then(|rest| rest.split("```").next()).unwrap();
    let settings = |text: &str| -> Vec<String> {
        let bare = text.lines().map(|line| line.split(" #").next().unwrap_or("").trim().to_owned());
        bare.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
    };
    let all = settings(&whole);
    for line in settings(block) {
        assert!(all.contains(&line), "{line}");
    }
}

/// A page that no index links to is not found by anybody.
#[test]
fn the_page_of_each_gateway_is_linked() {
    for (index, folder) in [("docs/billing.md", "billing"), ("docs/formats.md", "formats")] {
        let text = document(index);
        let pages = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(folder)).unwrap();
        for page in pages.map(|page| page.unwrap().file_name().into_string().unwrap()) {
            assert!(text.contains(&format!("]({folder}/{page})")), "{index} does not link {folder}/{page}");
        }
    }
}
