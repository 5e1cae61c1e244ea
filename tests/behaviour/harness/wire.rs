//! Bytes as they are, over a connection of one's own.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::PATIENCE;

/// The address in a URL of this machine.
pub(crate) fn address_of(url: &str) -> SocketAddr {
    let (_, address) = url.split_once("://").unwrap();
    address.parse().unwrap()
}

/// Connects from another address of this machine, `127.0.0.host`.
pub(crate) async fn connect_from(host: u8, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, host], 0))).unwrap();
    socket.connect(to).await.unwrap()
}

/// What a server says until it ends the connection. A reset is an end, too.
pub(crate) async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut answered = Vec::new();
    let reading = async {
        let mut piece = vec![0; 16 * 1024];
        while let Ok(read @ 1..) = stream.read(&mut piece).await {
            answered.extend_from_slice(&piece[..read]);
        }
    };
    let read = tokio::time::timeout(PATIENCE, reading).await;
    let answered = String::from_utf8_lossy(&answered).into_owned();
    assert!(read.is_ok(), "the connection is kept after {answered}");
    answered
}

/// Sends bytes in pieces, and returns what is answered until the connection ends.
pub(crate) async fn converse(to: SocketAddr, pieces: impl IntoIterator<Item = impl AsRef<[u8]>>) -> String {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for piece in pieces {
        // It may have been closed by now, with an answer.
        if stream.write_all(piece.as_ref()).await.is_err() {
            break;
        }
    }
    read_to_end(&mut stream).await
}
