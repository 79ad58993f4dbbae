//! The prices of tools that are compiled into one-hub (`relay/relay_util/extra_price.go`), in USD for one call.

use super::usage::Tool;
use crate::exact::Ratio;

/// The price of a tool; none for one that the gateway does not know.
pub fn price(tool: &Tool<'_>, model: &str) -> Option<Ratio> {
    Some(match tool.name.as_str() {
        "web_search_preview" if model.starts_with("gpt-4.1") || model.starts_with("gpt-4o") => Ratio::new(25, -3),
        "web_search_preview" => Ratio::new(1, -2),
        "file_search" => Ratio::new(25, -4),
        "code_interpreter" => Ratio::new(3, -2),
        "image_generation" => image(&tool.kind),
        _ => return None,
    })
}

/// By quality and size; every other word is free.
fn image(kind: &str) -> Ratio {
    let Some((quality, size)) = kind.split_once('-') else { return Ratio::ZERO };
    let [square, long] = match quality {
        "low" => [11, 16],
        "medium" => [42, 63],
        "high" => [167, 250],
        _ => return Ratio::ZERO,
    };
    match size {
        "1024x1024" => Ratio::new(square, -3),
        "1024x1536" | "1536x1024" => Ratio::new(long, -3),
        _ => Ratio::ZERO,
    }
}
