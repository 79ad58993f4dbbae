//! Where results go: a file that is written whole or not at all, or a terminal of some width.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::outcome::Failure;

/// Columns of the terminal; a pipe gets a wide table that is not broken.
pub fn terminal_width(to_terminal: bool) -> u16 {
    if !to_terminal {
        return 160;
    }
    let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    columns.unwrap_or(100).clamp(60, 400)
}

/// Writes a file whole or not at all: beside it first, then in its place.
pub fn write_whole<T>(path: &Path, write: impl FnOnce(&mut dyn Write) -> Result<T, Failure>) -> Result<T, Failure> {
    let problem = |error: io::Error| Failure::usage(format!("cannot write `{}`: {error}", path.display()), None);
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let beside = PathBuf::from(name);
    let mut file = io::BufWriter::new(std::fs::File::create(&beside).map_err(problem)?);
    let result = write(&mut file).and_then(|value| file.flush().map_err(problem).map(|()| value));
    let result = result.and_then(|value| std::fs::rename(&beside, path).map_err(problem).map(|()| value));
    if result.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    result
}
