//! The completion ratios that new-api of 2026 has built in, by model family.
//!
//! The first rule that fits a name counts. A locked ratio wins over the option; a free one holds only where the option
//! lacks the name. A name with a `/` obeys its option even where a lock fits.

use crate::exact::Ratio;

/// What is built in for a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Builtin {
    pub ratio: Ratio,
    pub locked: bool,
}

const fn free(ratio: Ratio) -> Builtin {
    Builtin { ratio, locked: false }
}

const fn locked(ratio: Ratio) -> Builtin {
    Builtin { ratio, locked: true }
}

const fn whole(ratio: i64) -> Ratio {
    Ratio::new(ratio, 0)
}

/// 70 / 3, 25 / 3 and 79 / 59, each rounded once to a float64 and written as its shortest text.
const SEVENTY_THIRDS: Ratio = Ratio::new(23_333_333_333_333_332, -15);
const TWENTY_FIVE_THIRDS: Ratio = Ratio::new(8_333_333_333_333_334, -15);
const SEVENTY_NINE_59THS: Ratio = Ratio::new(13_389_830_508_474_576, -16);

/// The completion ratio that is built in for a name (a wildcard name where the gateway knows one for the model).
pub fn builtin(name: &str) -> Builtin {
    if name.ends_with("-all") || name.ends_with("-gizmo-*") {
        return free(whole(2));
    }
    // No rule for a `gpt-` name stands behind this one, so that gpt-3.5 is 2 as well.
    if name.starts_with("gpt-") {
        return gpt(name);
    }
    if name.starts_with("o1") || name.starts_with("o3") {
        return locked(whole(4));
    }
    if name == "chatgpt-4o-latest" {
        return locked(whole(3));
    }
    if ["claude-3", "claude-sonnet-4", "claude-opus-4", "claude-haiku-4"].iter().any(|family| name.contains(family)) {
        return locked(whole(5));
    }
    if name.starts_with("mistral-") {
        return locked(whole(3));
    }
    match name.strip_prefix("gemini-") {
        Some(version) => gemini(version),
        None => others(name),
    }
}

fn gpt(name: &str) -> Builtin {
    let starts = |prefix: &str| name.starts_with(prefix);
    match name {
        "gpt-4o-2024-05-13" => locked(whole(3)),
        _ if starts("gpt-4o-mini-tts") => free(whole(20)),
        _ if starts("gpt-4o") => free(whole(4)),
        _ if starts("gpt-5") && !name.contains('.') => locked(whole(8)),
        _ if starts("gpt-5.4-nano") => locked(Ratio::new(625, -2)),
        _ if starts("gpt-5.4") => locked(whole(6)),
        _ if starts("gpt-5") => free(whole(6)),
        _ if starts("gpt-4.5-preview") => locked(whole(2)),
        _ if starts("gpt-4-turbo") || name.ends_with("gpt-4-1106") || name.ends_with("gpt-4-1105") => locked(whole(3)),
        _ => free(whole(2)),
    }
}

fn gemini(version: &str) -> Builtin {
    let starts = |prefix: &str| version.starts_with(prefix);
    match version {
        _ if starts("1.5") || starts("2.0") => locked(whole(4)),
        _ if starts("2.5-pro") => free(whole(8)),
        _ if starts("2.5-flash-preview") && version.ends_with("-nothinking") => free(whole(4)),
        _ if starts("2.5-flash-preview") => free(SEVENTY_THIRDS),
        _ if starts("2.5-flash-lite") => free(whole(4)),
        _ if starts("2.5-flash") || starts("robotics-er-1.5") => free(TWENTY_FIVE_THIRDS),
        _ if starts("3-pro-image") => free(whole(60)),
        _ if starts("3-pro") => free(whole(6)),
        _ => free(whole(4)),
    }
}

fn others(name: &str) -> Builtin {
    let ernie = ["ERNIE-Speed-", "ERNIE-Lite-", "ERNIE-Character", "ERNIE-Functions"];
    match name {
        "command-r" => locked(whole(3)),
        "command-r-plus" => locked(whole(5)),
        "command-r-08-2024" | "command-r-plus-08-2024" => locked(whole(4)),
        _ if name.starts_with("command") => free(whole(4)),
        _ if ernie.iter().any(|family| name.starts_with(family)) => locked(whole(2)),
        "llama2-70b-4096" => locked(Ratio::new(125, -2)),
        "llama3-8b-8192" => locked(whole(2)),
        "llama3-70b-8192" => locked(SEVENTY_NINE_59THS),
        _ => free(Ratio::ONE),
    }
}

/// The completion ratio in force, and whether a lock made it. The option is the one for exactly this name.
pub fn effective(name: &str, option: Option<Ratio>) -> (Ratio, bool) {
    let builtin = builtin(name);
    match option {
        Some(option) if name.contains('/') || !builtin.locked => (option, false),
        _ => (builtin.ratio, builtin.locked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `CompletionRatioMeta` of three gateways: name, option, ratio in force, lock, gateway.
    const KNOWN: &str = include_str!("../../../fixtures/completion-ratios.csv");

    #[test]
    fn the_gateways_own_lists_agree() {
        let mut rows = csv::Reader::from_reader(KNOWN.as_bytes());
        let mut count = 0;
        for row in rows.records().map(Result::unwrap) {
            let ratio = |at: usize| row[at].parse::<Ratio>().unwrap();
            let option = (!row[1].is_empty()).then(|| ratio(1));
            assert_eq!(effective(&row[0], option), (ratio(2), &row[3] == "true"), "{} ({})", &row[0], &row[4]);
            count += 1;
        }
        assert!(count > 400, "{count} rows");
    }

    #[track_caller]
    fn check(name: &str, ratio: &str, locked: bool) {
        let builtin = builtin(name);
        assert_eq!((builtin.ratio.to_string().as_str(), builtin.locked), (ratio, locked), "{name}");
    }

    #[test]
    fn families_that_no_list_has() {
        check("gpt-3.5-turbo", "2", false);
        check("gpt-5.4-nano-2026", "6.25", true);
        check("gpt-4o-mini-tts-2025", "20", false);
        check("gemini-2.5-flash-preview-04-17", "23.333333333333332", false);
        check("gemini-2.5-flash-preview-04-17-nothinking", "4", false);
        check("gemini-robotics-er-1.5-preview", "8.333333333333334", false);
        check("llama3-70b-8192", "1.3389830508474576", true);
        check("vendor/claude-sonnet-4.5", "5", true);
        check("command-r7b", "4", false);
    }

    #[test]
    fn a_name_with_a_slash_obeys_its_option() {
        let option = Some(Ratio::new(33, -1));
        assert_eq!(effective("vendor/claude-3-opus", option), (Ratio::new(33, -1), false));
        assert_eq!(effective("vendor/claude-3-opus", None), (Ratio::from(5), true));
        assert_eq!(effective("claude-3-opus", option), (Ratio::from(5), true));
    }
}
