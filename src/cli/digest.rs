//! The sha256 of inputs: files are hashed before they are read, streams while they are.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::sources::{hash_of, hex};

/// The hash of one input.
#[derive(Debug)]
pub enum InputHash {
    Known(String),
    /// Of what was read so far.
    Growing(Arc<Mutex<Sha256>>),
}

impl InputHash {
    pub fn of_file(path: &Path) -> io::Result<InputHash> {
        Ok(InputHash::Known(hash_of(&[], &mut File::open(path)?)?))
    }

    /// The hash of a stream, and the stream that feeds it.
    pub fn of_stream<R: Read>(source: R) -> (InputHash, Hashed<R>) {
        let hasher = Arc::new(Mutex::new(Sha256::new()));
        (InputHash::Growing(Arc::clone(&hasher)), Hashed { source, hasher })
    }

    /// Lower-case hex.
    pub fn text(&self) -> String {
        match self {
            InputHash::Known(text) => text.clone(),
            InputHash::Growing(hasher) => hex(hasher.lock().unwrap_or_else(PoisonError::into_inner).clone()),
        }
    }
}

/// A stream that is hashed as it is read.
#[derive(Debug)]
pub struct Hashed<R> {
    source: R,
    hasher: Arc<Mutex<Sha256>>,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.hasher.lock().unwrap_or_else(PoisonError::into_inner).update(&buffer[..count]);
        Ok(count)
    }
}
