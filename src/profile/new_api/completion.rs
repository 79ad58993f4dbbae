use crate::exact::Ratio;
pub fn effective(_name: &str, option: Option<Ratio>) -> (Ratio, bool) { (option.unwrap_or(Ratio::ONE), false) }
