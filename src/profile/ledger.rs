//! What a row moves on a user's balance: charges, top-ups, gifts, refunds, changes by an administrator.
//!
//! Amounts that stand only in the text of a row count too (`通过兑换码充值 ＄4.691356 额度`). In USD and in points they are exact; in
//! another currency they are known to the digits that are printed.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::details::Details;
use crate::exact::{Charged, Exact, Points, Ratio};
use crate::log::{Field, Kind, LogEntry};

/// A movement of one user's balance.
#[derive(Clone, Debug, PartialEq)]
pub struct Movement<'a> {
    /// The user's name; empty where only the id is known.
    pub user: &'a str,
    pub user_id: Cow<'a, str>,
    pub change: Change,
    /// What may make the balance differ from the log.
    pub doubt: Option<Doubt>,
}

/// By how much a balance moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Points, and how many they may be off by where the text is in another currency.
    Add { points: i128, slack: i128 },
    /// Set by an administrator: the row names both values.
    Set { from: i128, to: i128, slack: i128 },
    /// The amount is in a currency of which no rate is known.
    Unknown,
}

/// Why a row's charge may not be what the balance lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Doubt {
    ChannelTest,
    Realtime,
    /// A row without a charge: the estimate that was taken before the request may have been kept.
    KeptAdvance,
    /// A task of a user with a subscription, which may have paid for it.
    Subscription,
}

impl Doubt {
    pub fn sentence(self) -> &'static str {
        match self {
            Doubt::ChannelTest => "channel tests are logged and nobody pays for them",
            Doubt::Realtime => "realtime sessions are booked turn by turn and logged as a sum",
            Doubt::KeptAdvance => "an estimate that was taken before a request without usage may have been kept",
            Doubt::Subscription => "a subscription may have paid for tasks, which their rows do not say",
        }
    }
}

/// What amounts in texts are worth.
#[derive(Clone, Copy, Debug)]
pub struct Rates<'c> {
    pub quota_per_unit: Ratio,
    pub config: &'c Config,
}

/// The movement of a row, if it moves a balance.
pub fn movement<'a>(entry: &LogEntry<'a>, details: &Details<'a>, rates: Rates<'_>) -> Option<Movement<'a>> {
    let target = |user_id: Cow<'a, str>| Movement { user: "", user_id, change: Change::Unknown, doubt: None };
    let own = Movement { user: entry.user, user_id: Cow::Borrowed(entry.user_id), change: Change::Unknown, doubt: None };
    match entry.kind {
        Kind::Absent | Kind::Code(2 | 6 | 7) => {
            charge(entry, details, rates).map(|(points, doubt)| Movement { change: Change::Add { points, slack: 0 }, doubt, ..own })
        }
        Kind::Code(1) => Some(Movement { change: top_up(entry, rates), ..own }),
        Kind::Code(3) => match managed(details, rates) {
            Some((user_id, change)) => Some(Movement { change, ..target(user_id) }),
            None => Some(Movement { change: changed(entry, rates)?, ..own }),
        },
        Kind::Code(4 | 5) => Some(Movement { change: given(entry, rates)?, ..own }),
        Kind::Code(_) => None,
    }
}

fn points_of(entry: &LogEntry<'_>, rates: Rates<'_>) -> i128 {
    entry.charged.as_ref().map_or(0, |charged: &Charged| i128::from(charged.points(rates.quota_per_unit).0))
}

/// What a charge takes from the wallet.
fn charge(entry: &LogEntry<'_>, details: &Details<'_>, rates: Rates<'_>) -> Option<(i128, Option<Doubt>)> {
    let points = points_of(entry, rates);
    let is_laisky = entry.columns.contains(Field::Uuid) || entry.columns.contains(Field::OriginModel);
    match entry.kind {
        Kind::Code(7) => return (is_laisky && entry.content.starts_with("External ")).then_some((-points, None)),
        Kind::Code(6) if !is_laisky => return Some((points, None)),
        _ => {}
    }
    let is_one_hub = entry.columns.contains(Field::RequestTime) || entry.columns.contains(Field::SourceIp);
    // one-hub logs negative charges and does not book them; a subscription's rows are not taken from the wallet.
    if (is_one_hub && points < 0) || details.text("billing_source").as_deref() == Some("subscription") {
        return Some((0, Some(Doubt::Subscription).filter(|_| !is_one_hub)));
    }
    let doubt = if entry.is_channel_test() {
        Some(Doubt::ChannelTest)
    } else if details.flag("ws") {
        Some(Doubt::Realtime)
    } else if points == 0 && !details.has("request_path") {
        // new-api gives it back since 2025.
        Some(Doubt::KeptAdvance)
    } else {
        None
    };
    Some((-points, doubt))
}

fn top_up(entry: &LogEntry<'_>, rates: Rates<'_>) -> Change {
    match points_of(entry, rates) {
        0 => after(entry.content, &["充值 ", "Recharged via API ", "Recharged "]).map_or(Change::Unknown, |text| add(text, rates)),
        points => Change::Add { points, slack: 0 },
    }
}

/// An administrator's change of new-api since 2026: the row is the administrator's, the user stands in its details.
fn managed<'a>(details: &Details<'a>, rates: Rates<'_>) -> Option<(Cow<'a, str>, Change)> {
    let operation = details.nested("op").ok()?;
    let parameters = operation.nested("params").ok()?;
    let user = parameters.whole("target_user_id").ok()??;
    let amount = |key: &str| amount(&parameters.text(key)?, rates);
    let change = match operation.text("action")?.as_ref() {
        "user.quota_add" => amount("quota").map(|(points, slack)| Change::Add { points, slack }),
        "user.quota_subtract" => amount("quota").map(|(points, slack)| Change::Add { points: -points, slack }),
        "user.quota_override" => set(amount("from"), amount("to")),
        _ => return None,
    };
    Some((Cow::Owned(user.to_string()), change.unwrap_or(Change::Unknown)))
}

fn set(from: Option<(i128, i128)>, to: Option<(i128, i128)>) -> Option<Change> {
    let ((from, below), (to, above)) = (from?, to?);
    Some(Change::Set { from, to, slack: below + above })
}

/// `管理员将用户额度从 A修改为 B`, `Field quota changed from A to B`, or one-hub's amount in the column.
fn changed(entry: &LogEntry<'_>, rates: Rates<'_>) -> Option<Change> {
    let points = points_of(entry, rates);
    if points != 0 {
        return Some(Change::Add { points, slack: 0 });
    }
    let (from, to) = after(entry.content, &["用户额度从 "])
        .and_then(|rest| rest.split_once("修改为 "))
        .or_else(|| after(entry.content, &["quota changed from "]).and_then(|rest| rest.split_once(" to ")))?;
    Some(set(amount(from, rates), amount(to, rates)).unwrap_or(Change::Unknown))
}

/// Gifts, refunds of tasks, rebates and check-ins, whose amounts stand in the text.
fn given(entry: &LogEntry<'_>, rates: Rates<'_>) -> Option<Change> {
    let content = entry.content;
    // The inviter's credit; this row only tells its reason.
    if content.starts_with("为邀请者产生") {
        return None;
    }
    // one-api credits the gift for inviting at once; new-api and Veloera put it to an account of its own.
    if content.starts_with("邀请用户赠送") && !entry.columns.contains(Field::ElapsedTime) {
        return None;
    }
    let text = after(content, &["赠送 ", "返佣 ", "签到奖励 ", "补偿 ", "gift "])?;
    Some(add(text, rates))
}

fn after<'t>(text: &'t str, marks: &[&str]) -> Option<&'t str> {
    marks.iter().find_map(|mark| text.split_once(mark).map(|(_, rest)| rest))
}

fn add(text: &str, rates: Rates<'_>) -> Change {
    amount(text, rates).map_or(Change::Unknown, |(points, slack)| Change::Add { points, slack })
}

/// An amount at the start of a text: points, and how many they may be off by.
fn amount(text: &str, rates: Rates<'_>) -> Option<(i128, i128)> {
    let text = text.trim_start();
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let (sign, rest) = text.split_at(start);
    let (inner, sign) = sign.strip_suffix('-').map_or((false, sign), |sign| (true, sign));
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let (digits, unit) = rest.split_at(end);
    let number = Exact::parse(digits)?;
    let number = if negative != inner { -number } else { number };
    let (points, slack) = if sign.is_empty() && (unit.starts_with(" 点额度") || unit.starts_with(" point quota")) {
        (number, Exact::zero())
    } else {
        in_points(number, sign, rates)?
    };
    let whole = |exact: &Exact| i128::from(Points::saturating(&exact.round_half_away()).0);
    Some((whole(&points), whole(&slack)))
}

/// Money of a sign as points.
fn in_points(number: Exact, sign: &str, rates: Rates<'_>) -> Option<(Exact, Exact)> {
    let per_usd = match sign {
        "＄" | "$" => return Some((number * rates.quota_per_unit, Exact::zero())),
        "¥" | "￥" => setting(rates, "USDExchangeRate").or(Some(CNY_PER_USD)),
        _ => setting(rates, "general_setting.custom_currency_exchange_rate"),
    };
    let per_usd = Exact::from(per_usd.filter(|rate| !rate.is_zero())?);
    let half = Exact::from(Ratio::new(5, -1 - i16::try_from(number.decimals()).ok()?));
    let points = |amount: Exact| (amount * rates.quota_per_unit).divided_by(&per_usd, 6);
    Some((points(number), points(half) + Exact::from(1)))
}

/// What a fresh install takes.
const CNY_PER_USD: Ratio = Ratio::new(73, -1);

fn setting(rates: Rates<'_>, key: &str) -> Option<Ratio> {
    rates.config.settings.get(key)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(i128, i128)>) {
        let mut config = Config::default();
        config.settings.insert("USDExchangeRate".to_owned(), "7.3".to_owned());
        assert_eq!(amount(text, Rates { quota_per_unit: Ratio::from(500_000), config: &config }), expected);
    }

    #[test]
    fn amounts_of_texts() {
        check("＄4.691356 额度，兑换码ID 1", Some((2_345_678, 0)));
        check("-＄1.950000 额度, 备注: small", Some((-975_000, 0)));
        check("＄-0.014506 额度", Some((-7_253, 0)));
        check("12345 点额度", Some((12_345, 0)));
        check("777777 point quota", Some((777_777, 0)));
        check("¥0.180237 额度", Some((12_345, 1)));
        check("₿0.000008 额度", None);
    }
}
