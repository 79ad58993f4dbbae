//! Prices that are related to a wrong charge, looked up once for all rows that have the same ones.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::diagnose::{Look, models_nearly};
use crate::details::Details;
use crate::float::estimate::Sums;
use crate::log::LogEntry;
use crate::pricing::{Mode, Terms};
use crate::profile::{self, Context, Profile, Related, RelatedModel};

/// What was looked up so far; it never changes a result.
#[derive(Debug, Default)]
pub(super) struct Known {
    related: Looked<Related>,
    models: Looked<Vec<RelatedModel>>,
    nearly: Looked<Option<Arc<Sums>>>,
}

/// Results of one kind by their key.
#[derive(Debug)]
struct Looked<T>(RefCell<HashMap<Key, Rc<T>>>);

impl<T> Default for Looked<T> {
    fn default() -> Looked<T> {
        Looked(RefCell::default())
    }
}

impl<T> Looked<T> {
    fn get(&self, key: Key, find: impl FnOnce() -> T) -> Rc<T> {
        if let Some(known) = self.0.borrow().get(&key) {
            return Rc::clone(known);
        }
        let found = Rc::new(find());
        let mut known = self.0.borrow_mut();
        if known.len() >= MOST_RELATED {
            known.clear();
        }
        known.insert(key, Rc::clone(&found));
        found
    }
}

/// Wrong charges with the same key have the same related prices.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    profile: Profile,
    config: usize,
    /// None where all models are looked up.
    model: Option<String>,
    group: String,
    channel: String,
    upstream: Option<String>,
    mode: Mode,
    classes: u32,
}

/// So many keys are remembered.
const MOST_RELATED: usize = 4_096;

/// Looks up the prices that are related to a row.
pub(super) struct Lookup<'l, 'a> {
    pub profile: Profile,
    pub entry: &'l LogEntry<'a>,
    pub details: &'l Details<'a>,
    pub context: &'l Context<'l>,
    pub known: &'l Known,
}

impl Lookup<'_, '_> {
    fn key(&self, terms: &Terms, model: Option<&str>) -> Key {
        let used = terms.usage.iter().filter(|(_, tokens)| *tokens != 0);
        Key {
            profile: self.profile,
            config: std::ptr::from_ref(self.context.config).addr(),
            model: model.map(str::to_owned),
            group: self.entry.group.to_owned(),
            channel: self.entry.channel.to_owned(),
            upstream: profile::upstream_of(self.entry, self.details),
            mode: terms.formula.mode(),
            classes: used.fold(0, |mask, (class, _)| mask | 1 << class as u32),
        }
    }
}

impl Look for Lookup<'_, '_> {
    fn related(&self, terms: &Terms) -> Rc<Related> {
        let find = || profile::related(self.profile, self.entry, self.details, self.context);
        if is_of_its_own(terms) { Rc::new(find()) } else { self.known.related.get(self.key(terms, Some(self.entry.model)), find) }
    }

    fn models(&self, terms: &Terms) -> Rc<Vec<RelatedModel>> {
        let find = || profile::models(self.profile, self.entry, self.details, self.context);
        if is_of_its_own(terms) { Rc::new(find()) } else { self.known.models.get(self.key(terms, None), find) }
    }

    fn models_nearly(&self, terms: &Terms) -> Option<Arc<Sums>> {
        let find = || models_nearly(&self.models(terms), terms).map(Arc::new);
        if is_of_its_own(terms) { find() } else { (*self.known.nearly.get(self.key(terms, None), find)).clone() }
    }

    fn as_model(&self, name: &str) -> Option<Terms> {
        profile::as_model(name, self.profile, self.entry, self.details, self.context)
    }

    fn own_model(&self) -> Option<&str> {
        let is_mapped = profile::is_priced_as_mapped(self.profile, self.entry, self.details);
        (!is_mapped).then_some(self.entry.model)
    }

    fn other_mode(&self, terms: &Terms) -> Vec<Terms> {
        let other = if terms.formula.mode() == Mode::Call { Mode::Tokens } else { Mode::Call };
        profile::by_mode(other, self.profile, self.entry, self.details, self.context)
    }

    fn images(&self) -> Option<i64> {
        profile::images(self.profile, self.entry)
    }

    fn tiers(&self) -> Vec<RelatedModel> {
        profile::tiers(self.profile, self.entry, self.details, self.context)
    }
}

/// The price of an image depends on what its row says of it.
fn is_of_its_own(terms: &Terms) -> bool {
    !terms.multipliers.is_empty() || !terms.price_factors.is_empty()
}
