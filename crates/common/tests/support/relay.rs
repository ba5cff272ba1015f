//! Somebody on the way between two programs: a relay that records what passes, and may change it.
//!
//! One file for all crates, taken in by `#[path]`. It runs on threads of its own, so that it serves
//! tests with a runtime and without one.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::spawn;

/// The length of a greeting, which is handed to an edit as a whole.
const GREETING: usize = 40;

/// The direction in which bytes pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// From the caller to the called.
    Up,
    /// Back.
    Down,
}

/// What is done to the bytes that pass: their way, how many passed that way before, and the bytes.
/// Returns what is passed on instead; `None` cuts the connection.
type Edit = dyn Fn(Way, usize, Vec<u8>) -> Option<Vec<u8>> + Send + Sync;

/// A relay to one address. Its threads end with the test's process.
pub(crate) struct Relay {
    /// where callers reach it
    pub(crate) addr: String,
    passed: Arc<Mutex<[Vec<u8>; 2]>>,
    /// the connections that were made, on both sides
    connections: Arc<Mutex<Vec<TcpStream>>>,
    is_shut: Arc<AtomicBool>,
}

/// Uses everything, because the compiler would otherwise warn a test that uses only a part.
const _: () = {
    let _ = (Relay::to, Relay::passed, Relay::has_passed);
    let _ = (Relay::shut, Relay::open);
    let _ = Way::Up;
};

impl Relay {
    /// A relay to `target` that changes nothing.
    pub(crate) fn to(target: &str) -> Self {
        Self::with(target, |_, _, bytes| Some(bytes))
    }

    /// A relay to `target` that does `edit` to what passes.
    pub(crate) fn with<E>(target: &str, edit: E) -> Self
    where
        E: Fn(Way, usize, Vec<u8>) -> Option<Vec<u8>> + Send + Sync + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("bound").to_string();
        let target: SocketAddr = target.parse().expect("a numeric address");
        let (edit, passed): (Arc<Edit>, _) = (Arc::new(edit), Arc::default());
        let to_record = Arc::clone(&passed);
        let (connections, is_shut) = (Arc::default(), Arc::<AtomicBool>::default());
        let (made, shut) = (Arc::clone(&connections), Arc::clone(&is_shut));
        spawn(move || {
            for caller in listener.incoming().flatten() {
                let mut made: MutexGuard<'_, Vec<_>> = lock(&made);
                if shut.load(Ordering::SeqCst) {
                    continue; // hangs up on the caller
                }
                let Ok(called) = TcpStream::connect(target) else {
                    continue; // hangs up on the caller
                };
                let ends = [&caller, &called].map(TcpStream::try_clone);
                made.extend(ends.into_iter().flatten());
                for way in [Way::Up, Way::Down] {
                    let both = (caller.try_clone(), called.try_clone());
                    let (Ok(caller), Ok(called)) = both else {
                        return;
                    };
                    let (edit, record) = (edit.clone(), Arc::clone(&to_record));
                    spawn(move || match way {
                        Way::Up => pass(way, caller, called, &*edit, &record),
                        Way::Down => pass(way, called, caller, &*edit, &record),
                    });
                }
            }
        });
        Self {
            addr,
            passed,
            connections,
            is_shut,
        }
    }

    /// Cuts all connections, as the end of a process does, and hangs up on new callers.
    pub(crate) fn shut(&self) {
        self.is_shut.store(true, Ordering::SeqCst);
        for connection in lock(&self.connections).drain(..) {
            let _ = connection.shutdown(Shutdown::Both); // fails if it has ended
        }
    }

    /// Lets callers through again.
    pub(crate) fn open(&self) {
        self.is_shut.store(false, Ordering::SeqCst);
    }

    /// Returns what has passed so far that way, before any edit, on all connections.
    pub(crate) fn passed(&self, way: Way) -> Vec<u8> {
        lock(&self.passed)[way as usize].clone()
    }

    /// Returns whether `text` could be read in what has passed, in either direction.
    pub(crate) fn has_passed(&self, text: &str) -> bool {
        let is_in = |bytes: Vec<u8>| {
            bytes
                .windows(text.len())
                .any(|part| part == text.as_bytes())
        };
        [Way::Up, Way::Down]
            .iter()
            .any(|way| is_in(self.passed(*way)))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Passes bytes on until one end is gone, then cuts both.
fn pass(
    way: Way,
    mut from: TcpStream,
    mut to: TcpStream,
    edit: &Edit,
    passed: &Mutex<[Vec<u8>; 2]>,
) {
    let mut before = 0;
    let mut room = vec![0; 64 * 1024];
    loop {
        let read = if before == 0 {
            from.read_exact(&mut room[..GREETING]).map(|()| GREETING)
        } else {
            from.read(&mut room)
        };
        let Ok(length @ 1..) = read else { break };
        let bytes = room[..length].to_vec();
        let mut record = lock(passed);
        record[way as usize].extend_from_slice(&bytes);
        drop(record);
        let Some(bytes) = edit(way, before, bytes) else {
            break;
        };
        before += length;
        if to.write_all(&bytes).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
