//! What the kernel knows of the server's end of a connection, as long as that
//! is on this machine: how many bytes the server's program has not read yet.
//!
//! `/proc/net/tcp` says the same, but it lists every connection of the machine,
//! which takes a tenth of a second where many have just ended. This asks for
//! one.

use std::net::{IpAddr, SocketAddr};

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink,
    recv, send, socket_with,
};

/// The length of the header of a message.
const HEADER: usize = 16;

/// Of all messages, the one that asks for a socket, and the answer to it.
const SOCK_DIAG_BY_FAMILY: u16 = 20;

const NLM_F_REQUEST: u16 = 1;

const TCP: u8 = 6;

/// Where the answer has the number of bytes that wait to be read.
const RQUEUE: usize = HEADER + 56;

/// How many bytes wait to be read at the end of a connection that has the
/// address `at` and comes from `from`; `None` if this kernel does not say.
pub(crate) fn unread(at: SocketAddr, from: SocketAddr) -> Option<u32> {
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        Some(netlink::SOCK_DIAG),
    )
    .ok()?;
    send(&socket, &request(at, from), SendFlags::empty()).ok()?;
    let mut answer = [0; 1024];
    let (_, length) =
        recv(&socket, &mut answer[..], RecvFlags::DONTWAIT).ok()?;
    let answer = &answer[..length];
    let kind = answer.get(4..)?.first_chunk()?;
    if u16::from_ne_bytes(*kind) != SOCK_DIAG_BY_FAMILY {
        return None;
    }
    let queue = answer.get(RQUEUE..)?.first_chunk()?;
    Some(u32::from_ne_bytes(*queue))
}

fn request(at: SocketAddr, from: SocketAddr) -> Vec<u8> {
    // A server that listens at `::` is found by its IPv4 addresses, too.
    let (ours, theirs) = (at.ip().to_canonical(), from.ip().to_canonical());
    let family = match ours {
        IpAddr::V4(_) => AddressFamily::INET,
        IpAddr::V6(_) => AddressFamily::INET6,
    };
    let mut body = Vec::new();
    body.extend([u8::try_from(family.as_raw()).unwrap_or(0), TCP, 0, 0]);
    // In any state.
    body.extend(u32::MAX.to_ne_bytes());
    body.extend(at.port().to_be_bytes());
    body.extend(from.port().to_be_bytes());
    body.extend(octets(ours));
    body.extend(octets(theirs));
    // On any interface, and without the cookie of an earlier answer.
    body.extend(0_u32.to_ne_bytes());
    body.extend(u64::MAX.to_ne_bytes());
    let length = u32::try_from(HEADER + body.len()).unwrap_or(0);
    let mut message = Vec::new();
    message.extend(length.to_ne_bytes());
    message.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    message.extend(NLM_F_REQUEST.to_ne_bytes());
    // A sequence number, and the sender, which the kernel knows.
    message.extend([0; 8]);
    message.extend(body);
    message
}

/// An address as four words.
fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => {
            let mut octets = [0; 16];
            octets[..4].copy_from_slice(&address.octets());
            octets
        }
        IpAddr::V6(address) => address.octets(),
    }
}
