//! Reading a file whose name stands in the configuration: only what is a file, and no more of it than may be. A name may
//! lead anywhere, to a device that never ends or a pipe that nobody writes to, and who waits for one of these waits forever.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// Why a file cannot be read. It says nothing of the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Nothing has that name.
    #[error("there is no such file")]
    Absent,
    /// It is a folder, a device, a pipe or a socket.
    #[error("it is no file")]
    NoFile,
    /// It is larger than this many KiB.
    #[error("it is larger than {}", shown(*.0))]
    TooLarge(u64),
    /// The operating system does not allow it.
    #[error("it may not be read")]
    Denied,
    /// Anything else that the operating system says.
    #[error("{0}")]
    Other(io::ErrorKind),
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Absent,
            io::ErrorKind::PermissionDenied => Self::Denied,
            kind => Self::Other(kind),
        }
    }
}

fn shown(most: u64) -> String {
    const KIB: u64 = 1024;
    const MIB: u64 = 1024 * KIB;
    if most >= MIB {
        format!("{} MiB", most / MIB)
    } else {
        format!("{} KiB", most / KIB)
    }
}

/// Reads a file of at most so many bytes.
///
/// # Errors
/// [`Unreadable`]
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>, Unreadable> {
    // A device may do something by being opened alone.
    check(&std::fs::metadata(path)?, most)?;
    // Something else may stand there by now: nothing of it is waited for.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let opened = rustix::fs::open(path, flags, Mode::empty()).map_err(io::Error::from)?;
    let file = File::from(opened);
    check(&file.metadata()?, most)?;
    let mut bytes = Vec::new();
    // What grows meanwhile, or says of itself that it is empty, as files below /proc do, ends here, too.
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= most) {
        Ok(bytes)
    } else {
        Err(Unreadable::TooLarge(most))
    }
}

fn check(metadata: &Metadata, most: u64) -> Result<(), Unreadable> {
    if !metadata.is_file() {
        return Err(Unreadable::NoFile);
    }
    if metadata.len() > most {
        return Err(Unreadable::TooLarge(most));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rustix::fs::{CWD, FileType, mknodat};

    use super::*;

    const MOST: u64 = 2048;

    #[test]
    fn a_file_is_read_up_to_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for length in [0, 1, 2047, 2048] {
            std::fs::write(&path, "x".repeat(length)).unwrap();
            assert_eq!(read(&path, MOST).unwrap().len(), length);
        }
        std::fs::write(&path, "x".repeat(2049)).unwrap();
        assert_eq!(read(&path, MOST), Err(Unreadable::TooLarge(MOST)));
        assert_eq!(Unreadable::TooLarge(MOST).to_string(), "it is larger than 2 KiB");
        let link = folder.path().join("link");
        std::fs::write(&path, "x").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert_eq!(read(&link, MOST).unwrap(), b"x");
    }

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let socket = folder.path().join("socket");
        let _listening = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for path in [
            folder.path(),
            &pipe,
            &socket,
            Path::new("/dev/zero"),
            Path::new("/dev/ptmx"),
        ] {
            assert_eq!(read(path, MOST), Err(Unreadable::NoFile), "{}", path.display());
        }
        assert_eq!(read(&folder.path().join("nothing"), MOST), Err(Unreadable::Absent));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_says_that_it_is_empty_is_bounded_as_it_is_read() {
        let path = Path::new("/proc/self/maps");
        assert_eq!(std::fs::metadata(path).unwrap().len(), 0);
        assert_eq!(read(path, MOST), Err(Unreadable::TooLarge(MOST)));
    }
}
