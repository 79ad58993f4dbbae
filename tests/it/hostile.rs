//! Everything that comes from a log is hostile. No text of it acts in any format: not as HTML, Markdown, a formula, an escape of a terminal or a
//! command of a workflow.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::run::quota;

/// Texts that act somewhere, as JSON writes them.
const PAYLOADS: [&str; 48] = [
    r"<script>alert(1)</script>",
    r"</td></tr></table><script>alert(1)</script>",
    r"</title></style><script>x</script>",
    r"</pre></details></body></html><svg onload=alert(1)>",
    r#"\" onmouseover=\"alert(1)"#,
    r"' onfocus='alert(1)' autofocus='",
    r"<img src=x onerror=alert(1)>",
    r"<a href=javascript:alert(1)>x</a>",
    r"<style>@import url(http://x.example/)</style>",
    r"<iframe srcdoc='<p>x'></iframe>",
    r"<meta http-equiv=refresh content=0>",
    r"<!-- x --><base href=http://x.example/>",
    r"&lt;script&gt;&#60;b&#62;",
    r"[x](javascript:alert(1))",
    r"![x](http://x.example/a.png)",
    r"<http://x.example/>",
    r"http://x.example/ www.x.example a@x.example",
    r"@everyone #1 org/repo#2",
    r"`code` ``two`` ```three",
    r"a | b | c \\| d",
    r"\\",
    r"**bold** _it_ ~~x~~ # title",
    r"$\\frac{1}{2}$ $`x`$",
    r"- [ ] item\n\n# title\n> quote",
    r"=cmd|' /C calc'!A0",
    r"+1+cmd|' /C calc'!A0",
    r"-2+3",
    r"@SUM(1+1)*cmd|' /C calc'!A0",
    r"\t=1+1",
    r"\r=1+1",
    r"\n=1+1",
    r#" =HYPERLINK(\"http://x.example\")"#,
    r"\uff1d1+1",
    r#"\"=1+1\",=2"#,
    r"\u001b[31mred\u001b[0m \u001b]0;title\u0007",
    r"\u001b]8;;http://x.example/\u0007x\u001b]8;;\u0007",
    r"\u009b31m\u009d0;title\u009c",
    r"\u202ereversed\u202c \u2066x\u2069 \u200f \u061c",
    r"\u2028\u2029\ufeff\ufffe\udb40\udc41",
    r"::error::x",
    r"\n::set-output name=x::y",
    r"::add-mask::x",
    r"a ##[add-mask]x ##vso[task.setvariable]x",
    r"%0A::error::x",
    r"x,line=1::y",
    r"]]>",
    r"<![CDATA[x]]> <?xml?> <!DOCTYPE x>",
    r"nul \u0000 bell \u0007 del \u007f back \b\b\b",
];

/// Two more that are made.
fn payloads() -> Vec<String> {
    let mut all: Vec<String> = PAYLOADS.map(str::to_owned).into();
    all.push(r"lone \ud800 surrogate \udc00".to_owned());
    all.push(format!("<b>{}", "A|`".repeat(340_000)));
    all
}

const FIELDS: [&str; 6] = ["model", "group", "token", "user", "request_id", "content"];

/// A log in which each payload stands in each field of a wrong charge, and twice where that is a finding.
fn log() -> String {
    let mut log = String::new();
    let mut id = 0;
    for payload in payloads() {
        for field in FIELDS {
            for _ in 0..2 {
                id += 1;
                let text = |name: &str| if name == field { payload.clone() } else { format!("plain {name}") };
                let parts: Vec<String> = FIELDS.iter().map(|name| format!("\"{name}\": \"{}\"", text(name))).collect();
                let rest = "\"time\": 1786166403, \"prompt_tokens\": 100, \"completion_tokens\": 10, \"cached_tokens\": 0, \"quota\": 777, \
                            \"model_ratio\": 1, \"completion_ratio\": 1, \"group_ratio\": 1";
                writeln!(log, "{{\"id\": {id}, {}, {rest}}}", parts.join(", ")).unwrap();
            }
        }
    }
    log
}

const FORMATS: [&str; 9] = ["table", "json", "ndjson", "csv", "markdown", "html", "junit", "sarif", "github"];
const BY: &str = "model,group,token,user,channel,day,cause";

/// All formats of one audit.
fn reports(log: &Path, folder: &Path) -> Vec<(&'static str, String)> {
    let place = |format: &str| folder.join(format!("report.{format}"));
    let further: Vec<String> = FORMATS.iter().map(|format| format!("--report={format}={}", place(format).display())).collect();
    let mut line = vec!["audit", log.to_str().unwrap(), "--fail-on", "none", "--by", BY, "--limit", "100000", "--color", "never"];
    line.extend(further.iter().map(String::as_str));
    let done = quota(&line);
    assert_eq!(done.code, 0, "{}", &done.err[..done.err.len().min(300)]);
    assert_no_control("standard error", &done.err);
    FORMATS.map(|format| (format, std::fs::read_to_string(place(format)).unwrap())).into()
}

fn check(log: &Path, folder: &Path) {
    for (format, text) in reports(log, folder) {
        assert_no_control(format, &text);
        assert_no_command(format, &text);
        match format {
            "csv" => assert_no_formula(&text),
            "markdown" => assert_plain_markdown(&text),
            "html" => assert_only_our_elements(&text, &HTML),
            "junit" => assert_only_our_elements(&text, &JUNIT),
            "json" | "sarif" => drop(serde_json::from_str::<serde_json::Value>(&text).unwrap()),
            "ndjson" => text.lines().for_each(|line| drop(serde_json::from_str::<serde_json::Value>(line).unwrap())),
            _ => {}
        }
    }
}

fn window(text: &str, at: usize) -> &str {
    let from = (0..=at.saturating_sub(80)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let to = (at + 80..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    &text[from..to]
}

fn assert_no_control(format: &str, text: &str) {
    let acts = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{feff}')
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{e0000}'..='\u{e007f}')
    };
    if let Some((at, c)) = text.char_indices().find(|(_, c)| acts(*c)) {
        panic!("{format}: {:?} in {:?}", c, window(text, at));
    }
}

/// A runner takes `::` at the beginning of a line for a command, and `##[` anywhere.
fn assert_no_command(format: &str, text: &str) {
    for line in text.lines().filter(|line| line.trim_start().starts_with("::")) {
        assert!(format == "github" && line.starts_with("::error "), "{format}: {line}");
    }
    assert!(!text.contains("##["), "{format}");
    if format == "github" {
        assert_eq!(text.lines().filter(|line| line.starts_with("::")).count(), 10);
        for line in text.lines().filter(|line| line.starts_with("::error ")) {
            let properties = line["::error ".len()..].split("::").next().unwrap();
            let keys: Vec<&str> = properties.split(',').map(|part| part.split('=').next().unwrap()).collect();
            assert!(keys == ["file", "line", "title"] || keys == ["title"], "{line}");
        }
    }
}

fn assert_no_formula(text: &str) {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let columns = reader.headers().unwrap().len();
    for record in reader.records() {
        let record = record.unwrap();
        assert_eq!(record.len(), columns);
        for cell in &record {
            let starts = cell.trim_start().starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']);
            assert!(!starts || cell.parse::<quota::exact::Ratio>().is_ok(), "{cell}");
        }
    }
}

/// Outside of code spans there are only our own words, and each row has as many cells as its table.
fn assert_plain_markdown(text: &str) {
    let mut columns = 0;
    for line in text.lines() {
        let parts: Vec<&str> = line.split('`').collect();
        assert!(parts.len() % 2 == 1, "a span does not end: {}", &line[..line.len().min(300)]);
        let outside: String = parts.iter().step_by(2).copied().collect();
        for word in ["<", ">", "javascript:", "](", "http", "@", "**", "www."] {
            assert!(!outside.contains(word), "`{word}` outside of a span in {}", &line[..line.len().min(300)]);
        }
        let spans: String = parts.iter().skip(1).step_by(2).copied().collect();
        assert!(!spans.contains('|') && !spans.ends_with('\\'), "{}", &line[..line.len().min(300)]);
        let cells = outside.matches('|').count();
        if outside.starts_with("| ---") {
            columns = cells;
        } else if outside.starts_with('|') && columns > 0 {
            assert_eq!(cells, columns, "{}", &line[..line.len().min(300)]);
        } else if !outside.starts_with('|') {
            columns = 0;
            assert_eq!(cells, 0, "{}", &line[..line.len().min(300)]);
        }
    }
}

struct Allowed {
    elements: &'static [&'static str],
    attributes: &'static [&'static str],
}

const HTML: Allowed = Allowed {
    elements: &[
        "!doctype",
        "html",
        "head",
        "meta",
        "link",
        "title",
        "style",
        "body",
        "header",
        "section",
        "footer",
        "p",
        "span",
        "h1",
        "h2",
        "h3",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "i",
        "svg",
        "rect",
        "figure",
        "figcaption",
        "div",
        "details",
        "summary",
        "pre",
    ],
    attributes: &[
        "html",
        "lang",
        "charset",
        "http-equiv",
        "content",
        "name",
        "rel",
        "href",
        "class",
        "scope",
        "data-l",
        "viewBox",
        "preserveAspectRatio",
        "role",
        "aria-label",
        "x",
        "y",
        "width",
        "height",
        "open",
    ],
};

const JUNIT: Allowed = Allowed {
    elements: &[
        "?xml",
        "testsuites",
        "testsuite",
        "properties",
        "property",
        "testcase",
        "failure",
        "skipped",
        "system-out",
        "system-err",
    ],
    attributes: &[
        "version",
        "encoding",
        "name",
        "package",
        "id",
        "hostname",
        "timestamp",
        "tests",
        "failures",
        "errors",
        "skipped",
        "time",
        "value",
        "classname",
        "type",
        "message",
    ],
};

/// Every `<` begins an element of ours with attributes of ours, and every attribute is quoted.
fn assert_only_our_elements(text: &str, allowed: &Allowed) {
    // The style is a constant.
    let text = match text.split_once("<style>") {
        Some((before, rest)) => format!("{before}{}", rest.split_once("</style>").unwrap().1),
        None => text.to_owned(),
    };
    for (at, _) in text.match_indices('<') {
        let tag = read_tag(&text[at + 1..]).unwrap_or_else(|| panic!("no tag: {}", window(&text, at)));
        let known = allowed.elements.contains(&tag.name.trim_start_matches('/'));
        assert!(known, "element `{}` in {}", tag.name, window(&text, at));
        for (name, value) in &tag.attributes {
            assert!(allowed.attributes.contains(&name.as_str()), "attribute `{name}` in {}", window(&text, at));
            assert!(name != "href" || value == "data:,", "{value}");
        }
    }
    let outside: String = text.split('<').map(|part| part.split_once('>').map_or(part, |(_, rest)| rest)).collect();
    assert!(!outside.contains(['<', '>']), "a bracket outside of a tag");
}

struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
}

/// A tag as a strict reader takes it: names, and values within double quotes that hold no `<`.
fn read_tag(text: &str) -> Option<Tag> {
    let name: String = text.chars().take_while(|c| !c.is_whitespace() && *c != '>').collect();
    let mut rest = &text[name.len()..];
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.starts_with('>') || rest.starts_with("/>") || rest.starts_with("?>") {
            let name = name.trim_end_matches('/').to_owned();
            return Some(Tag { name, attributes });
        }
        let end = rest.find(|c: char| c == '=' || c == '>' || c.is_whitespace())?;
        let (key, after) = rest.split_at(end);
        let (value, after) = match after.strip_prefix("=\"") {
            Some(quoted) => quoted.split_once('"')?,
            None => ("", after),
        };
        if value.contains('<') || key.is_empty() {
            return None;
        }
        attributes.push((key.to_owned(), value.to_owned()));
        rest = after;
    }
}

#[test]
fn no_text_of_a_log_acts_in_any_format() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.ndjson");
    std::fs::write(&path, log()).unwrap();
    check(&path, folder.path());
    let json = std::fs::read_to_string(folder.path().join("report.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let totals = &json["totals"];
    let told = totals["overcharged"].as_u64().unwrap() + totals["malformed"].as_u64().unwrap();
    assert!(PAYLOADS.len() >= 40 && told == (payloads().len() * FIELDS.len() * 2) as u64, "{totals}");
    assert!(totals["malformed"].as_u64().unwrap() <= 12, "{totals}");
    assert!(json["policy"].as_array().unwrap().len() > 40, "requests that come twice are told");
}

#[test]
fn no_name_of_a_file_acts_in_any_format() {
    let folder = tempfile::tempdir().unwrap();
    let log = log();
    let rows: Vec<&str> = log.lines().filter(|row| row.len() < 2000).take(24).collect();
    for payload in PAYLOADS {
        // What a file may be called.
        let name: String = serde_json::from_str::<String>(&format!("\"{payload}\"")).unwrap_or_default();
        let name: String = name.chars().filter(|c| *c != '/' && *c != '\0').collect();
        let path: PathBuf = folder.path().join(format!("{name}.ndjson"));
        std::fs::write(&path, rows.join("\n")).unwrap();
        check(&path, folder.path());
    }
}

/// Names of columns and of a config are no safer than texts of rows.
#[test]
fn no_name_acts_in_a_message() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let write = |name: &str, text: &str| std::fs::write(path(name), text).unwrap();
    write("columns.csv", "\"\u{1b}[31mcol\",\"a\n::error file=x::pwn\"\n1,2\n");
    write("groups.toml", "[group_ratio]\n\"g\\n::warning::pwn\" = 2\n");
    write("models.toml", "[model_ratio]\n\"m\\n::error file=x::\\u202epwn\" = -1\n");
    write("turned.toml", "[model_ratio]\n\"a\\u202eb\" = 1\n[group_ratio]\ndefault = 1\n");
    write("turned.csv", "model,group,prompt_tokens,quota\na\u{202e}b,default,1000,1200\n");
    let [columns, groups, models, turned, log] =
        ["columns.csv", "groups.toml", "models.toml", "turned.toml", "turned.csv"].map(path);
    let lines: [&[&str]; 10] = [
        &["audit", &columns],
        &["calc", "--config", &groups, "--model-ratio", "1", "--input", "5"],
        &["config", "check", &models],
        &["config", "check", &models, "--format", "json"],
        &["config", "show", &turned],
        &["config", "show", &turned, "--format", "json"],
        &["calc", "--config", &turned, "--model", "a\u{202e}b", "--input", "5", "--format", "json"],
        &["explain", &log, "--config", &turned, "--format", "json"],
        &["compare", &log, "--config", &turned, "--model", "a\u{202e}b", "--format", "json"],
        &["audit", &log, "--config", &turned, "--partial"],
    ];
    for line in lines {
        let done = quota(line);
        let told = done.out + &done.err;
        assert!(!told.is_empty() && !told.lines().any(|line| line.starts_with("::")), "{line:?}: {told}");
        assert!(!told.chars().any(|c| c == '\u{1b}' || c == '\u{202e}'), "{line:?}: {told}");
    }
    let infer: String = (1..40).map(|at| format!("a\u{202e}b,default,{},{}\n", 1000 * at, 1250 * at)).collect();
    write("infer.csv", &format!("model,group,prompt_tokens,quota\n{infer}"));
    let done = quota(&["infer", &path("infer.csv")]);
    assert!(done.out.contains("a\\u202eb") && !done.out.contains('\u{202e}'), "{}", done.out);
    write("shown.toml", &quota(&["config", "show", &turned]).out);
    assert_eq!(quota(&["config", "diff", &turned, &path("shown.toml")]).code, 0);
}
