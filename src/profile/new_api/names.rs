//! Which name looks up what.
//!
//! Price, model, completion and audio ratios go by the folded name (`gpt-4-gizmo-*`); cache, creation and image ratios, tools
//! and the audio price by the name that was asked for.

/// The two names of a row's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names<'a> {
    /// As the request named it.
    pub bare: &'a str,
    /// With families of names folded to their wildcard.
    pub folded: &'a str,
}

/// What backs up the price and model ratio of every name with this ending.
pub const COMPACT: &str = "*-openai-compact";

impl<'a> Names<'a> {
    /// The names of a row. A row of a folded model shows the wildcard, its content the real name (`模型 gpt-4-gizmo-g-Abc`).
    pub fn of(model: &'a str, content: &'a str) -> Names<'a> {
        let bare = if model.ends_with('*') { real_name(content).unwrap_or(model) } else { model };
        Names { bare, folded: fold(bare) }
    }

    /// The name that serves price and model ratio where the folded one has none.
    pub fn backup(self) -> Option<&'static str> {
        self.folded.ends_with(&COMPACT[1..]).then_some(COMPACT)
    }
}

fn real_name(content: &str) -> Option<&str> {
    content.split([',', '，']).map(str::trim).find_map(|part| part.strip_prefix("模型 "))
}

/// The wildcard of a family, or the name itself.
fn fold(name: &str) -> &str {
    const GIZMOS: [&str; 2] = ["gpt-4-gizmo-*", "gpt-4o-gizmo-*"];
    const THINKING: [(&str, &str); 3] = [
        ("gemini-2.5-flash-lite", "gemini-2.5-flash-lite-thinking-*"),
        ("gemini-2.5-flash", "gemini-2.5-flash-thinking-*"),
        ("gemini-2.5-pro", "gemini-2.5-pro-thinking-*"),
    ];
    if let Some(wildcard) = GIZMOS.into_iter().find(|wildcard| name.starts_with(wildcard.trim_end_matches("-*"))) {
        return wildcard;
    }
    match THINKING.into_iter().find(|(prefix, _)| name.starts_with(prefix)) {
        Some((_, wildcard)) if name.contains("-thinking-") => wildcard,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_fold_to_their_wildcard() {
        for (name, folded) in [
            ("gpt-4-gizmo-g-Abc", "gpt-4-gizmo-*"),
            ("gpt-4o-gizmo-x", "gpt-4o-gizmo-*"),
            ("gemini-2.5-flash-lite-thinking-512", "gemini-2.5-flash-lite-thinking-*"),
            ("gemini-2.5-flash-thinking-1024", "gemini-2.5-flash-thinking-*"),
            ("gemini-2.5-pro-preview-thinking-9", "gemini-2.5-pro-thinking-*"),
            ("gemini-2.5-flash", "gemini-2.5-flash"),
            ("gpt-4o", "gpt-4o"),
        ] {
            assert_eq!(fold(name), folded);
        }
    }

    #[test]
    fn a_folded_row_names_the_real_model_in_its_content() {
        let names = Names::of("gpt-4-gizmo-*", "大小 1x1, 模型 gpt-4-gizmo-g-Abc");
        assert_eq!(names, Names { bare: "gpt-4-gizmo-g-Abc", folded: "gpt-4-gizmo-*" });
    }
}
