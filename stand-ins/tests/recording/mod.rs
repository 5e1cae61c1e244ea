//! Reading recorded exchanges and sending them again, byte by byte where the HTTP library lets them through.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One message: the first line, header fields and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) first_line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// A request and the answer that a real Orion gave.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) number: usize,
    pub(crate) request: Message,
    pub(crate) answer: Message,
}

impl Message {
    fn read(text: &str) -> Self {
        let text = text.replace("\r\n", "\n");
        let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
        let mut lines = head.lines();
        let first_line = lines.next().unwrap_or_default().to_owned();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Self {
            first_line,
            headers,
            body: body.trim_end().to_owned(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find_map(|(other, value)| (other == name).then_some(value.as_str()))
    }

    pub(crate) fn status(&self) -> u16 {
        let code = self.first_line.split(' ').nth(1).unwrap();
        code.parse().unwrap()
    }
}

/// All exchanges of a recording, in order.
pub(crate) fn exchanges(recording: &str) -> Vec<Exchange> {
    format!("\n{recording}")
        .split("\n### ")
        .skip(1)
        .map(|text| {
            let (title, rest) = text.split_once('\n').unwrap();
            let (request, answer) = rest.split_once("\n--- response\n").unwrap();
            // What a subscriber received afterwards is noted behind the answer.
            let answer = answer.split(">>> NOTIFICATIONS").next().unwrap();
            let number = title.split(' ').next().unwrap().parse().unwrap();
            Exchange {
                number,
                request: Message::read(request),
                answer: Message::read(answer),
            }
        })
        .collect()
}

/// Sends a recorded request on a connection of its own.
pub(crate) async fn send(address: SocketAddr, request: &Message) -> Message {
    // The recording's client sent these two bare; HTTP libraries insist on their being encoded.
    let first_line = request.first_line.replace('<', "%3C").replace('>', "%3E");
    let mut text = format!("{first_line}\r\n");
    for (name, value) in &request.headers {
        let value = match name.as_str() {
            "connection" => continue,
            "content-length" => request.body.len().to_string(),
            _ => value.clone(),
        };
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("Connection: close\r\n\r\n");
    text.push_str(&request.body);
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    Message::read(&String::from_utf8(answer).unwrap())
}
