//! Completion ratios by the name of the model, for models that no map names.

use crate::exact::Ratio;

/// The ratio of a name; the first rule that fits.
pub fn by_name(name: &str) -> Ratio {
    let starts = |prefix: &str| name.starts_with(prefix);
    let ends = |suffix: &str| name.ends_with(suffix);
    match name {
        _ if starts("gpt-3.5") => match name {
            "gpt-3.5-turbo" => Ratio::from(3),
            _ if ends("0125") => Ratio::from(3),
            _ if ends("1106") => Ratio::from(2),
            _ => Ratio::new(13_333_333_333_333_333, -16),
        },
        "gpt-4o-2024-05-13" => Ratio::from(3),
        _ if starts("gpt-4o") => Ratio::from(4),
        _ if starts("gpt-4-turbo") || (starts("gpt-4") && ends("preview")) => Ratio::from(3),
        _ if starts("gpt-4") => Ratio::from(2),
        _ if starts("o1") => Ratio::from(4),
        "chatgpt-4o-latest" => Ratio::from(3),
        _ if starts("claude-3") => Ratio::from(5),
        _ if ["claude-", "mistral-", "gemini-"].into_iter().any(starts) => Ratio::from(3),
        _ if starts("deepseek-") => Ratio::from(2),
        _ => by_whole_name(name),
    }
}

fn by_whole_name(name: &str) -> Ratio {
    match name {
        "llama2-70b-4096" => Ratio::new(125, -2),
        "llama3-8b-8192" => Ratio::from(2),
        "llama3-70b-8192" => Ratio::new(13_389_830_508_474_576, -16),
        "command" | "command-light" | "command-nightly" | "command-light-nightly" => Ratio::from(2),
        "command-r" | "grok-beta" => Ratio::from(3),
        "command-r-plus" => Ratio::from(5),
        "ibm-granite/granite-3.0-2b-instruct" => Ratio::new(8_333_333_333_333_334, -15),
        "ibm-granite/granite-20b-code-instruct-8k"
        | "ibm-granite/granite-3.0-8b-instruct"
        | "ibm-granite/granite-8b-code-instruct-128k"
        | "meta/llama-2-7b"
        | "meta/llama-2-7b-chat"
        | "meta/llama-2-13b"
        | "meta/llama-2-13b-chat"
        | "meta/meta-llama-3-8b"
        | "meta/meta-llama-3-8b-instruct"
        | "mistralai/mistral-7b-v0.1"
        | "mistralai/mistral-7b-instruct-v0.2" => Ratio::from(5),
        "meta/llama-2-70b" | "meta/llama-2-70b-chat" | "meta/meta-llama-3-70b" | "meta/meta-llama-3-70b-instruct" => {
            Ratio::new(4_230_769_230_769_231, -15)
        }
        "mistralai/mixtral-8x7b-instruct-v0.1" => Ratio::new(33_333_333_333_333_335, -16),
        _ => Ratio::ONE,
    }
}

/// 2023-12-11, when the gateway's clock changed the ratio of gpt-3.5-turbo.
const TURBO_AT_2: i64 = 1_702_252_800;

/// The ratio before 28 January 2024, when no map could name one.
pub fn of_2023(name: &str, time: Option<i64>) -> Ratio {
    let starts = |prefix: &str| name.starts_with(prefix);
    let is_turbo = matches!(name, "gpt-3.5-turbo" | "gpt-3.5-turbo-16k");
    match name {
        _ if starts("gpt-3.5") && name.ends_with("1106") => Ratio::from(2),
        _ if is_turbo && time.is_some_and(|time| time > TURBO_AT_2) => Ratio::from(2),
        _ if starts("gpt-3.5") => Ratio::new(1_333_333, -6),
        _ if starts("gpt-4") && name.ends_with("preview") => Ratio::from(3),
        _ if starts("gpt-4") => Ratio::from(2),
        _ if starts("claude-instant-1") => Ratio::new(338, -2),
        _ if starts("claude-2") => Ratio::new(2_965_517, -6),
        _ => Ratio::ONE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_the_order_of_the_rules() {
        for (name, ratio) in [
            ("gpt-3.5-turbo", "3"),
            ("gpt-3.5-turbo-0125", "3"),
            ("gpt-3.5-turbo-1106", "2"),
            ("gpt-3.5-turbo-16k", "1.3333333333333333"),
            ("gpt-4", "2"),
            ("gpt-4.1-mini", "2"),
            ("gpt-4.5-preview", "3"),
            ("gpt-4-vision-preview", "3"),
            ("gpt-4-turbo-2024-04-09", "3"),
            ("gpt-4o-2024-05-13", "3"),
            ("gpt-4o-mini", "4"),
            ("chatgpt-4o-latest", "3"),
            ("o1-mini", "4"),
            ("o3-mini", "1"),
            ("gpt-5", "1"),
            ("claude-3-opus-20240229", "5"),
            ("claude-sonnet-4-5", "3"),
            ("mistral-embed", "3"),
            ("open-mixtral-8x7b", "1"),
            ("deepseek-reasoner", "2"),
            ("llama3-70b-8192", "1.3389830508474576"),
            ("command-r-internet", "1"),
            ("mistralai/mixtral-8x7b-instruct-v0.1", "3.3333333333333335"),
            ("meta/llama-2-70b-chat", "4.230769230769231"),
            ("ibm-granite/granite-3.0-2b-instruct", "8.333333333333334"),
            ("meta/meta-llama-3.1-405b-instruct", "1"),
        ] {
            assert_eq!(by_name(name).to_string(), ratio, "{name}");
        }
    }

    #[test]
    fn ratios_of_2023_are_constants() {
        assert_eq!(of_2023("gpt-3.5-turbo", Some(1_690_000_000)).to_string(), "1.333333");
        assert_eq!(of_2023("gpt-3.5-turbo", Some(1_705_000_000)).to_string(), "2");
        assert_eq!(of_2023("gpt-4-0613", None).to_string(), "2");
    }
}
