//! MoleAPI's export stream: JSON lines whose `csv` texts, joined, are one CSV file.

use std::io::{Error, Read, Result};

use serde::Deserialize;

use crate::read::window::{ROW_LIMIT, Window};

#[derive(Deserialize)]
struct Chunk {
    csv: String,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    done: Option<bool>,
    #[serde(default)]
    count: Option<u64>,
}

impl Chunk {
    fn parse(line: &[u8]) -> Option<Chunk> {
        serde_json::from_slice(line).ok().filter(|chunk: &Chunk| chunk.done.is_some() || chunk.count.is_some())
    }
}

/// The joined CSV text.
pub struct Chunks {
    lines: Window,
    text: Vec<u8>,
    given: usize,
}

impl Chunks {
    /// Whether the input begins with a line of such a stream.
    pub fn begin(window: &mut Window) -> bool {
        let line = first_line(window);
        window.bytes()[..line].starts_with(b"{\"csv\"") && Chunk::parse(&window.bytes()[..line]).is_some()
    }

    pub fn new(lines: Window) -> Chunks {
        Chunks { lines, text: Vec::new(), given: 0 }
    }

    /// Takes the text of the next line. False at the end of the stream.
    fn advance(&mut self) -> Result<bool> {
        if self.lines.skip(|byte| byte.is_ascii_whitespace()).is_none() {
            return self.lines.failure().map_or(Ok(false), |reason| Err(Error::other(reason.to_owned())));
        }
        let length = first_line(&mut self.lines);
        let chunk = Chunk::parse(&self.lines.bytes()[..length]).ok_or_else(|| Error::other("a broken line in an export stream"))?;
        if let Some(error) = chunk.error.filter(|error| !error.is_empty()) {
            return Err(Error::other(format!("the gateway broke off: {error}")));
        }
        self.lines.consume(length);
        self.text = chunk.csv.into_bytes();
        self.given = 0;
        Ok(true)
    }
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        while self.given == self.text.len() {
            if !self.advance()? {
                return Ok(0);
            }
        }
        let count = (&self.text[self.given..]).read(buffer)?;
        self.given += count;
        Ok(count)
    }
}

/// The length of the line at the start of the window.
fn first_line(window: &mut Window) -> usize {
    loop {
        if let Some(length) = memchr::memchr(b'\n', window.bytes()) {
            return length;
        }
        if window.bytes().len() > ROW_LIMIT || !window.more() {
            return window.bytes().len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(lines: &'static str) -> Result<String> {
        let mut window = Window::new(Box::new(lines.as_bytes()));
        window.more();
        assert!(Chunks::begin(&mut window));
        let mut text = String::new();
        Chunks::new(window).read_to_string(&mut text).map(|_| text)
    }

    #[test]
    fn chunks_join() {
        let lines =
            "{\"csv\":\"\\ufeffmodel,quota\\na,\",\"count\":1}\n{\"csv\":\"1\\n\",\"count\":1}\n{\"csv\":\"\",\"done\":true}\n";
        assert_eq!(joined(lines).unwrap(), "\u{feff}model,quota\na,1\n");
    }

    #[test]
    fn an_error_of_the_gateway_breaks_off() {
        let lines = "{\"csv\":\"model\",\"count\":1}\n{\"csv\":\"\",\"done\":true,\"error\":\"timeout\"}\n";
        assert_eq!(joined(lines).unwrap_err().to_string(), "the gateway broke off: timeout");
    }
}
