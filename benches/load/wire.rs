//! Just enough HTTP/1.1 of a client to measure others: one request after the other on a connection, answers with
//! a content-length or in chunks.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::Failure;

/// What is asked, and of whom.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) address: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// A connection that is kept.
pub(crate) struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    buffer: Vec<u8>,
}

/// Longer than any gateway's own deadline: who is silent for so long is broken.
const SILENCE: Duration = Duration::from_secs(30);

impl Connection {
    pub(crate) fn open(target: &Target) -> Result<Self, Failure> {
        let stream = TcpStream::connect(&target.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE))?;
        Ok(Self {
            stream,
            request: request_bytes(target),
            buffer: Vec::with_capacity(64 * 1024),
        })
    }

    /// Asks once more and takes the whole answer.
    pub(crate) fn ask(&mut self) -> Result<Answer, Failure> {
        self.stream.write_all(&self.request)?;
        self.buffer.clear();
        let body_start = self.fill_until(0, b"\r\n\r\n")?;
        let head = std::str::from_utf8(self.buffer.get(..body_start).unwrap_or_default())?.to_ascii_lowercase();
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .ok_or("an answer without a status")?;
        let field = |name: &str| {
            let mut fields = head.lines().filter_map(|line| line.split_once(':'));
            fields
                .find(|(field, _)| *field == name)
                .map(|(_, value)| value.trim().to_owned())
        };
        let body = if field("transfer-encoding").is_some_and(|coding| coding == "chunked") {
            self.chunks(body_start)?
        } else {
            let length: usize = field("content-length").ok_or("an answer without a length")?.parse()?;
            self.fill_to(body_start + length)?;
            self.buffer
                .get(body_start..body_start + length)
                .unwrap_or_default()
                .to_vec()
        };
        Ok(Answer { status, body })
    }

    fn chunks(&mut self, mut at: usize) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        loop {
            let data = self.fill_until(at, b"\r\n")?;
            let size = std::str::from_utf8(self.buffer.get(at..data - 2).unwrap_or_default())?;
            let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16)?;
            self.fill_to(data + size + 2)?;
            if size == 0 {
                return Ok(body);
            }
            body.extend_from_slice(self.buffer.get(data..data + size).unwrap_or_default());
            at = data + size + 2;
        }
    }

    /// Reads until `end` stands in the buffer at or after `from`; gives where it ends.
    fn fill_until(&mut self, from: usize, end: &[u8]) -> Result<usize, Failure> {
        loop {
            let unread = self.buffer.get(from..).unwrap_or_default();
            if let Some(found) = unread.windows(end.len()).position(|window| window == end) {
                return Ok(from + found + end.len());
            }
            self.read_more()?;
        }
    }

    fn fill_to(&mut self, length: usize) -> Result<(), Failure> {
        while self.buffer.len() < length {
            self.read_more()?;
        }
        Ok(())
    }

    fn read_more(&mut self) -> Result<(), Failure> {
        let mut piece = [0; 64 * 1024];
        let read = self.stream.read(&mut piece)?;
        if read == 0 {
            return Err("the connection was closed within an answer".into());
        }
        self.buffer.extend_from_slice(piece.get(..read).unwrap_or_default());
        Ok(())
    }
}

/// One request on a connection of its own.
pub(crate) fn fetch(target: &Target) -> Result<Answer, Failure> {
    Connection::open(target)?.ask()
}

fn request_bytes(target: &Target) -> Vec<u8> {
    let mut request = format!("GET {} HTTP/1.1\r\nhost: {}\r\n", target.path, target.address);
    for (name, value) in &target.headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    request.into_bytes()
}
