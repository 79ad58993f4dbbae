//! Where results go: a file that is written whole or not at all, or a terminal of some width.

use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::outcome::Failure;

/// Columns of the terminal; a pipe gets a wide table that is not broken.
pub fn terminal_width(to_terminal: bool) -> u16 {
    if !to_terminal {
        return 160;
    }
    let told = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let seen = || terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| width.0);
    told.or_else(seen).unwrap_or(80).clamp(60, 400)
}

/// The file that a result goes to; none where it goes to standard output, which has names as well. Opened by such a name, a file behind
/// standard output would lose what others write there.
pub fn file_of(output: Option<&PathBuf>) -> Option<&Path> {
    output.map(PathBuf::as_path).filter(|path| !is_standard_output(path))
}

/// Whether a place is standard output.
pub fn is_standard_output(path: &Path) -> bool {
    ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].into_iter().any(|name| path.as_os_str() == name)
}

/// Writes a result to its file, or to standard output.
pub fn write_result<T>(
    output: Option<&PathBuf>,
    out: &mut dyn Write,
    write: impl FnOnce(&mut dyn Write) -> Result<T, Failure>,
) -> Result<T, Failure> {
    match file_of(output) {
        Some(path) => write_whole(path, write),
        None => write(out),
    }
}

/// Writes a file whole or not at all.
pub fn write_whole<T>(path: &Path, write: impl FnOnce(&mut dyn Write) -> Result<T, Failure>) -> Result<T, Failure> {
    let mut file = WholeFile::create(path)?;
    let result = write(&mut file)?;
    file.keep()?;
    Ok(result)
}

/// Refuses to write over what is read.
pub fn keep_apart<'r, 'w>(
    read: impl Iterator<Item = &'r PathBuf>,
    written: impl Iterator<Item = &'w PathBuf> + Clone,
) -> Result<(), Failure> {
    for read in read {
        if let Some(written) = written.clone().find(|written| is_same_file(read, written)) {
            let message = format!("`{}` is read, and would be written over", written.display());
            return Err(Failure::usage(message, Some("name another place for the result".to_owned())));
        }
    }
    Ok(())
}

fn is_same_file(read: &Path, written: &Path) -> bool {
    if read.as_os_str() == "-" {
        return is_standard_input(written);
    }
    let place = |path: &Path| std::fs::canonicalize(path).ok().filter(|path| path.is_file());
    place(read).is_some_and(|read| Some(read) == place(written))
}

/// Whether a file is the one that standard input comes from.
#[cfg(unix)]
fn is_standard_input(path: &Path) -> bool {
    use std::os::fd::AsFd;
    use std::os::unix::fs::MetadataExt;

    let input = io::stdin().as_fd().try_clone_to_owned().and_then(|input| File::from(input).metadata());
    let file = |data: io::Result<Metadata>| data.ok().filter(Metadata::is_file).map(|data| (data.dev(), data.ino()));
    file(input).is_some_and(|input| Some(input) == file(std::fs::metadata(path)))
}

#[cfg(not(unix))]
fn is_standard_input(_path: &Path) -> bool {
    false
}

/// A file on its way: it grows beside its place, and takes it when it is whole. A file that is dropped before leaves nothing behind, and what stood
/// in its place stays. A file that stands there already must allow to be written, and leaves its permissions.
#[derive(Debug)]
pub struct WholeFile {
    path: PathBuf,
    /// Where it grows; none where the place is no regular file (a device, a pipe) and is written to as it is.
    beside: Option<PathBuf>,
    file: io::BufWriter<File>,
}

impl WholeFile {
    pub fn create(path: &Path) -> Result<WholeFile, Failure> {
        let before = std::fs::metadata(path).ok();
        // What a program opens by its number may be a file that others write to as well.
        let is_open = ["/dev/fd", "/dev/stderr", "/proc"].into_iter().any(|folder| path.starts_with(folder));
        let is_special = is_open || before.as_ref().is_some_and(|data| !data.is_file() && !data.is_dir());
        // A link keeps leading where it leads.
        let place = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let beside = (!is_special).then(|| {
            let mut name = place.as_os_str().to_owned();
            name.push(format!(".{}.tmp", std::process::id()));
            PathBuf::from(name)
        });
        let opened = match &beside {
            Some(beside) => create_like(before.as_ref().filter(|data| data.is_file()), &place, beside),
            None => File::options().append(true).open(&place),
        };
        let file = opened.map_err(|error| problem(path, &error))?;
        Ok(WholeFile { path: place, beside, file: io::BufWriter::new(file) })
    }

    /// Puts the file in its place.
    pub fn keep(mut self) -> Result<(), Failure> {
        let flushed = self.file.flush();
        let moved = flushed.and_then(|()| match &self.beside {
            Some(beside) => std::fs::rename(beside, &self.path),
            None => Ok(()),
        });
        moved.map_err(|error| problem(&self.path, &error))?;
        self.beside = None;
        Ok(())
    }

    /// Says which file could not be written.
    pub fn problem(&self, error: &io::Error) -> Failure {
        problem(&self.path, error)
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if let Some(beside) = &self.beside {
            let _ = std::fs::remove_file(beside);
        }
    }
}

/// Creates a file that is to take the place of another one: with its permissions, if they allow that.
fn create_like(before: Option<&Metadata>, place: &Path, beside: &Path) -> io::Result<File> {
    let Some(before) = before else { return File::create(beside) };
    if before.permissions().readonly() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the file is read-only"));
    }
    File::options().write(true).open(place)?;
    let file = File::create(beside)?;
    let kept = file.set_permissions(before.permissions());
    kept.inspect_err(|_| drop(std::fs::remove_file(beside)))?;
    Ok(file)
}

fn problem(path: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("cannot write `{}`: {error}", path.display()), None)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_leaves_its_permissions_to_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        let write = || write_whole(&path, |out| Ok(out.write_all(b"new")?));
        std::fs::write(&path, "old").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        write().unwrap();
        assert_eq!((mode(), std::fs::read(&path).unwrap().as_slice()), (0o600, b"new".as_slice()));
        std::fs::write(&path, "old").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o400)).unwrap();
        assert!(write().unwrap_err().to_string().ends_with("the file is read-only"));
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
