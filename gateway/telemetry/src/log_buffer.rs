//! Lines of the log on their way out. Those that report routine wait for a moment and leave together, because a system
//! call for each answered request is a tenth of what the smallest answer costs; a warning or an error leaves at once,
//! behind whatever waited before it.

use std::io::Write;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How long a line may wait: less than anybody who follows a log notices, and all that a killed process can lose.
const LONGEST_WAIT: Duration = Duration::from_millis(20);

/// Bytes that may wait. Beyond, whoever has a line to add waits until they have left: a reader that does not keep up
/// slows the gateway down, and never makes it grow.
const MOST_WAITING: usize = 256 * 1024;

/// Where lines wait. Clones share it.
#[derive(Clone)]
pub(super) struct LogBuffer {
    shared: Arc<Shared>,
    /// Whether a thread lets lines leave that wait.
    may_wait: bool,
}

struct Shared {
    waiting: Mutex<Vec<u8>>,
    arrived: Condvar,
    /// Held while lines leave, and taken before `waiting`: that keeps them in order.
    out: Mutex<Out>,
}

struct Out {
    writer: Box<dyn Write + Send>,
    /// What is leaving; its memory is used again.
    leaving: Vec<u8>,
}

impl LogBuffer {
    /// Lines leave through `writer`, by a thread that lives as long as the process. Where the system gives none, each
    /// line leaves at once.
    pub(super) fn new(writer: impl Write + Send + 'static) -> Self {
        let shared = Arc::new(Shared {
            waiting: Mutex::default(),
            arrived: Condvar::new(),
            out: Mutex::new(Out {
                writer: Box::new(writer),
                leaving: Vec::new(),
            }),
        });
        let own = Arc::clone(&shared);
        let routine = move || {
            loop {
                own.wait_for_lines();
                thread::sleep(LONGEST_WAIT);
                own.flush();
            }
        };
        let may_wait = thread::Builder::new().name("log".to_owned()).spawn(routine).is_ok();
        Self { shared, may_wait }
    }

    /// Adds a line, which ends with a line feed. `at_once`: it does not wait.
    pub(super) fn line(&self, line: &[u8], at_once: bool) {
        let mut waiting = lock(&self.shared.waiting);
        let was_empty = waiting.is_empty();
        waiting.extend_from_slice(line);
        let must_leave = at_once || !self.may_wait || waiting.len() > MOST_WAITING;
        drop(waiting);
        if must_leave {
            self.shared.flush();
        } else if was_empty {
            self.shared.arrived.notify_one();
        }
    }

    /// Lets everything leave that waits.
    pub(super) fn flush(&self) {
        self.shared.flush();
    }
}

impl Shared {
    fn wait_for_lines(&self) {
        let waiting = lock(&self.waiting);
        let _has_lines = self.arrived.wait_while(waiting, |waiting| waiting.is_empty());
    }

    fn flush(&self) {
        let mut out = lock(&self.out);
        let Out { writer, leaving } = &mut *out;
        mem::swap(&mut *lock(&self.waiting), leaving);
        // Nobody could be told that the log cannot be written.
        let _ = writer.write_all(leaving);
        leaving.clear();
    }
}

/// The lines are whole whoever has panicked: they are added by one call.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    struct Seen(Sender<Vec<u8>>);

    impl Write for Seen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn buffer() -> (LogBuffer, Receiver<Vec<u8>>) {
        let (sender, receiver) = channel();
        (LogBuffer::new(Seen(sender)), receiver)
    }

    #[test]
    fn what_waits_leaves_by_itself() {
        let (buffer, seen) = buffer();
        buffer.line(b"routine\n", false);
        assert_eq!(seen.recv().unwrap(), b"routine\n");
        buffer.line(b"again\n", false);
        assert_eq!(seen.recv().unwrap(), b"again\n");
    }

    #[test]
    fn an_error_takes_along_what_waited_before_it() {
        let (buffer, seen) = buffer();
        buffer.line(b"1\n", false);
        buffer.line(b"2\n", true);
        let mut all = Vec::new();
        while all.len() < 4 {
            all.extend(seen.recv().unwrap());
        }
        assert_eq!(all, b"1\n2\n");
    }

    #[test]
    fn lines_of_many_threads_stay_whole_and_none_is_lost() {
        let (buffer, seen) = buffer();
        thread::scope(|scope| {
            for thread in 0..4 {
                let buffer = &buffer;
                scope.spawn(move || {
                    for number in 0..1000 {
                        buffer.line(format!("{thread}-{number}\n").as_bytes(), number % 100 == 0);
                    }
                });
            }
        });
        buffer.flush();
        let all: Vec<u8> = seen.try_iter().flatten().collect();
        let all = String::from_utf8(all).unwrap();
        for thread in 0..4 {
            let of_thread = all.lines().filter_map(|line| line.strip_prefix(&format!("{thread}-")));
            let numbers: Vec<usize> = of_thread.map(|number| number.parse().unwrap()).collect();
            assert_eq!(numbers, (0..1000).collect::<Vec<_>>());
        }
    }
}
