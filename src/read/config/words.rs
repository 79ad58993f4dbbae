//! The one table of config keys: gateways' option names and quota's own words, compared without case, `_`, `-` and spaces.

use crate::config::MapName;

/// What a key of a config means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Word {
    Map(MapName),
    GroupGroup,
    BillingMode,
    BillingExpr,
    CompletionMeta,
    QuotaPerUnit,
    Profile,
    Bonus,
    Currency,
    Model,
    Group,
    Period,
    PriceList,
    User,
    Settings,
    /// Prices that a gateway has compiled in, by provider.
    CompiledIn,
    Channel,
    /// Names of maps that are not known.
    Unknown,
    /// Negative ratios are meant: a gateway wrote them.
    AllowNegative,
    /// Expressions that cannot be read are meant: a gateway wrote them.
    AllowUnreadable,
    /// An option that is kept as text.
    Setting,
    /// An option of the gateways that is no price of usage.
    Ignored,
}

use Word::{
    AllowNegative, AllowUnreadable, BillingExpr, BillingMode, Bonus, Channel, CompiledIn, CompletionMeta, Currency, Group,
    GroupGroup, Ignored, Map, Model, Period, PriceList, Profile, QuotaPerUnit, Setting, Settings, Unknown, User,
};

/// Key, meaning, and whether quota's own files use it (and messages propose it).
const WORDS: &[(&str, Word, bool)] = &[
    ("model_ratio", Map(MapName::ModelRatio), true),
    ("completion_ratio", Map(MapName::CompletionRatio), true),
    ("cache_ratio", Map(MapName::CacheRatio), true),
    ("create_cache_ratio", Map(MapName::CreateCacheRatio), true),
    ("image_ratio", Map(MapName::ImageRatio), true),
    ("audio_ratio", Map(MapName::AudioRatio), true),
    ("audio_completion_ratio", Map(MapName::AudioCompletionRatio), true),
    ("model_price", Map(MapName::ModelPrice), true),
    ("group_ratio", Map(MapName::GroupRatio), true),
    ("group_ratio_setting.group_ratio", Map(MapName::GroupRatio), false),
    ("tool_price", Map(MapName::ToolPrice), true),
    ("tool_price_setting.prices", Map(MapName::ToolPrice), false),
    ("group_group_ratio", GroupGroup, true),
    ("group_ratio_setting.group_group_ratio", GroupGroup, false),
    ("billing_mode", BillingMode, true),
    ("billing_setting.billing_mode", BillingMode, false),
    ("billing_expr", BillingExpr, true),
    ("billing_setting.billing_expr", BillingExpr, false),
    ("completion_ratio_meta", CompletionMeta, true),
    ("quota_per_unit", QuotaPerUnit, true),
    ("profile", Profile, true),
    ("bonus", Bonus, true),
    ("currency", Currency, true),
    ("model", Model, true),
    ("group", Group, true),
    ("period", Period, true),
    ("price_list", PriceList, true),
    ("user", User, true),
    ("channel", Channel, true),
    ("settings", Settings, true),
    ("compiled_in", CompiledIn, true),
    ("unknown", Unknown, true),
    ("allow_negative", AllowNegative, true),
    ("allow_unreadable", AllowUnreadable, true),
    ("SelfUseModeEnabled", Setting, false),
    ("CheckInEnabled", Setting, false),
    ("CheckInQuota", Setting, false),
    ("RebateEnabled", Setting, false),
    ("RebatePercentage", Setting, false),
    ("DisplayInCurrencyEnabled", Setting, false),
    ("USDExchangeRate", Setting, false),
    ("Price", Setting, false),
    ("PreConsumedQuota", Setting, false),
    ("ShouldPreConsumedQuota", Setting, false),
    ("QuotaForNewUser", Setting, false),
    ("QuotaForInvitee", Setting, false),
    ("QuotaForInviter", Setting, false),
    ("AutoGroups", Setting, false),
    ("DefaultUseAutoGroup", Setting, false),
    ("TopupGroupRatio", Setting, false),
    ("LogConsumeEnabled", Setting, false),
    ("checkin_setting.enabled", Setting, false),
    ("checkin_setting.min_quota", Setting, false),
    ("checkin_setting.max_quota", Setting, false),
    ("general_setting.quota_display_type", Setting, false),
    ("general_setting.custom_currency_symbol", Setting, false),
    ("general_setting.custom_currency_exchange_rate", Setting, false),
    ("grok.violation_deduction_amount", Setting, false),
    ("grok.violation_deduction_enabled", Setting, false),
    ("quota_setting.enable_free_model_pre_consume", Setting, false),
    ("ExposeRatioEnabled", Ignored, false),
    ("UserUsableGroups", Ignored, false),
    ("group_ratio_setting.group_special_usable_group", Ignored, false),
];

/// The words of `--profile`.
pub(super) const PROFILES: &[&str] =
    &["auto", "new-api", "new-api-2025", "new-api-2024", "veloera", "one-api", "one-api-2023", "one-hub", "laisky", "exact"];

pub(super) fn fold(key: &str) -> String {
    key.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

/// What a key means, and its name in the table.
pub(super) fn find(key: &str) -> Option<(Word, &'static str)> {
    let key = fold(key);
    WORDS.iter().find(|(name, ..)| fold(name) == key).map(|(name, word, _)| (*word, *name))
}

/// Whether a word is known to the gateways too, not only to quota's own files.
pub(super) fn is_option(word: Word) -> bool {
    matches!(word, Map(_) | GroupGroup | BillingMode | BillingExpr | CompletionMeta | QuotaPerUnit | Setting | Ignored)
}

/// The known word that a key was most likely meant to be.
pub(super) fn nearest_key(key: &str) -> Option<&'static str> {
    nearest(key, WORDS.iter().filter(|(.., own)| *own).map(|(name, ..)| *name))
}

/// The nearest of some names, if it is near.
pub(super) fn nearest<'a>(key: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let key = fold(crate::log::shorten(key).as_str());
    let distance = |name: &str| strsim::damerau_levenshtein(&key, &fold(name));
    let near = |name: &str, distance: usize| distance <= 1 + fold(name).chars().count() / 4;
    let best = names.into_iter().map(|name| (distance(name), name)).min()?;
    near(best.1, best.0).then_some(best.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn option_names_and_own_words_are_the_same_words() {
        for name in ["ModelRatio", "model_ratio", "model-ratio", "modelRatio"] {
            assert_eq!(find(name), Some((Map(MapName::ModelRatio), "model_ratio")), "{name}");
        }
        assert_eq!(find("SMTPServer"), None);
    }

    #[test]
    fn the_nearest_word_is_proposed_only_if_it_is_near() {
        assert_eq!(nearest_key("modle_ratio"), Some("model_ratio"));
        assert_eq!(nearest_key("grp_ratio"), Some("group_ratio"));
        assert_eq!(nearest_key("smtp_server"), None);
    }
}
