//! Images: a row names neither their size nor their number, so its charge is one of a few amounts.

use crate::exact::Ratio;
use crate::pricing::Allowed;

/// What a model's images may have cost beside its ratio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Factors of size and quality beside 1.
    pub sizes: &'static [Ratio],
    pub least: i64,
    pub most: i64,
}

const DALL_E_2: &[Ratio] = &[Ratio::new(1125, -3), Ratio::new(125, -2)];
/// The tall sizes count twice; `hd` counts twice too, and the tall ones in `hd` three times.
const DALL_E_3: &[Ratio] = &[Ratio::new(2, 0), Ratio::new(3, 0)];

/// The limits of a model, by the name that prices it.
pub fn limits(name: &str) -> Limits {
    let most = |most: i64| Limits { sizes: &[], least: 1, most };
    match name {
        "dall-e-2" => Limits { sizes: DALL_E_2, ..most(10) },
        "dall-e-3" => Limits { sizes: DALL_E_3, ..most(1) },
        "cogview-3" | "step-1x-medium" => most(1),
        "ali-stable-diffusion-xl" | "ali-stable-diffusion-v1.5" | "wanx-v1" => most(4),
        // The gateway takes any number, below 0 too.
        _ => Limits { least: -Allowed::MANY, ..most(Allowed::MANY) },
    }
}

/// The name with which an image may have been asked for and priced, where the row leaves a part of it out.
pub fn whole_name(logged: &str) -> Option<&'static str> {
    match logged {
        "stable-diffusion-xl" => Some("ali-stable-diffusion-xl"),
        "stable-diffusion-v1.5" => Some("ali-stable-diffusion-v1.5"),
        _ => None,
    }
}
