//! The yardstick for a fan-out: what the kernel alone takes to bring the same bytes to many sockets, and to have them
//! read. Threads that do nothing else send to their share of the sockets, one thread reads them all.

#![forbid(unsafe_code)]

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use clap::Parser;
use rustix::buffer::spare_capacity;
use rustix::event::epoll;

/// Bytes of a frame with one message.
const FRAME_BYTES: usize = 330;
/// Between two rounds, so that nothing of the last is left.
const PAUSE: Duration = Duration::from_millis(100);

/// Sends the same to many sockets, and reads it.
#[derive(Parser)]
struct Arguments {
    #[arg(long, default_value = "10000")]
    sockets: NonZeroUsize,
    /// Threads that send, as a server's shards do.
    #[arg(long, default_value = "2")]
    senders: NonZeroUsize,
    #[arg(long, default_value = "50")]
    rounds: NonZeroUsize,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(mut took) => {
            took.sort_unstable();
            let at = |part: usize| took[(took.len() - 1) * part / 100];
            let line = format!("all have it: p50 {:?}, p99 {:?}", at(50), at(99));
            // Where even this can't be printed, there is nobody to tell.
            let _ = writeln!(io::stdout(), "{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "bare_fan_out: {error}");
            ExitCode::FAILURE
        }
    }
}

/// How long each round took until all had been read.
fn run(arguments: &Arguments) -> io::Result<Vec<Duration>> {
    rookery_bench::scenario::allow_open_files();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let addr = listener.local_addr()?;
    let mut shares: Vec<Vec<TcpStream>> = Vec::new();
    shares.resize_with(arguments.senders.get(), Vec::new);
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let mut readers = Vec::with_capacity(arguments.sockets.get());
    for number in 0..arguments.sockets.get() {
        let reader = TcpStream::connect(addr)?;
        let (sender, _) = listener.accept()?;
        sender.set_nodelay(true)?;
        shares[number % arguments.senders.get()].push(sender);
        let data = epoll::EventData::new_u64(number as u64);
        epoll::add(&epoll, &reader, data, epoll::EventFlags::IN)?;
        readers.push(reader);
    }
    let (starts, threads): (Vec<_>, Vec<_>) = shares.into_iter().map(send_when_told).unzip();
    let mut took = Vec::with_capacity(arguments.rounds.get());
    for _ in 0..arguments.rounds.get() {
        thread::sleep(PAUSE);
        let began = Instant::now();
        for start in &starts {
            start
                .send(())
                .map_err(|_| io::Error::other("a sender has ended"))?;
        }
        read_all(&epoll, &mut readers)?;
        took.push(began.elapsed());
    }
    drop(starts);
    for thread in threads {
        thread
            .join()
            .map_err(|_| io::Error::other("a sender panicked"))??;
    }
    Ok(took)
}

/// A thread that sends one frame to each of its sockets whenever it is told to.
fn send_when_told(mut sockets: Vec<TcpStream>) -> (Sender<()>, JoinHandle<io::Result<()>>) {
    let (start, starts) = channel();
    let send = move || {
        let frame = [b'x'; FRAME_BYTES];
        for () in starts {
            for socket in &mut sockets {
                socket.write_all(&frame)?;
            }
        }
        Ok(())
    };
    (start, thread::spawn(send))
}

/// Reads a frame from each socket.
fn read_all(epoll: impl std::os::fd::AsFd, readers: &mut [TcpStream]) -> io::Result<()> {
    let mut events = Vec::with_capacity(1024);
    let mut buffer = [0; 64 * 1024];
    let mut missing = readers.len() * FRAME_BYTES;
    while missing > 0 {
        events.clear();
        epoll::wait(&epoll, spare_capacity(&mut events), None)?;
        for event in &events {
            match readers[event.data.u64() as usize].read(&mut buffer)? {
                0 => return Err(io::Error::other("a sender has ended")),
                read => missing -= read,
            }
        }
    }
    Ok(())
}
