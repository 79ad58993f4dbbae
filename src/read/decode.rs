//! Other encodings to UTF-8, as a stream in constant memory.

use std::io::{Read, Result};

use encoding_rs::{Decoder, Encoding};

const BLOCK: usize = 64 << 10;

/// A stream of UTF-8 text. Bytes that the encoding does not know become U+FFFD.
pub struct Decoded {
    source: Box<dyn Read + Send>,
    decoder: Decoder,
    input: Vec<u8>,
    unread: (usize, usize),
    output: Vec<u8>,
    ungiven: (usize, usize),
    ended: bool,
}

impl Decoded {
    /// A byte order mark at the start wins over `encoding`, and is left out.
    pub fn new(source: Box<dyn Read + Send>, encoding: &'static Encoding) -> Decoded {
        let decoder = encoding.new_decoder();
        Decoded {
            source,
            decoder,
            input: vec![0; BLOCK],
            unread: (0, 0),
            output: vec![0; BLOCK * 2],
            ungiven: (0, 0),
            ended: false,
        }
    }

    fn advance(&mut self) -> Result<()> {
        if self.unread.0 == self.unread.1 {
            let count = self.source.read(&mut self.input)?;
            self.unread = (0, count);
            self.ended = count == 0;
        }
        let bytes = &self.input[self.unread.0..self.unread.1];
        let (_, read, written, _) = self.decoder.decode_to_utf8(bytes, &mut self.output, self.ended);
        self.unread.0 += read;
        self.ungiven = (0, written);
        Ok(())
    }
}

impl Read for Decoded {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        while self.ungiven.0 == self.ungiven.1 {
            if self.ended {
                return Ok(0);
            }
            self.advance()?;
        }
        let count = (&self.output[self.ungiven.0..self.ungiven.1]).read(buffer)?;
        self.ungiven.0 += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives at most three bytes at a time.
    struct Drip(std::io::Cursor<Vec<u8>>);

    impl Read for Drip {
        fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
            let count = buffer.len().min(3);
            self.0.read(&mut buffer[..count])
        }
    }

    #[test]
    fn characters_may_lie_across_reads() {
        let text = "额度,モデル,x\n".repeat(20_000);
        for encoding in [encoding_rs::GBK, encoding_rs::SHIFT_JIS, encoding_rs::UTF_8] {
            let text = if encoding == encoding_rs::GBK { text.replace("モデル", "模型") } else { text.replace("额", "額") };
            let bytes = encoding.encode(&text).0.into_owned();
            let mut decoded = String::new();
            Decoded::new(Box::new(Drip(std::io::Cursor::new(bytes))), encoding).read_to_string(&mut decoded).unwrap();
            assert!(decoded == text, "{}", encoding.name());
        }
    }
}
