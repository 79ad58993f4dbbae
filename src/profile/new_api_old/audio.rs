//! The audio ratios, which go by the model's name and cannot be configured.

use crate::exact::Ratio;

/// 10 / 0.6 and 10 / 0.15, each rounded once to a float64 and written as its shortest text.
const MINI_REALTIME: Ratio = Ratio::new(16_666_666_666_666_668, -15);
const MINI_AUDIO: Ratio = Ratio::new(6_666_666_666_666_667, -14);

/// Audio output, relative to audio input.
pub const COMPLETION: Ratio = Ratio::new(2, 0);

/// Audio input, relative to text.
pub fn ratio(name: &str) -> Ratio {
    let mini = name.contains("mini");
    if name.contains("-realtime") {
        return match name {
            _ if name.ends_with("gpt-4o-realtime-preview-2024-12-17") => Ratio::from(8),
            _ if mini => MINI_REALTIME,
            _ => Ratio::from(20),
        };
    }
    match name {
        _ if !name.contains("-audio") => Ratio::from(20),
        _ if name.ends_with("gpt-4o-audio-preview-2024-12-17") => Ratio::from(16),
        _ if mini => MINI_AUDIO,
        _ => Ratio::from(40),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_goes_by_the_name() {
        for (name, expected) in [
            ("gpt-4o-realtime-preview-2024-12-17", "8"),
            ("gpt-4o-realtime-preview", "20"),
            ("gpt-4o-mini-realtime-preview", "16.666666666666668"),
            ("gpt-4o-audio-preview-2024-12-17", "16"),
            ("gpt-4o-mini-audio-preview", "66.66666666666667"),
            ("gpt-4o-audio-preview", "40"),
            ("rt-alias", "20"),
        ] {
            assert_eq!(ratio(name).to_string(), expected, "{name}");
        }
    }
}
