//! Text to tokens, one at a time.
//!
//! ```text
//! number  1  1_000  017  0x1F  0o17  0b101  1.5  .5  5.  1e3
//! text    "…"  '…'  with \n \x41 \101 \u4e2d \u{1F600}    `…` as it stands, `` is one `
//! word    letters, digits, _ and $; a few words are operators (in, not, and, let, if …)
//! sign    + - * / % ** ^ == != < <= > >= && || ! ? : ?? ?. . .. :: | , ; ( ) [ ] { } #
//! between blanks of any script, // to the end of the line, /* to */
//! ```

use super::{ErrorKind, ExprError, Span};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind<'a> {
    Integer(i64),
    Float(f64),
    Text(String),
    Word(&'a str),
    Sign(&'a str),
    End,
}

#[derive(Clone, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind<'a>,
    pub(super) span: Span,
}

/// Words that the language keeps for itself.
const OPERATORS: [&str; 11] = ["not", "in", "or", "and", "matches", "contains", "startsWith", "endsWith", "let", "if", "else"];

#[derive(Clone, Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

type Result<T> = std::result::Result<T, Box<ExprError>>;

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str, start: usize) -> Lexer<'a> {
        Lexer { text, at: start }
    }

    pub(super) fn next(&mut self) -> Result<Token<'a>> {
        self.skip_blanks()?;
        let start = self.at;
        let kind = self.token()?;
        Ok(Token { kind, span: start..self.at })
    }

    fn token(&mut self) -> Result<Kind<'a>> {
        let start = self.at;
        let Some(first) = self.bump() else { return Ok(Kind::End) };
        match first {
            '"' | '\'' => self.quoted(first).map(Kind::Text),
            '`' => self.raw().map(Kind::Text),
            'b' | 'B' if matches!(self.peek(), Some('"' | '\'')) => {
                Err(self.error(ErrorKind::Unsupported, start, "byte strings are not supported"))
            }
            '0'..='9' => self.number(start),
            '.' if self.peek().is_some_and(|c| c.is_ascii_digit()) => self.number(start),
            _ if is_word(first) => Ok(self.word(start)),
            _ => self.sign(start, first),
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn accept(&mut self, set: &str) -> bool {
        let accepted = self.peek().is_some_and(|c| set.contains(c));
        if accepted {
            self.bump();
        }
        accepted
    }

    fn accept_all(&mut self, set: &str) {
        while self.accept(set) {}
    }

    fn error(&self, kind: ErrorKind, start: usize, message: impl Into<String>) -> Box<ExprError> {
        Box::new(ExprError { kind, span: start..self.at, message: message.into() })
    }

    fn syntax(&self, start: usize, message: impl Into<String>) -> Box<ExprError> {
        self.error(ErrorKind::Syntax, start, message)
    }

    fn skip_blanks(&mut self) -> Result<()> {
        loop {
            let start = self.at;
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start().len();
            if self.rest().starts_with("//") {
                self.at = self.rest().find('\n').map_or(self.text.len(), |end| self.at + end + 1);
            } else if let Some(comment) = self.rest().strip_prefix("/*") {
                let open = self.at;
                match comment.find("*/") {
                    Some(end) => self.at += end + 4,
                    None => {
                        self.at = self.text.len();
                        return Err(self.syntax(open, "this comment does not end"));
                    }
                }
            }
            if self.at == start {
                return Ok(());
            }
        }
    }

    fn word(&mut self, start: usize) -> Kind<'a> {
        while self.peek().is_some_and(is_word) {
            self.bump();
        }
        let word = &self.text[start..self.at];
        if OPERATORS.contains(&word) { Kind::Sign(word) } else { Kind::Word(word) }
    }

    fn sign(&mut self, start: usize, first: char) -> Result<Kind<'a>> {
        let second = match first {
            '|' => "|",
            ':' => ":",
            '.' => ".",
            '?' => ".?",
            // So `p>*c` is one sign, and one that nobody knows.
            '&' | '!' | '=' | '*' | '<' | '>' => "&=*",
            '(' | ')' | '[' | ']' | '{' | '}' | ',' | ';' | '%' | '+' | '-' | '^' | '/' | '#' => "",
            _ => return Err(self.syntax(start, format!("`{}` does not belong in an expression", first.escape_debug()))),
        };
        self.accept(second);
        Ok(Kind::Sign(&self.text[start..self.at]))
    }

    fn number(&mut self, start: usize) -> Result<Kind<'a>> {
        self.at = start;
        self.accept(".");
        self.number_end();
        if self.peek().is_some_and(is_word) {
            self.bump();
            return Err(self.syntax(start, "a number ends in a letter"));
        }
        let digits = self.text[start..self.at].replace('_', "").to_ascii_lowercase();
        let value = if let Some(hex) = digits.strip_prefix("0x") {
            integer(hex, 16)
        } else if digits.contains(['.', 'e']) {
            digits.parse().ok().filter(|value: &f64| value.is_finite()).map(Kind::Float)
        } else if let Some(binary) = digits.strip_prefix("0b") {
            integer(binary, 2)
        } else if let Some(octal) = digits.strip_prefix("0o") {
            integer(octal, 8)
        } else {
            integer(&digits, 10)
        };
        value.ok_or_else(|| self.syntax(start, "not a number that 64 bits hold"))
    }

    fn number_end(&mut self) {
        let mut digits = "0123456789_";
        if self.accept("0") {
            if self.accept("xX") {
                digits = "0123456789abcdefABCDEF_";
            } else if self.accept("oO") {
                digits = "01234567_";
            } else if self.accept("bB") {
                digits = "01_";
            }
        }
        self.accept_all(digits);
        if self.rest().starts_with("..") {
            return;
        }
        if self.accept(".") {
            self.accept_all(digits);
        }
        if self.accept("eE") {
            self.accept("+-");
            self.accept_all(digits);
        }
    }

    /// The rest of a text in backquotes.
    fn raw(&mut self) -> Result<String> {
        let start = self.at;
        let mut text = String::new();
        loop {
            match self.bump() {
                Some('`') if !self.accept("`") => return Ok(text),
                Some(other) => text.push(other),
                None => return Err(self.syntax(start, "this text does not end")),
            }
        }
    }

    /// The rest of a text in quotes.
    fn quoted(&mut self, quote: char) -> Result<String> {
        let start = self.at;
        let mut text = String::new();
        loop {
            match self.bump() {
                Some(end) if end == quote => return Ok(text),
                Some('\\') => text.push(self.escape(quote)?),
                Some('\r') => text.push('\n'),
                Some('\n') | None => return Err(self.syntax(start, "this text does not end")),
                Some(other) => text.push(other),
            }
        }
    }

    fn escape(&mut self, quote: char) -> Result<char> {
        let start = self.at - 1;
        let code = match self.bump() {
            Some('a') => Some(7),
            Some('b') => Some(8),
            Some('t') => Some(9),
            Some('n') => Some(10),
            Some('v') => Some(11),
            Some('f') => Some(12),
            Some('r') => Some(13),
            Some('\\') => Some(u32::from('\\')),
            Some(same) if same == quote => Some(u32::from(quote)),
            Some('0'..='3') => {
                self.at -= 1;
                self.digits(3, 8)
            }
            Some('x') => self.digits(2, 16),
            Some('u') if self.accept("{") => {
                let length = self.rest().bytes().take(6).take_while(u8::is_ascii_hexdigit).count();
                self.digits(length, 16).filter(|_| self.accept("}"))
            }
            Some('u') => self.digits(4, 16),
            Some('U') => self.digits(8, 16),
            _ => None,
        };
        match code {
            // Half of a pair in UTF-16 becomes the replacement character.
            Some(code @ 0xd800..=0xdfff) => Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)),
            Some(code) => char::from_u32(code).ok_or_else(|| self.syntax(start, "no such character")),
            None => Err(self.syntax(start, "no such escape")),
        }
    }

    fn digits(&mut self, length: usize, radix: u32) -> Option<u32> {
        let digits = self.rest().get(..length).filter(|text| text.bytes().all(|b| b.is_ascii_alphanumeric()))?;
        let value = u32::from_str_radix(digits, radix).ok()?;
        self.at += length;
        Some(value)
    }
}

fn integer<'a>(digits: &str, radix: u32) -> Option<Kind<'a>> {
    // A second sign would be read as part of the number.
    let plain = digits.bytes().all(|b| b.is_ascii_alphanumeric());
    i64::from_str_radix(digits, radix).ok().filter(|_| plain).map(Kind::Integer)
}

fn is_word(c: char) -> bool {
    c == '_' || c == '$' || c.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Kind<'_>>> {
        let mut lexer = Lexer::new(text, 0);
        let mut kinds = Vec::new();
        loop {
            match lexer.next()?.kind {
                Kind::End => return Ok(kinds),
                kind => kinds.push(kind),
            }
        }
    }

    #[track_caller]
    fn check(text: &str, expected: &[Kind]) {
        assert_eq!(read(text).unwrap(), expected, "{text}");
    }

    #[test]
    fn numbers() {
        check("1_0__0_", &[Kind::Integer(100)]);
        check("017 0x1F 0b101 0o17 0X_f", &[17, 31, 5, 15, 15].map(Kind::Integer));
        check("1.5 .5 5. 1e3 1_000e-1 1.e2", &[1.5, 0.5, 5.0, 1000.0, 100.0, 100.0].map(Kind::Float));
        check("1..3", &[Kind::Integer(1), Kind::Sign(".."), Kind::Integer(3)]);
        check("1.5.5", &[Kind::Float(1.5), Kind::Float(0.5)]);
        for broken in ["1e", "1e400", "9223372036854775808", "0x", "0x1.8", "0b12", "5p", ".5.5", "0b1e1"] {
            assert!(read(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn texts() {
        let text = |text: &str| Kind::Text(text.to_owned());
        check(r#""a\"b" 'it''s'"#, &[text("a\"b"), text("it"), text("s")]);
        check(r#""\x41\101\u4e2d\u{1F600}\U0001F600\ud800""#, &[text("AA中😀😀\u{fffd}")]);
        check("`a\\n``b`", &[text("a\\n`b")]);
        for broken in
            ["\"", "'a\"", "\"\\q\"", "\"\n\"", "`", "\"\\", "\"\\x4\"", "\"\\u{110000}\"", "\"\\u{}\"", "\"\\401\"", "'\\\"'"]
        {
            assert!(read(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn blanks_and_comments() {
        check("\u{a0}p// one\n/* two */ /**/", &[Kind::Word("p")]);
        check("a/b", &[Kind::Word("a"), Kind::Sign("/"), Kind::Word("b")]);
        assert!(read("\u{feff}p").is_err() && read("p /* x").is_err());
    }

    #[test]
    fn signs_are_as_long_as_they_can_be() {
        check(
            "a<=b**c??d",
            &["a", "b", "c", "d"]
                .map(Kind::Word)
                .into_iter()
                .zip(["<=", "**", "??", ""].map(Kind::Sign))
                .flat_map(|(a, b)| [a, b])
                .take(7)
                .collect::<Vec<_>>(),
        );
        check("p?.5", &[Kind::Word("p"), Kind::Sign("?."), Kind::Integer(5)]);
    }
}
