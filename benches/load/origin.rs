//! An origin that answers from memory, with the whole answer made beforehand, or of so many entities that they are made as they
//! are asked for. It reads of a request no more than its first line, so that the processors are left to the contestants.

use std::borrow::Cow;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use crate::Failure;
use crate::command_line::OriginRole;
use crate::made::Made;
use crate::workload::{Canned, Workload};

/// An answer with its head.
struct Answer {
    when: Cow<'static, str>,
    bytes: Vec<u8>,
}

/// What an origin has to say.
enum Answers {
    /// To whatever is asked.
    Canned(Vec<Answer>),
    /// Made of what is asked.
    Made(Made),
}

impl Answers {
    fn to(&self, target: &str) -> Cow<'_, [u8]> {
        match self {
            Self::Made(made) => Cow::Owned(made.answer(target)),
            Self::Canned(answers) => {
                let fitting = answers.iter().find(|answer| target.contains(&*answer.when));
                let nothing = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".as_slice();
                Cow::Borrowed(fitting.map_or(nothing, |answer| &answer.bytes))
            }
        }
    }
}

/// Serves on a free port, whose address is the first line printed.
pub(crate) fn serve(role: &OriginRole) -> Result<(), Failure> {
    let runtime = runtime()?;
    let listener = runtime.block_on(listener())?;
    println!("{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    let answers = match role.workload {
        Workload::W10 => Answers::Made(Made::new(role.number)),
        workload => with_heads(workload.canned()),
    };
    runtime.block_on(accept_all(listener, Arc::new(answers)))
}

/// An origin on a thread of this process, for what one workload alone needs.
pub(crate) struct Origin {
    address: SocketAddr,
}

impl Origin {
    pub(crate) fn in_this_process(canned: Vec<Canned>) -> Result<Self, Failure> {
        let runtime = runtime()?;
        let listener = runtime.block_on(listener())?;
        let address = listener.local_addr()?;
        let answers = Arc::new(with_heads(canned));
        // Ends with the rig.
        std::thread::spawn(move || runtime.block_on(accept_all(listener, answers)).ok());
        Ok(Self { address })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }
}

fn runtime() -> Result<Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

async fn listener() -> Result<TcpListener, Failure> {
    Ok(TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?)
}

async fn accept_all(listener: TcpListener, answers: Arc<Answers>) -> Result<(), Failure> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let answers = Arc::clone(&answers);
        // A client that breaks off ends its connection and nothing else.
        tokio::spawn(async move { answer_all(stream, &answers).await.ok() });
    }
}

fn with_heads(canned: Vec<Canned>) -> Answers {
    Answers::Canned(canned.into_iter().map(with_head).collect())
}

fn with_head(canned: Canned) -> Answer {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nfiware-total-count: {}\r\ncontent-length: {}\r\n\r\n",
        canned.total,
        canned.body.len()
    );
    Answer {
        when: canned.when,
        bytes: [head.as_bytes(), canned.body.as_bytes()].concat(),
    }
}

/// Requests without bodies, one after the other.
async fn answer_all(mut stream: TcpStream, answers: &Answers) -> Result<(), Failure> {
    let mut buffer = Vec::with_capacity(8 * 1024);
    loop {
        while let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let line = buffer.split(|byte| *byte == b'\r').next().unwrap_or_default();
            let target = std::str::from_utf8(line)?.split(' ').nth(1).unwrap_or_default();
            stream.write_all(&answers.to(target)).await?;
            buffer.drain(..end + 4);
        }
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
    }
}
