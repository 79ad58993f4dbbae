//! Refunds of failed jobs: they stand in the text of system rows, and go by the price of a call whatever the job was charged.
//!
//! A job whose model is priced by tokens was charged `ceil(1·in)` and gets `trunc(1000·in)` back. A refund names no model, so this is
//! known only where the user has no charge left that the amount could give back in full.

use crate::exact::{Charged, Exact, Points, Ratio};
use crate::log::LogEntry;
use crate::pricing::{Formula, Sum, Terms, price};
use crate::profile::{Memory, Quirk, Rating, Skip};

use super::quote::Quote;
use super::usage::Usage;

/// Remembers a charge that has the shape of a job: one prompt token and nothing else.
pub fn remember(entry: &LogEntry<'_>, usage: &Usage<'_>, own: Option<&Quote>, terms: &Terms, memory: &mut Memory) {
    let (Some(own), Some(Charged::Points(Points(paid)))) = (own, &entry.charged) else { return };
    if usage.prompt != 1 || usage.completion != 0 || !usage.tools.is_empty() {
        return;
    }
    let formula = Formula::Sum(Sum::OneHubCall);
    let call = Terms { formula, price: own.input, group_ratio: own.group, surcharges: Vec::new(), ..terms.clone() };
    let back = price(&call).points.0;
    if back != 0 {
        memory.remember_job(&key(entry, back), back - paid);
    }
}

/// A system row: one that gives back more than was charged is noted.
pub fn rate(entry: &LogEntry<'_>, quota_per_unit: Ratio, memory: &mut Memory) -> Rating {
    let more = amount(entry.content, quota_per_unit).and_then(|back| memory.take_job(&key(entry, back)));
    match more {
        Some(more) if more > 0 => Rating::Noted(Skip::System, Quirk::RefundExceedsCharge, i128::from(more)),
        _ => Rating::Skipped(Skip::System),
    }
}

fn key(entry: &LogEntry<'_>, back: i64) -> String {
    format!("{back} {} {}", entry.user_id, entry.user)
}

/// The points of `异步任务执行失败 ID，补偿 ＄0.100000 额度` or `构图失败 ID，补偿 50000 点额度`.
fn amount(content: &str, quota_per_unit: Ratio) -> Option<i64> {
    if !content.starts_with("异步任务执行失败") && !content.starts_with("构图失败") {
        return None;
    }
    let text = content.rsplit_once("，补偿 ")?.1;
    if let Some(points) = text.strip_suffix(" 点额度") {
        return points.parse().ok();
    }
    let usd: Ratio = text.strip_suffix(" 额度")?.strip_prefix('＄')?.parse().ok()?;
    Some(Points::saturating(&(Exact::from(usd) * quota_per_unit).round_half_away()).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_name_the_amount() {
        for (content, points) in [
            ("异步任务执行失败 83241a90，补偿 ＄0.100000 额度", Some(50_000)),
            ("构图失败 1795474424753018，补偿 50000 点额度", Some(50_000)),
            ("新用户注册赠送 ＄2.000000 额度", None),
        ] {
            assert_eq!(amount(content, Ratio::from(500_000)), points, "{content}");
        }
    }
}
