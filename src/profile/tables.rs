//! Looking a number up: in the config, else in the gateway's built-in tables.

use std::collections::HashMap;

use crate::config::{Config, Found, Map, MapName, Number};

/// A map of the config where it is given, else the gateway's built-in one.
#[derive(Clone, Copy, Debug)]
pub struct Tables<'c> {
    pub config: &'c Config,
    pub defaults: &'static Config,
}

/// What is known of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    Number(Number),
    Absent,
    /// The config's source cannot carry this kind of number.
    Unknown,
}

impl Tables<'_> {
    /// The gateway's own tables alone.
    pub fn built_in(&self) -> Tables<'static> {
        Tables { config: self.defaults, defaults: self.defaults }
    }

    /// All numbers of a map; none where the config's source cannot carry it.
    pub fn numbers(&self, map: MapName) -> Option<&HashMap<String, Number>> {
        self.config.map(map).numbers(self.defaults.map(map))
    }

    pub fn get(&self, map: MapName, name: &str) -> Known {
        match self.config.map(map).get(name) {
            Found::Number(number) => Known::Number(number),
            Found::Absent => Known::Absent,
            Found::Unknown => Known::Unknown,
            Found::Default => match self.defaults.map(map) {
                Map::Given(numbers) => numbers.get(name).map_or(Known::Absent, |number| Known::Number(*number)),
                _ => Known::Absent,
            },
        }
    }
}
