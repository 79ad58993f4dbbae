use crate::config::Config;
pub fn new_api() -> &'static Config { static C: std::sync::OnceLock<Config> = std::sync::OnceLock::new(); C.get_or_init(Config::default) }
