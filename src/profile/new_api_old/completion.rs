//! The completion ratios that each gateway has built in, by model family: tables in the order in which the gateway asks.
//!
//! The first rule that fits counts. A locked ratio wins over the option; a free one holds only where the option lacks the
//! name. A name with a `/` takes its option even where a lock fits.

use super::names;
use crate::exact::Ratio;

use Fit::{Around, Begins, Holds, Is, Reads};

/// Which names a rule is for.
#[derive(Clone, Copy, Debug)]
enum Fit {
    Is(&'static str),
    Begins(&'static str),
    Holds(&'static str),
    /// Begins with the one and ends with the other.
    Around(&'static str, &'static str),
    /// Is it, in capitals or not.
    Reads(&'static str),
}

impl Fit {
    fn fits(self, name: &str) -> bool {
        match self {
            Is(whole) => name == whole,
            Begins(start) => name.starts_with(start),
            Holds(part) => name.contains(part),
            Around(start, end) => name.starts_with(start) && name.ends_with(end),
            Reads(whole) => name.eq_ignore_ascii_case(whole),
        }
    }
}

/// A rule of a table.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    fit: Fit,
    ratio: Ratio,
    locked: bool,
}

/// The rules of a gateway, part by part.
pub type Table = &'static [&'static [Rule]];

const fn locked(fit: Fit, ratio: i64) -> Rule {
    Rule { fit, ratio: Ratio::new(ratio, 0), locked: true }
}

const fn free(fit: Fit, ratio: i64) -> Rule {
    Rule { fit, ratio: Ratio::new(ratio, 0), locked: false }
}

/// 4 / 3, 79 / 59 and 35 / 6, each rounded once to a float64 and written as its shortest text.
const FOUR_THIRDS: Ratio = Ratio::new(13_333_333_333_333_333, -16);
const SEVENTY_NINE_59THS: Ratio = Ratio::new(13_389_830_508_474_576, -16);
const THIRTY_FIVE_SIXTHS: Ratio = Ratio::new(5_833_333_333_333_333, -15);

const OPTION_ALONE: &[Rule] = &[free(Around("gpt-4", "-all"), 1), free(Around("gpt-4", "-gizmo-*"), 1)];

const GPT_4O: &[Rule] = &[locked(Is("gpt-4o-2024-05-13"), 3), locked(Begins("gpt-4o"), 4)];

const GPT_4_OF_2024: &[Rule] = &[
    locked(Begins("gpt-4.5"), 2),
    locked(Begins("gpt-4-turbo"), 3),
    locked(Around("gpt-4-", "preview"), 3),
    locked(Begins("gpt-4"), 2),
];

const GPT_4_OF_2025: &[Rule] = &[
    locked(Begins("gpt-4.5-preview"), 2),
    locked(Begins("gpt-4-turbo"), 3),
    locked(Is("gpt-4-1106"), 3),
    locked(Is("gpt-4-1105"), 3),
    free(Begins("gpt-4"), 2),
];

const O_SERIES: &[Rule] = &[locked(Begins("o1"), 4), locked(Begins("o3"), 4), locked(Is("chatgpt-4o-latest"), 3)];

const CLAUDE: &[Rule] = &[locked(Holds("claude-instant-1"), 3), locked(Holds("claude-2"), 3), locked(Holds("claude-3"), 5)];

const CLAUDE_OF_VELOERA: &[Rule] = &[
    locked(Holds("claude-3"), 5),
    locked(Holds("claude-sonnet-4"), 5),
    locked(Holds("claude-opus-4"), 5),
    locked(Holds("claude-instant-1"), 3),
    locked(Holds("claude-2"), 3),
];

const GPT_35_AND_MISTRAL: &[Rule] = &[
    locked(Is("gpt-3.5-turbo"), 3),
    locked(Around("gpt-3.5", "0125"), 3),
    locked(Around("gpt-3.5", "1106"), 2),
    Rule { fit: Begins("gpt-3.5"), ratio: FOUR_THIRDS, locked: true },
    locked(Begins("mistral-"), 3),
];

const GEMINI_OF_2024: &[Rule] = &[locked(Begins("gemini-"), 4)];

const GEMINI_OF_2025: &[Rule] = &[
    locked(Begins("gemini-1.5"), 4),
    locked(Begins("gemini-2.0"), 4),
    locked(Begins("gemini-2.5-pro-preview"), 8),
    free(Begins("gemini-"), 4),
];

const GEMINI_OF_VELOERA: &[Rule] = &[
    locked(Begins("gemini-1.0-pro"), 4),
    locked(Begins("gemini-1.5-pro"), 4),
    locked(Begins("gemini-2.5-pro-preview"), 8),
    free(Around("gemini-2.5-flash-preview", "-nothinking"), 4),
    Rule { fit: Begins("gemini-2.5-flash-preview"), ratio: THIRTY_FIVE_SIXTHS, locked: false },
    free(Begins("gemini"), 4),
];

const COMMAND: &[Rule] = &[
    locked(Is("command-r"), 3),
    locked(Is("command-r-plus"), 5),
    locked(Is("command-r-08-2024"), 4),
    locked(Is("command-r-plus-08-2024"), 4),
];

const OTHER_COMMANDS_OF_2024: &[Rule] = &[locked(Begins("command"), 4)];
const OTHER_COMMANDS_OF_2025: &[Rule] = &[free(Begins("command"), 4)];

const OTHERS: &[Rule] = &[
    locked(Reads("deepseek-chat"), 4),
    locked(Reads("deepseek-reasoner"), 4),
    locked(Begins("ERNIE-Speed-"), 2),
    locked(Begins("ERNIE-Lite-"), 2),
    locked(Begins("ERNIE-Character"), 2),
    locked(Begins("ERNIE-Functions"), 2),
    Rule { fit: Is("llama2-70b-4096"), ratio: Ratio::new(125, -2), locked: true },
    locked(Is("llama3-8b-8192"), 2),
    Rule { fit: Is("llama3-70b-8192"), ratio: SEVENTY_NINE_59THS, locked: true },
];

pub const OF_2024: Table = &[
    OPTION_ALONE,
    GPT_4O,
    GPT_4_OF_2024,
    O_SERIES,
    CLAUDE,
    GPT_35_AND_MISTRAL,
    GEMINI_OF_2024,
    COMMAND,
    OTHER_COMMANDS_OF_2024,
    OTHERS,
];

pub const OF_2025: Table = &[
    OPTION_ALONE,
    GPT_4O,
    GPT_4_OF_2025,
    O_SERIES,
    CLAUDE,
    GPT_35_AND_MISTRAL,
    GEMINI_OF_2025,
    COMMAND,
    OTHER_COMMANDS_OF_2025,
    OTHERS,
];

pub const VELOERA: Table = &[
    OPTION_ALONE,
    GPT_4O,
    GPT_4_OF_2025,
    O_SERIES,
    CLAUDE_OF_VELOERA,
    GPT_35_AND_MISTRAL,
    GEMINI_OF_VELOERA,
    COMMAND,
    OTHER_COMMANDS_OF_2025,
    OTHERS,
];

/// What is built in for a name: the ratio, and whether it wins over the option.
pub fn builtin(table: Table, name: &str) -> (Ratio, bool) {
    let name = names::of_price(name);
    let rule = table.iter().copied().flatten().find(|rule| rule.fit.fits(name));
    rule.map_or((Ratio::ONE, false), |rule| (rule.ratio, rule.locked))
}

/// Whether no option can change the ratio of a name.
pub fn is_locked(table: Table, name: &str) -> bool {
    builtin(table, name).1 && !name.contains('/')
}

/// The ratio in force.
pub fn effective(table: Table, name: &str, option: Option<Ratio>) -> Ratio {
    let (ratio, locked) = builtin(table, name);
    match option {
        Some(option) if name.contains('/') || !locked => option,
        _ => ratio,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, then the ratio of 2024, of 2025 and of Veloera; `*` behind those that the option can replace.
    const KNOWN: &[(&str, [&str; 3])] = &[
        ("gpt-4o", ["4", "4", "4"]),
        ("gpt-4o-2024-05-13", ["3", "3", "3"]),
        ("gpt-4o-all", ["1*", "1*", "1*"]),
        ("gpt-4-all", ["1*", "1*", "1*"]),
        ("gpt-4-gizmo-g-Abc", ["1*", "1*", "1*"]),
        ("gpt-4o-gizmo-x", ["1*", "1*", "1*"]),
        ("o1-all", ["4", "4", "4"]),
        ("gpt-4.5-preview", ["2", "2", "2"]),
        ("gpt-4.5", ["2", "2*", "2*"]),
        ("gpt-4-turbo-preview", ["3", "3", "3"]),
        ("gpt-4-1106-preview", ["3", "2*", "2*"]),
        ("gpt-4.1", ["2", "2*", "2*"]),
        ("gpt-4", ["2", "2*", "2*"]),
        ("gpt-5", ["1*", "1*", "1*"]),
        ("o3-mini", ["4", "4", "4"]),
        ("chatgpt-4o-latest", ["3", "3", "3"]),
        ("vendor/claude-3-opus", ["5", "5", "5"]),
        ("claude-instant-1.2", ["3", "3", "3"]),
        ("claude-2.1", ["3", "3", "3"]),
        ("claude-sonnet-4-20250514", ["1*", "1*", "5"]),
        ("claude-opus-4", ["1*", "1*", "5"]),
        ("gpt-3.5-turbo", ["3", "3", "3"]),
        ("gpt-3.5-turbo-0125", ["3", "3", "3"]),
        ("gpt-3.5-turbo-1106", ["2", "2", "2"]),
        ("gpt-3.5-turbo-16k", ["1.3333333333333333", "1.3333333333333333", "1.3333333333333333"]),
        ("mistral-large", ["3", "3", "3"]),
        ("gemini-1.5-flash", ["4", "4", "4*"]),
        ("gemini-1.5-pro", ["4", "4", "4"]),
        ("gemini-1.0-pro-001", ["4", "4*", "4"]),
        ("gemini-2.0-flash", ["4", "4", "4*"]),
        ("gemini-2.5-pro-preview-03-25", ["4", "8", "8"]),
        ("gemini-2.5-flash-preview-04-17", ["4", "4*", "5.833333333333333*"]),
        ("gemini-2.5-flash-preview-04-17-nothinking", ["4", "4*", "4*"]),
        ("geminiX", ["1*", "1*", "4*"]),
        ("command-r", ["3", "3", "3"]),
        ("command-r-plus-08-2024", ["4", "4", "4"]),
        ("command-x", ["4", "4*", "4*"]),
        ("DeepSeek-Chat", ["4", "4", "4"]),
        ("ERNIE-Lite-8K", ["2", "2", "2"]),
        ("llama2-70b-4096", ["1.25", "1.25", "1.25"]),
        ("llama3-70b-8192", ["1.3389830508474576", "1.3389830508474576", "1.3389830508474576"]),
        ("anything", ["1*", "1*", "1*"]),
    ];

    #[test]
    fn the_first_rule_that_fits_counts() {
        for (name, expected) in KNOWN {
            let said = [OF_2024, OF_2025, VELOERA].map(|table| {
                let (ratio, locked) = builtin(table, name);
                format!("{ratio}{}", if locked { "" } else { "*" })
            });
            assert_eq!(said.each_ref().map(String::as_str), *expected, "{name}");
        }
    }

    #[test]
    fn a_name_with_a_slash_takes_its_option() {
        let option = Some(Ratio::new(33, -1));
        assert_eq!(effective(OF_2025, "vendor/claude-3", option).to_string(), "3.3");
        assert_eq!(effective(OF_2025, "claude-3", option).to_string(), "5");
        assert_eq!(effective(OF_2024, "vendor/claude-3", None).to_string(), "5");
        assert_eq!(effective(OF_2025, "gpt-4", option).to_string(), "3.3");
        assert_eq!(effective(OF_2024, "gpt-4", option).to_string(), "2");
    }
}
