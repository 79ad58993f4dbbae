//! Text within XML and HTML.

use super::text::printable;

/// A text that is nothing but text in an element or an attribute. Characters that act elsewhere are shown as `\u{…}`.
pub fn escaped(text: &str) -> String {
    let printable = printable(text);
    let mut safe = String::with_capacity(printable.len() + 8);
    for c in printable.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '`' => safe.push_str("&#96;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn nothing_ends_an_element_or_an_attribute() {
        assert_eq!(escaped("<a href='x' b=\"`\">&]]>"), "&lt;a href=&#39;x&#39; b=&quot;&#96;&quot;&gt;&amp;]]&gt;");
        assert_eq!(escaped("\0\u{1b}"), "\\u{0}\\u{1b}");
    }
}
