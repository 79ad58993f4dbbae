//! The bytes of an input that were read and not consumed yet: a buffer that grows only as one row needs it.

use std::io::{ErrorKind, Read};
use std::sync::Arc;

use memchr::memrchr;

use super::ahead::{Block, ReadAhead, Scout};

/// The largest row. What is longer (a quote that never closes) is malformed.
pub const ROW_LIMIT: usize = 16 << 20;

/// So many bytes are read at once.
pub const BLOCK: usize = 128 << 10;

/// A view of a stream: [`Window::bytes`] are the unread bytes at hand, from a known line on.
#[allow(missing_debug_implementations)]
pub struct Window {
    source: Source,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    line: u64,
    offset: u64,
    ended: bool,
    failure: Option<String>,
}

/// Where more bytes come from.
enum Source {
    Stream(Box<dyn Read + Send>),
    Ahead(ReadAhead),
}

impl Window {
    pub fn new(source: Box<dyn Read + Send>) -> Window {
        Window {
            source: Source::Stream(source),
            buffer: vec![0; BLOCK],
            start: 0,
            end: 0,
            line: 1,
            offset: 0,
            ended: false,
            failure: None,
        }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// The line on which the unread bytes begin, counted from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// How many bytes were consumed.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Why the input ended before its end, if it did.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Whether all bytes of the input are at hand.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Has the bytes behind those at hand read ahead by several threads, and looked at. The line that the bytes at hand end in is read anew.
    pub fn read_ahead(&mut self, threads: usize, scout: Arc<dyn Scout>) {
        let cut = memrchr(b'\n', self.bytes()).map_or(self.start, |at| self.start + at + 1);
        if let (Source::Stream(stream), false) = (&mut self.source, self.ended) {
            let stream = std::mem::replace(stream, Box::new(std::io::empty()));
            let rest = self.buffer[cut..self.end].to_vec();
            self.end = cut;
            let offset = self.offset + self.bytes().len() as u64;
            self.source = Source::Ahead(ReadAhead::new(stream, rest, offset, threads, scout));
        }
    }

    /// Reads more bytes behind those at hand. False at the end of the input.
    pub fn more(&mut self) -> bool {
        if self.ended {
            return false;
        }
        let before = self.bytes().len();
        match &self.source {
            Source::Stream(_) => self.read_more(),
            Source::Ahead(ahead) => {
                let block = ahead.next();
                self.add(block);
            }
        }
        self.bytes().len() > before
    }

    fn add(&mut self, block: Block) {
        (self.ended, self.failure) = (block.is_last, block.failure);
        let spare = if self.bytes().is_empty() {
            (self.start, self.end) = (0, block.length);
            std::mem::replace(&mut self.buffer, block.buffer)
        } else {
            self.buffer.truncate(self.end);
            self.buffer.drain(..self.start);
            self.buffer.extend_from_slice(&block.buffer[..block.length]);
            (self.start, self.end) = (0, self.buffer.len());
            block.buffer
        };
        if let Source::Ahead(ahead) = &self.source {
            ahead.give_back(spare);
        }
    }

    fn read_more(&mut self) {
        self.make_room();
        // A row longer than a block is scanned anew each time: let it grow in large steps.
        let wanted = if self.bytes().len() > BLOCK { self.buffer.len() } else { self.end + 1 };
        while self.end < wanted && !self.ended {
            self.read_once();
        }
    }

    fn read_once(&mut self) {
        let Source::Stream(stream) = &mut self.source else { return };
        match stream.read(&mut self.buffer[self.end..]) {
            Ok(0) => self.ended = true,
            Ok(count) => self.end += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                self.ended = true;
                self.failure = Some(error.to_string());
            }
        }
    }

    fn make_room(&mut self) {
        if self.start >= self.buffer.len() / 2 || self.start == self.end {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
    }

    /// Consumes `count` of the bytes at hand.
    pub fn consume(&mut self, count: usize) {
        let count = count.min(self.end - self.start);
        let lines = memchr::memchr_iter(b'\n', &self.buffer[self.start..self.start + count]).count();
        self.consume_lines(count, lines as u64);
    }

    /// Consumes `count` of the bytes at hand, with so many line ends in them.
    pub fn consume_lines(&mut self, count: usize, lines: u64) {
        let count = count.min(self.end - self.start);
        self.line += lines;
        self.offset += count as u64;
        self.start += count;
    }

    /// The next byte that `skip` does not name, without consuming it; none at the end.
    pub fn skip(&mut self, skip: impl Fn(u8) -> bool) -> Option<u8> {
        loop {
            let found = self.bytes().iter().position(|byte| !skip(*byte));
            self.consume(found.unwrap_or(self.end - self.start));
            match found {
                Some(_) => return self.bytes().first().copied(),
                None if self.more() => {}
                None => return None,
            }
        }
    }

    /// Consumes the rest of the line and its end.
    pub fn skip_line(&mut self) {
        self.skip(|byte| byte != b'\n');
        self.consume(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time, then fails.
    struct Drip(Vec<u8>);

    impl Read for Drip {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.0.is_empty() {
                return Err(std::io::Error::other("worn out"));
            }
            buffer[0] = self.0.remove(0);
            Ok(1)
        }
    }

    #[test]
    fn lines_and_failures_are_kept() {
        let mut window = Window::new(Box::new(Drip(b"a\nbc\n\nd".to_vec())));
        window.skip_line();
        assert_eq!((window.line(), window.offset()), (2, 2));
        assert_eq!(window.skip(|byte| byte != b'd'), Some(b'd'));
        assert_eq!((window.line(), window.offset()), (4, 6));
        window.skip_line();
        assert_eq!((window.skip(|_| false), window.failure()), (None, Some("worn out")));
    }

    #[test]
    fn it_grows_past_a_block() {
        let mut window = Window::new(Box::new(std::io::repeat(b'x').take(3 * BLOCK as u64 + 7)));
        while window.more() {}
        assert_eq!(window.bytes().len(), 3 * BLOCK + 7);
        window.consume(usize::MAX);
        assert!(window.bytes().is_empty() && !window.more());
    }
}
