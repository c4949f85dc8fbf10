//! Waiting on the executor's ring for a descriptor that the executor does not own.

use std::os::fd::{AsFd, BorrowedFd, FromRawFd as _, IntoRawFd as _, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_io::AsyncRead;
use glommio::net::TcpStream;
use glommio::timer::Timer;

/// How soon a descriptor is looked at again that could not be waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// A descriptor, and the wait for something to be read from it.
///
/// glommio 0.9 can't wait for a descriptor as such. A stream that it makes of one does: it asks the ring
/// for readiness first, and reads behind that. It is given no room to read to, so that it takes nothing,
/// and a duplicate, since it closes what it was made of.
pub(crate) struct Readable {
    fd: OwnedFd,
    wait: Option<Wait>,
}

enum Wait {
    Ready(Box<TcpStream>),
    /// No descriptor was left for a duplicate.
    Timer(Timer),
}

impl Readable {
    pub(crate) const fn new(fd: OwnedFd) -> Self {
        Self { fd, wait: None }
    }

    /// Ready when there may be something to read, at least once for each time that something came.
    pub(crate) fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let wait = self.wait.get_or_insert_with(|| begin(&self.fd));
        match wait {
            // What an attempt to read nothing says is of no interest: only that it was made.
            Wait::Ready(stream) => drop(ready!(Pin::new(stream).poll_read(context, &mut []))),
            Wait::Timer(timer) => drop(ready!(Pin::new(timer).poll(context))),
        }
        self.wait = None;
        Poll::Ready(())
    }
}

impl AsFd for Readable {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn begin(fd: &OwnedFd) -> Wait {
    let Ok(duplicate) = rustix::io::fcntl_dupfd_cloexec(fd, 0) else {
        return Wait::Timer(Timer::new(LOOK_AGAIN));
    };
    // SAFETY: the descriptor was owned, and its ownership ends with `into_raw_fd`; the stream is its
    // only owner from here on.
    let stream = unsafe { TcpStream::from_raw_fd(duplicate.into_raw_fd()) };
    Wait::Ready(Box::new(stream))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use std::future::poll_fn;
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;
    use std::thread;

    use glommio::LocalExecutor;

    #[test]
    fn it_waits_for_each_piece_and_takes_nothing() {
        let (mut writer, reader) = UnixStream::pair().unwrap();
        let mut from = reader.try_clone().unwrap();
        let writing = thread::spawn(move || {
            for byte in 0..10 {
                thread::sleep(Duration::from_millis(2));
                writer.write_all(&[byte]).unwrap();
            }
            writer
        });
        LocalExecutor::default().run(async {
            let mut readable = Readable::new(reader.into());
            from.set_nonblocking(true).unwrap();
            let (mut taken, mut vain) = (Vec::new(), 0);
            while taken.len() < 10 {
                poll_fn(|context| readable.poll_readable(context)).await;
                let mut bytes = [0; 16];
                match from.read(&mut bytes) {
                    Ok(count) => taken.extend_from_slice(&bytes[..count]),
                    Err(_) => vain += 1,
                }
            }
            assert_eq!(taken, (0..10).collect::<Vec<u8>>());
            assert_eq!(vain, 0, "it never says so while there is nothing");
        });
        drop(writing.join().unwrap());
    }
}
