//! What the config's groups say, and what is seen only over several rows: requests charged twice, models that a group does
//! not hold, limits of requests, fallback groups.
//!
//! Memory is bounded: the last 131,072 charges with a request id, 65,536 windows of (whom, minute or day), 65,536 tokens.
//! Rows may come in any order within that: oldest first, newest first, or pages of either.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Redaction;
use super::policy::{Policies, Policy};
use super::prints::RequestKey;
use super::recent::{Hint, Recent};
use super::totals::Span;
use crate::config::{Config, GroupRules};
use crate::details::Details;
use crate::exact::Points;
use crate::log::{Kind, LogEntry};
use crate::profile::new_api::Names;
use crate::profile::{Basis, Context};

/// How many windows are counted at once. Where there are more, the one farthest from the row's time is closed.
const WINDOWS: usize = 65_536;

/// How many tokens' groups are remembered; those that come later are not watched.
const TOKENS: usize = 65_536;

/// The type of refunds.
const REFUND: Kind = Kind::Code(6);

/// Watches charges as they come.
#[derive(Debug, Default)]
pub struct Watch {
    /// Requests that were charged. Two entries of one request that both take points, or both give some, are one too many.
    charged: Recent,
    limits: Limits,
    routes: Routes,
    /// What senders are called.
    pub redaction: Redaction,
}

impl Watch {
    /// What one charge shows. A refund, a settlement and a test of the operator's are no requests of a user.
    pub fn see(&mut self, entry: &LogEntry<'_>, details: &Details<'_>, context: &Context<'_>, charged: Points) -> Vec<Policy> {
        if !is_request(entry, details) {
            return Vec::new();
        }
        let mut seen = Vec::new();
        let request = RequestKey::of(entry.request_id.as_bytes(), charged);
        match request.map(RequestKey::key) {
            Some(key) if self.charged.has(key) => seen.push(Policy::DuplicateCharge),
            Some(key) => {
                self.charged.remember(key);
            }
            None => {}
        }
        let by_backup = details.flag("is_backup_group");
        if by_backup {
            seen.push(Policy::FallbackGroupUsed);
        }
        if Watch::looks_at_groups(context) {
            self.see_group(entry, context.config, by_backup, &mut seen);
        }
        seen
    }

    /// Whether rules of groups say something of rows.
    pub fn looks_at_groups(context: &Context<'_>) -> bool {
        context.basis == Basis::Config && !context.config.groups.is_empty()
    }

    /// What is known by now of some rows' requests: see [`Recent::foresee`].
    pub fn foresee(&self, requests: impl Iterator<Item = Option<RequestKey>> + Clone, hints: &mut Vec<Hint>) {
        self.charged.foresee(requests.map(|request| request.map(RequestKey::key)), hints);
    }

    /// Whether a request was charged already.
    pub fn has_charged(&self, request: RequestKey, hint: Hint) -> bool {
        self.charged.has_by(request.key(), hint)
    }

    /// Remembers a request that was not charged before, in groups whose rules look at single rows alone.
    pub fn remember(&mut self, request: RequestKey) {
        self.charged.remember(request.key());
    }

    fn see_group(&mut self, entry: &LogEntry<'_>, config: &Config, by_backup: bool, seen: &mut Vec<Policy>) {
        let names = self.redaction.names(entry);
        let named = names.put_into(entry);
        let group = entry.group_or_default();
        if !is_held(group, entry.model, entry.content, config) {
            seen.push(Policy::ModelNotInGroup);
        }
        if let Some(rules) = config.groups.get(group) {
            self.limits.count(&named, group, rules);
        }
        if !by_backup && self.routes.is_by_fallback(&named, group, config) {
            seen.push(Policy::FallbackGroupUsed);
        }
    }

    /// What all rows show together: call it at the end of the run.
    pub fn close(self) -> Policies {
        let mut policies = self.limits.close();
        self.routes.close(&mut policies);
        policies
    }
}

/// Whether a charge is that of a user's request.
pub fn is_request(entry: &LogEntry<'_>, details: &Details<'_>) -> bool {
    entry.kind != REFUND && !details.has("task_id") && !entry.is_channel_test()
}

/// The group that counts: a row that names none is in the default one.
/// Who sent the request, as far as the row says.
pub fn who(entry: &LogEntry<'_>) -> String {
    match Sender::of(entry) {
        Sender::User(user) => format!("user `{user}`"),
        Sender::Token(token) => format!("token `{token}`"),
        Sender::Nobody => "nobody named".to_owned(),
    }
}

/// Whether the group holds the model: by the name that was asked for, or by the wildcard that the gateway folds it to. `content` is
/// that of the row.
pub fn is_held(group: &str, model: &str, content: &str, config: &Config) -> bool {
    let Some(rules) = config.groups.get(group) else { return true };
    let names = Names::of(model, content);
    let lists = |rules: &GroupRules| [names.bare, names.folded].into_iter().any(|name| rules.lists(name));
    let is_listed = || config.groups.values().any(|other| other.listed_only && lists(other));
    model.is_empty() || lists(rules) || (rules.listed_only && !is_listed())
}

/// Whose requests are counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Sender {
    User(String),
    /// Where the log names no users.
    Token(String),
    /// Where it names neither: the whole group.
    Nobody,
}

impl Sender {
    fn of(entry: &LogEntry<'_>) -> Sender {
        let named = |texts: [&str; 2]| texts.into_iter().find(|text| !text.is_empty()).map(str::to_owned);
        let token = || named([entry.token, entry.token_id]).map(Sender::Token);
        named([entry.user, entry.user_id]).map(Sender::User).or_else(token).unwrap_or(Sender::Nobody)
    }
}

/// How long a window is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Length {
    Minute,
    Day,
}

impl Length {
    fn seconds(self) -> i64 {
        match self {
            Length::Minute => 60,
            Length::Day => 86_400,
        }
    }

    fn allowed(self, rules: &GroupRules) -> Option<u64> {
        match self {
            Length::Minute => rules.requests_per_minute,
            Length::Day => rules.requests_per_day,
        }
    }
}

/// A minute or UTC day of one sender in one group; the earliest is the least.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Window {
    start: i64,
    length: Length,
    group: String,
    sender: Sender,
}

/// The requests in a window.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    requests: u64,
    allowed: u64,
    span: Span,
}

/// Requests by window. Windows that are closed tell at once whether they were too full.
#[derive(Debug, Default)]
struct Limits {
    open: BTreeMap<Window, Count>,
    told: Policies,
}

impl Limits {
    fn count(&mut self, entry: &LogEntry<'_>, group: &str, rules: &GroupRules) {
        let Some(time) = entry.time else { return };
        for length in [Length::Minute, Length::Day] {
            let Some(allowed) = length.allowed(rules) else { continue };
            let start = time - time.rem_euclid(length.seconds());
            let window = Window { start, length, group: group.to_owned(), sender: Sender::of(entry) };
            let count = self.open.entry(window).or_default();
            count.requests += 1;
            count.allowed = count.allowed.max(allowed);
            count.span.merge(Span::of(Some(time)));
        }
        if self.open.len() > WINDOWS {
            self.close_farthest(time);
        }
    }

    fn close_farthest(&mut self, time: i64) {
        let far = |window: Option<(&Window, &Count)>| window.map_or(0, |(window, _)| window.start.abs_diff(time));
        let first_is_farther = far(self.open.first_key_value()) >= far(self.open.last_key_value());
        let farthest = if first_is_farther { self.open.pop_first() } else { self.open.pop_last() };
        if let Some((window, count)) = farthest {
            tell(&mut self.told, &window, count);
        }
    }

    fn close(self) -> Policies {
        let mut told = self.told;
        self.open.into_iter().for_each(|(window, count)| tell(&mut told, &window, count));
        told
    }
}

fn tell(told: &mut Policies, window: &Window, count: Count) {
    let Count { requests, allowed, span } = count;
    let over = requests.saturating_sub(allowed);
    if over == 0 {
        return;
    }
    let sender = match &window.sender {
        Sender::User(user) => format!(", user `{user}`"),
        Sender::Token(token) => format!(", token `{token}`"),
        Sender::Nobody => String::new(),
    };
    let start = jiff::Timestamp::from_second(window.start).map(|time| time.to_string()).unwrap_or_default();
    let (when, per) = match window.length {
        Length::Minute => (start.replace(":00Z", "Z"), "a minute"),
        Length::Day => (start.chars().take(10).collect(), "a day"),
    };
    let detail = format!("group `{}`{sender}, {when}: {requests} requests, {allowed} {per} allowed, {over} over", window.group);
    told.add(Policy::RateLimitExceeded, detail, over, span);
}

/// Rows and times of one token in one group.
type Used = BTreeMap<String, (u64, Span)>;

/// Which groups served each token, where groups stand in for one another.
///
/// A log names the group that served a request, not the one that was asked. That a fallback served it is known where the row
/// says so (one-hub's `is_backup_group`, a user group that has this fallback), and else from the token: it has one usual group,
/// and rows of it in one of that group's fallbacks were served there. Where two groups are each other's fallback, the usual one
/// is that with more rows.
#[derive(Debug, Default)]
struct Routes {
    tokens: HashMap<(Sender, String), Used>,
    /// A group and one of its fallbacks.
    pairs: BTreeSet<(String, String)>,
}

impl Routes {
    /// Whether the row itself says that a fallback served it; else its token's groups are remembered.
    fn is_by_fallback(&mut self, entry: &LogEntry<'_>, group: &str, config: &Config) -> bool {
        let falls_back = |from: &str| config.groups.get(from).is_some_and(|rules| rules.fallback.iter().any(|to| to == group));
        if entry.user_group != group && falls_back(entry.user_group) {
            return true;
        }
        let before = config.groups.keys().filter(|from| *from != group && falls_back(from));
        let before: Vec<&String> = before.collect();
        let has_own = config.groups.get(group).is_some_and(|rules| !rules.fallback.is_empty());
        let token = if entry.token_id.is_empty() { entry.token } else { entry.token_id };
        if token.is_empty() || (before.is_empty() && !has_own) {
            return false;
        }
        for from in before {
            if !self.pairs.contains(&(from.clone(), group.to_owned())) {
                self.pairs.insert((from.clone(), group.to_owned()));
            }
        }
        self.remember(entry, token, group);
        false
    }

    fn remember(&mut self, entry: &LogEntry<'_>, token: &str, group: &str) {
        let name = if entry.token.is_empty() { token } else { entry.token };
        let key = (Sender::of(entry), name.to_owned());
        if self.tokens.len() >= TOKENS && !self.tokens.contains_key(&key) {
            return;
        }
        let (rows, span) = self.tokens.entry(key).or_default().entry(group.to_owned()).or_default();
        *rows += 1;
        span.merge(Span::of(entry.time));
    }

    fn close(&self, policies: &mut Policies) {
        for ((sender, token), used) in &self.tokens {
            for (from, to) in &self.pairs {
                if let (Some((usual, _)), Some((rows, span))) = (used.get(from), used.get(to))
                    && (usual > rows || !self.pairs.contains(&(to.clone(), from.clone())))
                {
                    let of = if let Sender::User(user) = sender { format!(" of user `{user}`") } else { String::new() };
                    let detail = format!("token `{token}`{of}: `{to}` served requests of its usual group `{from}`");
                    policies.add(Policy::FallbackGroupUsed, detail, *rows, *span);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Field, Place, Reading, Row};

    /// A row of (time, request id, model, group, user, token), 10 points.
    type Line<'a> = (i64, &'a str, &'a str, &'a str, &'a str, &'a str);

    fn config(text: &str) -> Config {
        let mut config = Config::default();
        for line in text.lines() {
            let (group, rules) = line.split_once(':').unwrap();
            let mut made = GroupRules::default();
            for word in rules.split_whitespace() {
                let (key, value) = word.split_once('=').unwrap();
                match key {
                    "models" => made.models = Some(value.split(',').map(str::to_owned).collect()),
                    "fallback" => made.fallback = vec![value.to_owned()],
                    "minute" => made.requests_per_minute = Some(value.parse().unwrap()),
                    "day" => made.requests_per_day = Some(value.parse().unwrap()),
                    "page" => made.listed_only = true,
                    other => panic!("{other}"),
                }
            }
            config.groups.insert(group.to_owned(), made);
        }
        config
    }

    /// Findings by row, and those of the end.
    type Told = (Vec<(usize, Policy)>, Vec<(Policy, String, u64)>);

    /// All that is found in rows.
    fn found(rules: &str, rows: &[Line<'_>]) -> Told {
        let config = config(rules);
        let quota_per_unit = crate::pricing::QUOTA_PER_UNIT;
        let context = Context { config: &config, basis: Basis::Config, quota_per_unit, veloera: false, other_mode: false };
        let mut watch = Watch::default();
        let mut seen = Vec::new();
        for (index, (time, request, model, group, user, token)) in rows.iter().enumerate() {
            let mut row = Row::default();
            row.clear(Place::default());
            row.set(Field::Time, &time.to_string());
            let fields = [Field::RequestId, Field::Model, Field::Group, Field::User, Field::Token];
            fields.into_iter().zip([request, model, group, user, token]).for_each(|(field, text)| row.set(field, text));
            let reading = Reading { time: &|text| text.parse().ok(), currency: None };
            let entry = LogEntry::parse(&row, &reading).unwrap();
            let policies = watch.see(&entry, &Details::default(), &context, Points(10));
            seen.extend(policies.into_iter().map(|policy| (index, policy)));
        }
        let end = watch.close();
        (seen, end.iter().map(|((policy, detail), (rows, _))| (*policy, detail.clone(), *rows)).collect())
    }

    /// The details that a log gives at the end, and again when its rows come newest first.
    #[track_caller]
    fn check_end(rules: &str, rows: &[Line<'_>], expected: &[(&str, u64)]) {
        let mut turned = rows.to_vec();
        turned.reverse();
        for rows in [rows, &turned] {
            let (_, end) = found(rules, rows);
            let end: Vec<(&str, u64)> = end.iter().map(|(_, detail, rows)| (detail.as_str(), *rows)).collect();
            assert_eq!(end, expected);
        }
    }

    const NOON: i64 = 1_767_268_800;

    #[test]
    fn a_minute_is_full_at_its_limit_and_too_full_beyond() {
        let row = |time: i64| (NOON + time, "", "m", "vip", "ann", "k");
        check_end("vip: minute=2", &[row(0), row(59), row(60), row(119)], &[]);
        let detail = "group `vip`, user `ann`, 2026-01-01T12:00Z: 4 requests, 2 a minute allowed, 2 over";
        check_end("vip: minute=2", &[row(0), row(1), row(58), row(59), row(60), row(61)], &[(detail, 2)]);
        check_end("other: minute=2", &[row(0), row(1), row(2)], &[]);
    }

    #[test]
    fn a_day_is_one_of_utc() {
        let row = |time: i64| (NOON + time, "", "m", "vip", "ann", "k");
        let rows = [row(0), row(3_600), row(43_199), row(43_200), row(-43_200), row(-43_201)];
        check_end("vip: day=3", &rows, &[("group `vip`, user `ann`, 2026-01-01: 4 requests, 3 a day allowed, 1 over", 1)]);
    }

    #[test]
    fn limits_hold_for_each_user_else_each_token_else_the_group() {
        let rows = |people: [(&'static str, &'static str); 3]| people.map(|(user, token)| (NOON, "", "m", "vip", user, token));
        check_end("vip: minute=1", &rows([("ann", "a"), ("bob", "a"), ("cid", "a")]), &[]);
        let ann = "group `vip`, user `ann`, 2026-01-01T12:00Z: 2 requests, 1 a minute allowed, 1 over";
        check_end("vip: minute=1", &rows([("ann", "a"), ("ann", "b"), ("bob", "b")]), &[(ann, 1)]);
        let token = "group `vip`, token `a`, 2026-01-01T12:00Z: 2 requests, 1 a minute allowed, 1 over";
        check_end("vip: minute=1", &rows([("", "a"), ("", "a"), ("", "b")]), &[(token, 1)]);
        let all = "group `vip`, 2026-01-01T12:00Z: 3 requests, 1 a minute allowed, 2 over";
        check_end("vip: minute=1", &rows([("", ""), ("", ""), ("", "")]), &[(all, 2)]);
    }

    #[test]
    fn windows_that_are_pushed_out_tell_what_they_held() {
        let mut limits = Limits::default();
        let rules = GroupRules { requests_per_minute: Some(1), ..GroupRules::default() };
        let mut row = Row::default();
        row.set(Field::Model, "m");
        let reading = Reading { time: &|_| None, currency: None };
        let mut entry = LogEntry::parse(&row, &reading).unwrap();
        for minute in 0..WINDOWS as i64 + 500 {
            entry.time = Some(NOON - minute * 60);
            limits.count(&entry, "vip", &rules);
            limits.count(&entry, "vip", &rules);
        }
        assert_eq!(limits.open.len(), WINDOWS);
        let told: u64 = limits.close().iter().map(|(_, (rows, _))| *rows).sum();
        assert_eq!(told, WINDOWS as u64 + 500);
    }

    #[test]
    fn a_group_holds_what_its_list_says() {
        let row = |model: &'static str, group: &'static str| (NOON, "", model, group, "ann", "k");
        let rules = "code: models=claude-*,qwen3*-max,gpt-4-gizmo-*\nall: minute=9";
        let rows = [
            row("claude-sonnet-4-5", "code"),
            row("qwen3-max", "code"),
            row("gpt-4o", "code"),
            row("gpt-4-gizmo-g-abc", "code"),
            row("gpt-4o", "all"),
            row("gpt-4o", "unheard-of"),
            row("", "code"),
        ];
        assert_eq!(found(rules, &rows).0, [(2, Policy::ModelNotInGroup)]);
    }

    #[test]
    fn a_price_page_says_nothing_of_models_that_it_does_not_list() {
        let row = |model: &'static str, group: &'static str| (NOON, "", model, group, "ann", "k");
        let rules = "a: models=m1,gemini-2.5-pro-thinking-* page=1\nb: models=m2 page=1";
        let rows = [row("m1", "a"), row("m2", "a"), row("gone", "a"), row("gemini-2.5-pro-thinking-99", "b"), row("m1", "")];
        assert_eq!(found(rules, &rows).0, [(1, Policy::ModelNotInGroup), (3, Policy::ModelNotInGroup)]);
    }

    #[test]
    fn a_request_that_is_charged_twice_is_found_at_its_second_row() {
        let row = |request: &'static str| (NOON, request, "m", "vip", "ann", "k");
        let rows = [row("a"), row("b"), row("a"), row(""), row(""), row("a")];
        assert_eq!(found("x: minute=1", &rows).0, [(2, Policy::DuplicateCharge), (5, Policy::DuplicateCharge)]);
    }

    #[test]
    fn a_token_in_a_fallback_of_its_usual_group_was_served_there() {
        let row = |group: &'static str, user: &'static str, token: &'static str| (NOON, "", "m", group, user, token);
        let rules = "code: fallback=default\ndefault: minute=9";
        let detail = "token `k` of user `ann`: `default` served requests of its usual group `code`";
        let used = [row("code", "ann", "k"), row("default", "ann", "k"), row("default", "ann", "k"), row("default", "ann", "own")];
        check_end(rules, &used, &[(detail, 2)]);
        check_end(rules, &[row("code", "ann", "k"), row("default", "bob", "k")], &[]);
        check_end(rules, &[row("code", "ann", ""), row("default", "ann", "")], &[]);
        let mutual = "code: fallback=default\ndefault: fallback=code";
        let one = [row("code", "ann", "k"), row("code", "ann", "k"), row("default", "ann", "k")];
        check_end(mutual, &one, &[(detail, 1)]);
    }
}
