//! The commands that the documents show print what the documents say.

/// Every `console` block of the README and of docs/ runs, in the root of the repository.
#[test]
fn the_documents_show_what_the_program_prints() {
    trycmd::TestCases::new().case("README.md").case("docs/*.md").run();
}
