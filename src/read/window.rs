//! The bytes of an input that were read and not consumed yet: a buffer that grows only as one row needs it.

use std::io::Read;
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
    block: Block,
    /// Where the unread bytes of the block begin.
    start: usize,
    line: u64,
    offset: u64,
}

/// Where more bytes come from.
enum Source {
    Stream(Box<dyn Read + Send>),
    Ahead(ReadAhead),
}

impl Window {
    pub fn new(source: Box<dyn Read + Send>) -> Window {
        let block = Block { buffer: vec![0; BLOCK], ..Block::default() };
        Window { source: Source::Stream(source), block, start: 0, line: 1, offset: 0 }
    }

    /// Bytes that begin on a line, with nothing behind them.
    pub fn of(bytes: &[u8], line: u64) -> Window {
        let block = Block { buffer: bytes.to_vec(), length: bytes.len(), is_last: true, failure: None };
        Window { source: Source::Stream(Box::new(std::io::empty())), block, start: 0, line, offset: 0 }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.block.buffer[self.start..self.block.length]
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
        self.block.failure.as_deref()
    }

    /// Whether all bytes of the input are at hand.
    pub fn ended(&self) -> bool {
        self.block.is_last
    }

    /// Has the bytes behind those at hand read ahead by several threads, and looked at. The line that the bytes at hand end in is read anew.
    pub fn read_ahead(&mut self, threads: usize, scout: Arc<dyn Scout>) {
        let cut = memrchr(b'\n', self.bytes()).map_or(self.start, |at| self.start + at + 1);
        if let (Source::Stream(stream), false) = (&mut self.source, self.block.is_last) {
            let stream = std::mem::replace(stream, Box::new(std::io::empty()));
            let rest = self.block.buffer[cut..self.block.length].to_vec();
            self.block.length = cut;
            let offset = self.offset + self.bytes().len() as u64;
            self.source = Source::Ahead(ReadAhead::new(stream, rest, offset, threads, scout));
        }
    }

    /// Reads more bytes behind those at hand. False at the end of the input.
    pub fn more(&mut self) -> bool {
        if self.block.is_last {
            return false;
        }
        let before = self.bytes().len();
        if matches!(self.source, Source::Stream(_)) {
            self.make_room();
        }
        match &mut self.source {
            Source::Stream(stream) => {
                // A row longer than a block is scanned anew each time: let it grow in large steps.
                let wanted = if before > BLOCK { self.block.buffer.len() } else { self.block.length + 1 };
                self.block.fill(stream, wanted);
            }
            Source::Ahead(ahead) => {
                ahead.give_back(self.block.go_on(self.start, ahead.next()));
                self.start = 0;
            }
        }
        self.bytes().len() > before
    }

    fn make_room(&mut self) {
        if self.start >= self.block.buffer.len() / 2 || self.start == self.block.length {
            self.block.buffer.copy_within(self.start..self.block.length, 0);
            self.block.length -= self.start;
            self.start = 0;
        }
        if self.block.length == self.block.buffer.len() {
            self.block.buffer.resize(self.block.buffer.len() * 2, 0);
        }
    }

    /// Consumes `count` of the bytes at hand.
    pub fn consume(&mut self, count: usize) {
        let count = count.min(self.bytes().len());
        let lines = memchr::memchr_iter(b'\n', &self.bytes()[..count]).count();
        self.consume_lines(count, lines as u64);
    }

    /// Consumes `count` of the bytes at hand, with so many line ends in them.
    pub fn consume_lines(&mut self, count: usize, lines: u64) {
        let count = count.min(self.bytes().len());
        self.line += lines;
        self.offset += count as u64;
        self.start += count;
    }

    /// The next byte that `skip` does not name, without consuming it; none at the end.
    pub fn skip(&mut self, skip: impl Fn(u8) -> bool) -> Option<u8> {
        loop {
            let found = self.bytes().iter().position(|byte| !skip(*byte));
            self.consume(found.unwrap_or(self.bytes().len()));
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
