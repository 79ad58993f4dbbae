//! The text of `other` with its keys in order.
//!
//! Some writers put the keys of an object down in any order, so that hardly a text is like another:
//!
//! ```text
//! {""model_ratio"":1.25,""frt"":1644,""cache_ratio"":0.25}
//! {"cache_ratio":0.25,"frt":1644,"model_ratio":1.25}
//! ```
//!
//! Where templates do not fit, the pairs are sorted, and one template fits them all. The order of keys changes nothing in what an
//! object says, as long as no key comes twice. Only objects without spaces between their pairs are sorted.

use std::ops::Range;

use super::bytes::start;
use super::scan::text_end;
use super::template::Quoting;

/// Buffers that are used again.
#[derive(Clone, Debug, Default)]
pub struct Sorter {
    plain: Vec<u8>,
    pairs: Vec<Pair>,
    sorted: Vec<u8>,
}

/// Where a pair stands: its key begins there, its value behind the colon.
#[derive(Clone, Copy, Debug)]
struct Pair {
    /// The first bytes of its key, which mostly tell where it belongs.
    first: u64,
    start: usize,
    colon: usize,
    end: usize,
}

impl Sorter {
    /// The object with its keys in order; none where it is not one by the rules.
    pub fn sort(&mut self, text: &[u8], quoting: Quoting) -> Option<&[u8]> {
        quoting.undo(text, &mut self.plain)?;
        self.split()?;
        let plain = &self.plain;
        let key = |pair: &Pair| &plain[pair.start..pair.colon];
        self.pairs.sort_unstable_by(|a, b| a.first.cmp(&b.first).then_with(|| key(a).cmp(key(b))));
        if self.pairs.windows(2).any(|pairs| pairs[0].first == pairs[1].first && key(&pairs[0]) == key(&pairs[1])) {
            return None;
        }
        self.sorted.clear();
        for pair in &self.pairs {
            self.sorted.push(if self.sorted.is_empty() { b'{' } else { b',' });
            self.sorted.extend_from_slice(&plain[pair.start..pair.end]);
        }
        self.sorted.push(b'}');
        Some(&self.sorted)
    }

    fn split(&mut self) -> Option<()> {
        let bytes = self.plain.strip_prefix(b"{").map(|_| self.plain.as_slice())?;
        self.pairs.clear();
        let mut start = 1;
        loop {
            let (close, is_escaped) = text_end(bytes, behind(bytes, start, b'"')?)?;
            let colon = close + 1;
            let end = value_end(bytes, behind(bytes, colon, b':')?)?;
            // Two ways to write one key would not be seen.
            if is_escaped {
                return None;
            }
            self.pairs.push(Pair { first: first(bytes, start..colon), start, colon, end });
            start = end + 1;
            match bytes.get(end)? {
                b',' => {}
                b'}' => return (start == bytes.len()).then_some(()),
                _ => return None,
            }
        }
    }
}

/// Up to 8 bytes of a key behind its quote, as a number that is in the order of the keys.
fn first(bytes: &[u8], key: Range<usize>) -> u64 {
    start(bytes, key.start + 1..key.end).swap_bytes()
}

fn behind(bytes: &[u8], at: usize, byte: u8) -> Option<usize> {
    (bytes.get(at) == Some(&byte)).then_some(at + 1)
}

/// Where a value ends that begins there.
fn value_end(bytes: &[u8], start: usize) -> Option<usize> {
    let (mut at, mut depth) = (start, 0_usize);
    loop {
        match bytes.get(at)? {
            b'"' => at = text_end(bytes, at + 1)?.0,
            b'{' | b'[' => depth += 1,
            b'}' | b',' if depth == 0 => return Some(at),
            b'}' | b']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let sorted = |text: &str, quoting| Sorter::default().sort(text.as_bytes(), quoting).map(<[u8]>::to_vec);
        let expected = expected.map(|text| text.as_bytes().to_vec());
        assert_eq!(sorted(text, Quoting::Bare), expected, "{text}");
        assert_eq!(sorted(&text.replace('"', "\"\""), Quoting::Csv), expected, "{text}");
        assert_eq!(sorted(&text.replace('\\', "\\\\").replace('"', "\\\""), Quoting::Json), expected, "{text}");
    }

    #[test]
    fn pairs_are_sorted_by_their_keys() {
        check(r#"{"b":1,"a":{"z":"}","y":[0,1]},"c":"x\",\\"}"#, Some(r#"{"a":{"z":"}","y":[0,1]},"b":1,"c":"x\",\\"}"#));
        check(r#"{"ab":1,"a":2}"#, Some(r#"{"a":2,"ab":1}"#));
        check(r#"{"cache_tokens":1,"cache_ratio":2,"cache_t":3}"#, Some(r#"{"cache_ratio":2,"cache_t":3,"cache_tokens":1}"#));
    }

    #[test]
    fn what_is_no_object_by_the_rules_is_left() {
        for text in [
            "",
            "{}",
            "null",
            r#"{"a":1,"a":1}"#,
            r#"{"\u0061":1}"#,
            r#"{"a": 1, "b":2}"#,
            r#"{"a":1}}"#,
            r#"{"a":1"#,
            r#"{"a":1,}"#,
            r#"{"a"}"#,
            r#"{"a":]}"#,
        ] {
            check(text, None);
        }
    }
}
