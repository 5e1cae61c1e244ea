//! A chunked body, followed strictly to its end (RFC 9112 clause 7.1): it finds where the next request begins and
//! changes nothing.

/// The largest chunk, which is no bound of a body: what a length can be.
const LARGEST: u64 = i64::MAX as u64;

/// Where in a chunked body the bytes are that come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunks {
    /// In the size of a chunk, of which this was read so far; `None`: before its first digit.
    Size(Option<u64>),
    /// Behind the size, in white space or an extension.
    Extension { size: u64, began: bool },
    /// At the LF behind a size.
    SizeEnd(u64),
    /// In the data of a chunk, of which so much is left.
    Data(u64),
    /// At the CR behind the data.
    DataCr,
    /// At the LF behind the data.
    DataLf,
    /// At the beginning of a trailer line, or of the empty line that ends everything.
    TrailerStart,
    /// In a trailer line.
    Trailer,
    /// At the LF that ends a trailer line.
    TrailerLf,
    /// At the very last LF.
    LastLf,
    /// Behind it.
    End,
}

impl Chunks {
    /// At the beginning of a body.
    pub(super) const START: Self = Self::Size(None);

    /// Reads on, to the end of these bytes or of the body, and says how many were read.
    ///
    /// # Errors
    /// Which of these bytes must not be there.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<usize, usize> {
        let mut at = 0;
        while at < bytes.len() && *self != Self::End {
            let rest = bytes.get(at..).unwrap_or_default();
            match self {
                Self::Data(left) => {
                    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    *left -= taken as u64;
                    at += taken;
                    if *left == 0 {
                        *self = Self::DataCr;
                    }
                }
                _ => {
                    *self = rest.first().and_then(|byte| self.after(*byte)).ok_or(at)?;
                    at += 1;
                }
            }
        }
        Ok(at)
    }

    /// What comes after this byte; `None`: it must not be there.
    fn after(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Size(size), b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16)?;
                let size = size.unwrap_or(0).checked_mul(16)?.checked_add(u64::from(digit))?;
                if size > LARGEST {
                    return None;
                }
                Self::Size(Some(size))
            }
            (Self::Size(Some(size)) | Self::Extension { size, .. }, b'\r') => Self::SizeEnd(size),
            (Self::Size(Some(size)) | Self::Extension { size, began: false }, b' ' | b'\t') => {
                Self::Extension { size, began: false }
            }
            (Self::Size(Some(size)) | Self::Extension { size, began: false }, b';') => {
                Self::Extension { size, began: true }
            }
            // Some readers end a line here.
            (Self::Extension { began: true, .. } | Self::TrailerStart | Self::Trailer, b'\n') => return None,
            (Self::Extension { began: true, .. }, _) => self,
            (Self::SizeEnd(0) | Self::TrailerLf, b'\n') => Self::TrailerStart,
            (Self::SizeEnd(size), b'\n') => Self::Data(size),
            (Self::DataCr, b'\r') => Self::DataLf,
            (Self::DataLf, b'\n') => Self::START,
            (Self::TrailerStart, b'\r') => Self::LastLf,
            (Self::Trailer, b'\r') => Self::TrailerLf,
            (Self::TrailerStart | Self::Trailer, _) => Self::Trailer,
            (Self::LastLf, b'\n') => Self::End,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<usize, usize> {
        let mut chunks = Chunks::START;
        let whole = chunks.read(body.as_bytes());
        // Byte by byte it is the same.
        let mut piecewise = Chunks::START;
        let mut at = 0;
        for byte in body.as_bytes() {
            match piecewise.read(&[*byte]) {
                Ok(taken) => at += taken,
                Err(_) => {
                    assert_eq!(whole, Err(at), "{body:?}");
                    return whole;
                }
            }
        }
        assert_eq!((whole, chunks), (Ok(at), piecewise), "{body:?}");
        if chunks == Chunks::End { whole } else { Err(usize::MAX) }
    }

    #[test]
    fn bodies_end_where_they_end() {
        for body in [
            "0\r\n\r\n",
            "3\r\nabc\r\n0\r\n\r\n",
            "00A;name=\"v\nx\"".replace('\n', "-").as_str(),
        ] {
            let whole = format!("{body}\r\n0123456789\r\n0\r\nDigest: x\r\n\r\n");
            let body = if body.ends_with("\r\n\r\n") {
                body
            } else {
                whole.as_str()
            };
            assert_eq!(read(&format!("{body}GET /")), Ok(body.len()));
        }
        assert_eq!(read("1 \t; a\r\nx\r\nfF"), Err(usize::MAX), "more must come");
    }

    #[test]
    fn what_two_readers_may_read_differently_is_refused() {
        for (body, at) in [
            ("\r\n", 0),
            ("g\r\n", 0),
            ("0x1\r\n", 1),
            ("1\n", 1),
            ("1\r\r\n", 2),
            ("1;a\n", 3),
            ("1 2\r\n", 2),
            ("1\r\nab", 4),
            ("1\r\na\n", 4),
            ("1\r\na\rb", 5),
            ("0\r\n\n", 3),
            ("0\r\nA: b\nC", 7),
            ("0\r\nA: b\rC", 8),
            ("0\r\n\rX", 4),
            ("8000000000000000\r\n", 15),
            ("-1\r\n", 0),
        ] {
            assert_eq!(read(body), Err(at), "{body:?}");
        }
    }
}
