//! What lies between a server and its clients, and can be shut.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::Duration;

/// Between two looks at whether the door is open.
const POLL: Duration = Duration::from_millis(5);

/// See the module.
pub struct Door {
    pub address: SocketAddr,
    state: Arc<AtomicU8>,
}

pub const OPEN: u8 = 0;
/// Connections stay, bytes wait.
pub const SHUT: u8 = 1;
/// Connections end, and so do new ones.
pub const GONE: u8 = 2;

impl Door {
    pub fn to(node: &str) -> Self {
        let node = node.to_socket_addrs().unwrap().next().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(AtomicU8::new(OPEN));
        let door = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming() {
                if door.load(Ordering::Relaxed) == GONE {
                    continue;
                }
                let (client, server) = (client.unwrap(), TcpStream::connect(node).unwrap());
                let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
                for (from, to) in [(client, server), back] {
                    let door = Arc::clone(&door);
                    thread::spawn(move || carry(from, to, &door));
                }
            }
        });
        Self { address, state }
    }

    pub fn set(&self, state: u8) {
        self.state.store(state, Ordering::Relaxed);
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, state: &AtomicU8) {
    let mut bytes = [0; 1 << 16];
    from.set_read_timeout(Some(POLL)).unwrap();
    while state.load(Ordering::Relaxed) != GONE {
        let count = match from.read(&mut bytes) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
            Err(_) => break,
        };
        while state.load(Ordering::Relaxed) == SHUT {
            thread::sleep(POLL);
        }
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    // An end that is gone already needs no telling.
    let _ = to.shutdown(Shutdown::Both);
}
