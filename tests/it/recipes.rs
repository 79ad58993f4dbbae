//! What documents and help texts tell people to type: it runs as it stands.

use std::path::Path;

use clap::Command;

use crate::run::quota;
use crate::sandbox::{Sandbox, has};

/// The `sh` blocks of a document, each with the exit code that its last line may name (`# exit code 1`).
fn blocks(document: &str) -> Vec<(String, i32)> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(document)).unwrap();
    let shell = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let code = |block: &str| block.lines().last().and_then(|line| line.strip_prefix("# exit code ")?.parse().ok());
    shell.map(|block| (block.to_owned(), code(block).unwrap_or(0))).collect()
}

/// The blocks of one document run one after the other in one folder, as somebody who reads it would.
#[test]
fn the_recipes_of_the_documents_run() {
    for (document, least) in [("docs/pipelines.md", 8), ("docs/ci.md", 4)] {
        let sandbox = Sandbox::new();
        let blocks = blocks(document);
        assert!(blocks.len() >= least, "{document} has {} blocks", blocks.len());
        for (block, code) in blocks.into_iter().filter(|(block, _)| has("jq") || !block.contains("jq ")) {
            sandbox.check(&block, code);
        }
    }
}

/// The commands with no commands below them, by what is typed for them.
fn commands(command: &Command, name: &str) -> Vec<String> {
    let below: Vec<&Command> = command.get_subcommands().filter(|below| below.get_name() != "help").collect();
    let names = below.iter().map(|below| (below, format!("{name} {}", below.get_name())));
    let mut all = vec![name.trim().to_owned()];
    all.extend(names.flat_map(|(below, name)| commands(below, &name)));
    all
}

fn all_commands() -> Vec<String> {
    let all = commands(&quota::cli::command(), "");
    assert!(all.len() >= 14, "{all:?}");
    all
}

fn help(command: &str) -> String {
    let arguments: Vec<&str> = command.split_whitespace().collect();
    let mut cli = quota::cli::command();
    cli.build();
    let found = arguments.iter().fold(&mut cli, |command, name| command.find_subcommand_mut(name).unwrap());
    found.render_long_help().to_string()
}

/// Each help has two examples, and the exit codes. The examples run: some show what is wrong, and say so by 1.
#[test]
fn the_examples_of_every_help_run() {
    let sandbox = Sandbox::new();
    for command in all_commands() {
        let help = help(&command);
        let examples = help.split("Examples:\n").nth(1).unwrap_or_else(|| panic!("`{command}` has no examples"));
        let examples: Vec<&str> = examples.lines().take_while(|line| line.starts_with("  ")).map(str::trim).collect();
        assert!(examples.len() >= 2, "`{command}`: {examples:?}");
        for example in examples {
            let example = example.replace("| man -l -", "> page.1").replace(" > ~/", " > ");
            let folder = example.split(" > ").nth(1).and_then(|path| path.rsplit_once('/')).map_or(".", |(folder, _)| folder);
            let output = sandbox.run(&format!("mkdir -p {folder}; {example}"));
            let code = output.status.code();
            assert!(matches!(code, Some(0 | 1)), "{example}: {code:?}\n{}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

#[test]
fn every_help_names_the_exit_codes_and_the_variables() {
    for command in all_commands() {
        let help = help(&command);
        assert!(help.contains("Exit codes: 0"), "`{command}` names no exit codes");
        let reads_config = ["calc", "audit", "explain", "compare", "infer"].contains(&command.as_str());
        assert_eq!(help.contains("QUOTA_CONFIG"), reads_config || command.is_empty(), "`{command}`");
    }
}

#[test]
fn completions_know_every_command_and_flag() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let done = quota(&["completions", shell]);
        assert_eq!(done.code, 0);
        for word in ["audit", "merge", "fail-on", "quota-per-unit", "allow-duplicates"] {
            assert!(done.out.contains(word), "{shell} lacks {word}");
        }
    }
    assert_eq!(quota(&["completions", "tcsh"]).code, 2);
    let sandbox = Sandbox::new();
    let script =
        "quota completions bash > c; source c; COMP_WORDS=(quota aud); COMP_CWORD=1; _quota quota aud quota; echo ${COMPREPLY[@]}";
    assert_eq!(String::from_utf8(sandbox.check(script, 0).stdout).unwrap().trim(), "audit");
}

#[test]
fn the_manual_has_every_command() {
    let page = quota(&["man"]).out;
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(quota(&["man", "--dir", folder.path().to_str().unwrap()]).code, 0);
    for command in all_commands() {
        let whole = format!("quota {command}").trim().to_owned();
        let file = folder.path().join(whole.replace(' ', "-") + ".1");
        let own = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(own.contains("Exit codes"), "{whole}");
        assert!(command.is_empty() || page.contains(&format!(".SH \"{}\"", whole.to_uppercase())), "{whole} is not in the manual");
    }
}

/// The steps of the GitHub Action, as a runner calls them.
#[test]
fn the_action_audits_and_tells_what_it_found() {
    if !has("jq") {
        return;
    }
    let sandbox = Sandbox::new();
    let action = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/action");
    let run = |inputs: &str, code: i32| {
        let files = "export GITHUB_OUTPUT=out GITHUB_STEP_SUMMARY=summary; : > out; : > summary";
        sandbox.check(&format!("{files}; {inputs} {}", action.display()), code);
        let read = |file: &str| String::from_utf8(sandbox.check(&format!("cat {file}"), 0).stdout).unwrap();
        (read("out"), read("summary"))
    };
    let (out, summary) = run("QUOTA_INPUT_LOGS=$'monday.csv\\ntuesday.csv' QUOTA_INPUT_FAIL_ON=over", 0);
    assert!(out.contains("report=quota-report.json\novercharged=0\n") && out.ends_with("exit-code=0\n"), "{out}");
    assert!(summary.contains("charges are right"), "{summary}");
    let (out, _) = run("QUOTA_INPUT_LOGS=wrong.csv QUOTA_INPUT_REPORT=known.json", 1);
    assert!(out.contains("report=known.json\n") && out.ends_with("exit-code=1\n"), "{out}");
    run("QUOTA_INPUT_LOGS=wrong.csv QUOTA_INPUT_BASELINE=known.json", 0);
    let (out, summary) = run("QUOTA_INPUT_LOGS='no such.csv'", 2);
    assert_eq!((out.as_str(), summary.as_str()), ("exit-code=2\n", ""), "nothing of an earlier report is told");
    run("QUOTA_INPUT_LOGS=wrong.csv QUOTA_INPUT_ARGUMENTS=$'--max-mismatches\\n1000' QUOTA_INPUT_FAIL_ON=over", 0);
}

/// What the workflow, the action and the hook call is there.
#[test]
fn the_files_of_pipelines_name_what_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| std::fs::read_to_string(root.join(name)).unwrap();
    let (action, workflow, hooks) = (read("action.yml"), read(".github/workflows/release.yml"), read(".pre-commit-hooks.yaml"));
    for (text, script) in [(&action, "packaging/action"), (&workflow, "packaging/static"), (&workflow, "packaging/deb")] {
        assert!(text.contains(script) && root.join(script).exists(), "{script}");
    }
    let script = read("packaging/action");
    for input in
        action.lines().filter_map(|line| line.trim().split(": ${{ inputs.").next().filter(|name| name.starts_with("QUOTA_")))
    {
        assert!(script.contains(input), "the action does not read {input}");
    }
    assert!(hooks.contains("entry: quota config check"));
}
