//! A stream read ahead: several threads read its blocks in turn, and look at them while they wait to be used.
//!
//! ```text
//! stream ─▶ block 4 (read) ─▶ blocks 3, 2 (a scout looks at them) ─▶ block 1 (ready) ─▶ block 0 (at hand)
//! ```
//!
//! Blocks are read under one lock, so they follow each other; they are handed out in that order, whichever was done first. A block ends
//! behind a line end, and has more than one piece only where a line is longer than that. Whoever waits for a block does a
//! part of the work itself, so that one thread alone is enough.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use memchr::memrchr;

use super::window::{BLOCK, ROW_LIMIT};

/// Who looks at blocks before they are used.
pub trait Scout: Send + Sync {
    /// Called once for each block, by any thread, in any order. So many bytes of the text are before it.
    fn look(&self, offset: u64, block: &[u8]);
}

/// Bytes that stand one behind the other.
#[derive(Debug, Default)]
pub struct Block {
    /// As long as it ever was; only the start of it is filled.
    pub buffer: Vec<u8>,
    pub length: usize,
    /// Nothing follows.
    pub is_last: bool,
    /// Why, if that is not the end of the stream.
    pub failure: Option<String>,
}

/// Blocks in their order.
#[allow(missing_debug_implementations)]
pub struct ReadAhead(Arc<Shared>);

struct Shared {
    scout: Arc<dyn Scout>,
    state: Mutex<State>,
    changed: Condvar,
    /// So many blocks are read and not handed out.
    depth: u64,
}

struct State {
    /// None while somebody reads.
    source: Option<Source>,
    /// How many blocks were read, and how many handed out.
    read: u64,
    taken: u64,
    ready: BTreeMap<u64, Block>,
    /// Buffers that can be used again.
    spare: Vec<Vec<u8>>,
    /// Nothing is to be read any more.
    is_over: bool,
}

/// What is not read yet.
struct Source {
    stream: Box<dyn Read + Send>,
    /// The start of a line that goes on.
    rest: Vec<u8>,
    offset: u64,
}

impl ReadAhead {
    /// Reads the stream behind some bytes that are at hand; `rest` is the start of its first line, and `offset` the place of that.
    pub fn new(stream: Box<dyn Read + Send>, rest: Vec<u8>, offset: u64, threads: usize, scout: Arc<dyn Scout>) -> ReadAhead {
        let source = Some(Source { stream, rest, offset });
        let state = State { source, read: 0, taken: 0, ready: BTreeMap::new(), spare: Vec::new(), is_over: false };
        let depth = threads as u64 + 2;
        let shared = Arc::new(Shared { scout, state: Mutex::new(state), changed: Condvar::new(), depth });
        for _ in 1..threads {
            let shared = Arc::clone(&shared);
            // Where no thread can be had, the others do its work.
            let _ = thread::Builder::new().spawn(move || shared.work_on());
        }
        ReadAhead(shared)
    }

    /// The next block. Nobody may ask behind the last one.
    pub fn next(&self) -> Block {
        let mut state = self.0.state();
        loop {
            let number = state.taken;
            if let Some(block) = state.ready.remove(&number) {
                state.taken += 1;
                self.0.changed.notify_all();
                return block;
            }
            state = match self.0.begin(&mut state) {
                Some(source) => {
                    drop(state);
                    self.0.work(source);
                    self.0.state()
                }
                None => self.0.wait(state),
            };
        }
    }

    /// Takes a buffer back.
    pub fn give_back(&self, buffer: Vec<u8>) {
        let mut state = self.0.state();
        if state.spare.len() < self.0.depth as usize {
            state.spare.push(buffer);
        }
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        self.0.state().is_over = true;
        self.0.changed.notify_all();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'s>(&self, state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the source, if a block is to be read and nobody else reads.
    fn begin(&self, state: &mut State) -> Option<Source> {
        let is_wanted = !state.is_over && state.read < state.taken + self.depth;
        if is_wanted { state.source.take() } else { None }
    }

    /// What each thread does.
    fn work_on(&self) {
        let mut state = self.state();
        while !state.is_over {
            state = match self.begin(&mut state) {
                Some(source) => {
                    drop(state);
                    self.work(source);
                    self.state()
                }
                None => self.wait(state),
            };
        }
    }

    /// Reads a block, puts the source back, and has the block looked at.
    fn work(&self, mut source: Source) {
        let buffer = self.state().spare.pop().unwrap_or_default();
        let (offset, block) = (source.offset, source.read(buffer));
        source.offset += block.length as u64;
        let number = {
            let mut state = self.state();
            state.source = Some(source);
            state.is_over |= block.is_last;
            state.read += 1;
            state.read - 1
        };
        self.changed.notify_all();
        // A block that a scout fails at is not lost: its rows are read one by one, and the failure shows there.
        let _ = catch_unwind(AssertUnwindSafe(|| self.scout.look(offset, block.bytes())));
        self.state().ready.insert(number, block);
        self.changed.notify_all();
    }
}

impl Source {
    /// The next block, in a buffer.
    fn read(&mut self, buffer: Vec<u8>) -> Block {
        let mut block = Block { buffer, ..Block::default() };
        block.make_room(self.rest.len());
        block.buffer[..self.rest.len()].copy_from_slice(&self.rest);
        block.length = self.rest.len();
        self.rest.clear();
        loop {
            let known = block.length;
            block.make_room(known + 1);
            let wanted = block.buffer.len();
            block.fill(&mut self.stream, wanted);
            let line_end = memrchr(b'\n', &block.buffer[known..block.length]).map(|at| known + at + 1);
            match line_end.filter(|_| !block.is_last) {
                Some(end) => {
                    self.rest.extend_from_slice(&block.buffer[end..block.length]);
                    block.length = end;
                    return block;
                }
                None if block.is_last || block.length > ROW_LIMIT => return block,
                None => {}
            }
        }
    }
}

impl Block {
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[..self.length]
    }

    /// Reads until there are so many bytes, for which the buffer has room.
    pub fn fill(&mut self, stream: &mut dyn Read, wanted: usize) {
        while self.length < wanted && !self.is_last {
            match stream.read(&mut self.buffer[self.length..]) {
                Ok(0) => self.is_last = true,
                Ok(count) => self.length += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.is_last = true;
                    self.failure = Some(error.to_string());
                }
            }
        }
    }

    /// Puts the next block behind the bytes from a place on. The buffer that is free then is given back.
    pub fn go_on(&mut self, start: usize, next: Block) -> Vec<u8> {
        if start == self.length {
            return std::mem::replace(self, next).buffer;
        }
        self.buffer.truncate(self.length);
        self.buffer.drain(..start);
        self.buffer.extend_from_slice(next.bytes());
        self.length = self.buffer.len();
        (self.is_last, self.failure) = (next.is_last, next.failure);
        next.buffer
    }

    /// Makes the buffer longer, if it has no room for so many bytes.
    fn make_room(&mut self, least: usize) {
        if self.buffer.len() < least {
            self.buffer.resize(least.next_multiple_of(BLOCK), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes what it looked at.
    #[derive(Default)]
    struct Noted(Mutex<BTreeMap<u64, Vec<u8>>>);

    impl Scout for Noted {
        fn look(&self, offset: u64, block: &[u8]) {
            self.0.lock().unwrap().insert(offset, block.to_vec());
        }
    }

    /// Gives a few bytes at a time, then fails.
    struct Drip(Vec<u8>, usize);

    impl Read for Drip {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let count = (self.0.len() - self.1).min(buffer.len()).min(1_000);
            if count == 0 {
                return Err(std::io::Error::other("worn out"));
            }
            buffer[..count].copy_from_slice(&self.0[self.1..][..count]);
            self.1 += count;
            Ok(count)
        }
    }

    #[test]
    fn blocks_come_in_order_end_with_lines_and_are_looked_at_once() {
        let mut text: Vec<u8> = (0..90_000).flat_map(|number: u32| format!("line {number}\n").into_bytes()).collect();
        text.extend(vec![b'x'; 2 * BLOCK]);
        text.extend(b"\nthe end");
        for threads in [1, 2, 5] {
            let scout = Arc::new(Noted::default());
            let stream = Box::new(Drip(text.clone(), 0));
            let ahead = ReadAhead::new(stream, b"begun ".to_vec(), 7, threads, Arc::clone(&scout) as Arc<dyn Scout>);
            let (mut all, mut offset) = (Vec::new(), 7);
            loop {
                let block = ahead.next();
                let bytes = block.bytes();
                assert_eq!(scout.0.lock().unwrap().remove(&offset).as_deref(), Some(bytes));
                offset += bytes.len() as u64;
                all.extend_from_slice(bytes);
                if block.is_last {
                    assert_eq!(block.failure.as_deref(), Some("worn out"));
                    break;
                }
                assert!(bytes.ends_with(b"\n"));
                ahead.give_back(block.buffer);
            }
            assert_eq!(all, [b"begun ".as_slice(), &text].concat());
        }
    }

    #[test]
    fn what_has_no_line_end_comes_in_pieces() {
        let stream = Box::new(std::io::repeat(b'x').take(2 * ROW_LIMIT as u64));
        let ahead = ReadAhead::new(stream, Vec::new(), 0, 2, Arc::new(Noted::default()));
        let lengths = [ahead.next().length, ahead.next().length];
        assert!(lengths[0] > ROW_LIMIT && lengths.iter().sum::<usize>() == 2 * ROW_LIMIT);
    }
}
