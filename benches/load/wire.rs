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
    /// Where a `Link` leads to as the next page.
    pub(crate) next: Option<String>,
    /// `NGSILD-Results-Count`
    pub(crate) count: Option<usize>,
}

/// A connection that is kept.
pub(crate) struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    buffer: Vec<u8>,
    target: Target,
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
            target: target.clone(),
        })
    }

    /// Asks for another path from now on.
    pub(crate) fn turn_to(&mut self, path: &str) {
        path.clone_into(&mut self.target.path);
        self.request = request_bytes(&self.target);
    }

    /// Asks once more and takes the whole answer.
    pub(crate) fn ask(&mut self) -> Result<Answer, Failure> {
        self.stream.write_all(&self.request)?;
        self.buffer.clear();
        let body_start = self.fill_until(0, b"\r\n\r\n")?;
        let said = std::str::from_utf8(self.buffer.get(..body_start).unwrap_or_default())?.to_owned();
        let head = said.to_ascii_lowercase();
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
        Ok(Answer {
            status,
            body,
            next: said.lines().find_map(next_page),
            count: field("ngsild-results-count").and_then(|count| count.parse().ok()),
        })
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

/// Where a line of a head leads to as the next page.
fn next_page(line: &str) -> Option<String> {
    let (name, value) = line.split_once(':')?;
    let mut links = value.split('<').filter(|_| name.eq_ignore_ascii_case("link"));
    links.find_map(|link| {
        let (path, parameters) = link.split_once('>')?;
        parameters.contains("rel=\"next\"").then(|| path.to_owned())
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_the_next_page_is_found_among_others_as_it_is_written() {
        let line = "Link: <urn:c>; rel=\"http://www.w3.org/ns/json-ld#context\", </e?a=b,C&cursor=xY>;rel=\"next\", </e>;rel=\"prev\"";
        assert_eq!(next_page(line).as_deref(), Some("/e?a=b,C&cursor=xY"));
        assert_eq!(next_page("link: </e>; rel=\"prev\""), None);
        assert_eq!(next_page("x-link: </e>; rel=\"next\""), None);
    }
}
